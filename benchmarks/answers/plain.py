"""Answers that take no thought, which every generator has to beat."""

from collections import Counter
from collections.abc import Sequence

from embedstore.answering.types import Draft, Prompt


class Nearest:
    """Says what is said of the nearest neighbour."""

    name = "nearest"

    def generate(self, prompts: Sequence[Prompt]) -> list[Draft]:
        """Give the first caption, or the first answer, of the first piece of evidence."""
        return [self._one(prompt) for prompt in prompts]

    @staticmethod
    def _one(prompt: Prompt) -> Draft:
        if not prompt.evidence:
            return Draft("", (), 0.0)
        first = prompt.evidence[0]
        said = first.texts if prompt.question is None else first.answers
        return Draft(said[0] if said else "", (1.0, *(0.0 for _ in prompt.evidence[1:])), 0.0)


def most_frequent(answers: Sequence[str]) -> str:
    """Give the most frequent answer; of several the one that comes first."""
    ((answer, _),) = Counter(answers).most_common(1)
    return answer
