"""WUPS: how near an answer is to the right one in WordNet (Malinowski and Fritz 2014).

"A Multi-World Approach to Question Answering about Real-World Scenes based on Uncertain Input".
Two words are as near as Wu and Palmer (1994) say of their nearest meanings as nouns.
"""

import importlib
import importlib.util
from collections.abc import Callable, Sequence
from functools import cache
from math import prod

from embedstore.errors import Invalid

Similarity = Callable[[str, str], float]

LEAST = 0.9  # of two words, below which they hardly count
_FAR = 0.1  # times their similarity


def wups_missing() -> str | None:
    """Say why WUPS cannot be computed here; None where it can."""
    if importlib.util.find_spec("nltk") is None:
        return "nltk is not installed; pip install 'embedstore[scores]'"
    try:
        importlib.import_module("nltk.data").find("corpora/wordnet")
    except LookupError:
        return "nltk has no WordNet; python -m nltk.downloader wordnet"
    return None


def wordnet_similarity() -> Similarity:
    """Read WordNet, and give the similarity of two words as nouns, 0..1.

    Raises:
        Invalid: There is no nltk, or no WordNet; says what to install.
    """
    missing = wups_missing()
    if missing is not None:
        raise Invalid(missing)
    nouns = importlib.import_module("nltk.corpus").wordnet

    @cache
    def similarity(one: str, other: str) -> float:
        meanings = [nouns.synsets(word.replace(" ", "_"), "n") for word in (one, other)]
        return max(
            (a.wup_similarity(b) or 0.0 for a in meanings[0] for b in meanings[1]), default=0
        )

    return similarity


def wups(
    answer: str, answers: Sequence[str], similarity: Similarity, least: float = LEAST
) -> float:
    """Give the WUPS of one answer, the best over those that are right.

    Args:
        answer: The one to judge: things, with commas between.
        answers: What people answered.
        similarity: Of two words, 0..1; see `wordnet_similarity`.
        least: Words less similar count a tenth; 0 counts all in full.

    Returns:
        0..1; 0 for an empty answer.

    Raises:
        Invalid: There are no answers to compare with.
    """
    if not answers:
        raise Invalid("no answers to compare with; expected one or more")

    def near(one: str, other: str) -> float:
        score = 1.0 if one == other else similarity(one, other)
        return score if score >= least else _FAR * score

    def against(said: set[str], right: set[str]) -> float:
        forward = prod(max(near(one, other) for other in right) for one in said)
        back = prod(max(near(one, other) for one in said) for other in right)
        return min(forward, back)

    said = _things(answer)
    rights = [things for things in map(_things, answers) if things]
    return max((against(said, right) for right in rights if said), default=0.0)


def _things(answer: str) -> set[str]:
    named = (" ".join(each.replace("_", " ").lower().split()) for each in answer.split(","))
    return {each for each in named if each}
