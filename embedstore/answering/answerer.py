"""A question or a picture into an answer that cites its neighbours, or says why there is none."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path

from embedstore.answering import generators, reading
from embedstore.answering.citations import citations
from embedstore.answering.confidence import Confidence, Task
from embedstore.answering.evidence import OwnGroup, gather, near
from embedstore.answering.features import agreement_of, features
from embedstore.answering.kept import known
from embedstore.answering.reading import Words
from embedstore.answering.types import Answer, Draft, Generator, Prompt
from embedstore.collection import Collection
from embedstore.errors import Invalid, SpaceMismatch

LEAST_SCORE = 0.3  # of the best neighbour; unrelated sentences and pictures of `mini` score less
# Of neighbours, where no confidence was measured: CIDEr-D / 10 of captions, a share of votes
LEAST_AGREEMENT: Mapping[Task, float] = {"caption": 0.02, "ask": 0.2}
_READS: Mapping[Task, Words] = {"caption": reading.captions, "ask": reading.anything}


@dataclass(frozen=True)
class Settings:
    """What an `Answerer` looks at, and when it would rather say nothing.

    Attributes:
        k: Neighbours that are shown to the generator.
        where: A filter over metadata; only what it allows is evidence.
        min_score: What scores less is no neighbour, and without one there is no answer.
        min_confidence: Answers less probably right are withheld; None takes the threshold that
            was measured for `risk`.
        min_agreement: Where no confidence was measured, neighbours that agree less disagree; None
            takes `LEAST_AGREEMENT`.
        risk: Share of the given answers that may be wrong; None takes what was measured for.
        leave_out: The query's own group; None lets everything be evidence.
        words: Says which words of an item count; None takes captions to make captions, and
            questions with answers as well to answer questions.
        lacking: What items lack where none has such words, for the reason of an abstention.
    """

    k: int = 8
    where: str | None = None
    min_score: float = LEAST_SCORE
    min_confidence: float | None = None
    min_agreement: float | None = None
    risk: float | None = None
    leave_out: OwnGroup | None = None
    words: Words | None = None
    lacking: str | None = None

    def check(self) -> None:
        """Refuse shares and scores that are none.

        Raises:
            Invalid: Names the one that is wrong.
        """
        for name in ("min_confidence", "min_agreement", "risk"):
            value = getattr(self, name)
            if value is not None and not 0.0 <= value <= 1.0:
                raise Invalid(f"{name} is {value}; expected 0 to 1")
        if not isfinite(self.min_score):
            raise Invalid(f"min_score is {self.min_score}; expected a number, such as 0.3")


class Answerer:
    """Retrieves, lets a generator write, and cites or abstains."""

    def __init__(
        self,
        collection: Collection,
        generator: Generator | str | None = None,
        settings: Settings | None = None,
        *,
        confidences: Mapping[Task, Confidence] | None = None,
    ) -> None:
        """Take a collection and what writes.

        Args:
            collection: Holds the evidence.
            generator: One, or its name; None takes the bundled head where it understands the
                collection's vectors, and else `consensus`.
            settings: Neighbours and thresholds.
            confidences: What was measured for each task; None takes what is kept beside the
                generator.

        Raises:
            NotFound: No generator is called so.
            SpaceMismatch: The generator understands vectors of another space.
            Invalid: A threshold is out of its range.
        """
        self.collection = collection
        self.settings = settings or Settings()
        self.settings.check()
        space = collection.info.space.fingerprint
        named = generators.best_for(space) if generator is None else generator
        self.generator = generators.load(named) if isinstance(named, str) else named
        understood = getattr(self.generator, "space", space)
        if understood != space:
            raise SpaceMismatch(
                f"the generator {self.generator.name} was trained on vectors of space "
                f"{understood}; collection {collection.name!r} holds space {space} "
                f"({collection.info.space.encoder}); choose `--generator consensus`, or train one "
                "with `embedstore train-head`"
            )
        self._confidences = confidences
        self._measured: dict[tuple[str, Task], Confidence | None] = {}

    def caption(self, image: Path | bytes) -> Answer:
        """Say what a picture shows, as far as its neighbours tell.

        Raises:
            BadImage: The picture cannot be read.
        """
        return self.captions([image])[0]

    def ask(self, question: str, image: Path | bytes | None = None) -> Answer:
        """Answer a question, about a picture where one is given.

        Raises:
            BadQuery: The question is empty or too long.
            BadImage: The picture cannot be read.
        """
        return self.decide([self.prompt(question, image)])[0]

    def captions(self, images: Iterable[Path | bytes]) -> list[Answer]:
        """Say what each of several pictures shows; see `caption`."""
        return self.decide([self.prompt(image=image) for image in images])

    def prompt(self, question: str | None = None, image: Path | bytes | None = None) -> Prompt:
        """Gather what may be used to answer; see `evidence.gather`."""
        held = self.settings
        words = held.words or _READS[_task(question)]
        return gather(
            self.collection,
            words,
            question,
            image,
            k=held.k,
            where=held.where,
            leave_out=held.leave_out,
        )

    def decide(self, prompts: Sequence[Prompt]) -> list[Answer]:
        """Let the generator write to prompts, and believe it or not.

        Raises:
            Unavailable: What the generator needs cannot be reached.
        """
        reasons = [self._silent(prompt) for prompt in prompts]
        prompts = [near(prompt, self.settings.min_score) for prompt in prompts]
        told = [prompt for prompt, reason in zip(prompts, reasons, strict=True) if reason is None]
        drafts = iter(self.generator.generate(told))
        return [
            self._answer(prompt, next(drafts))
            if reason is None
            else Answer(None, None, (), reason, self.generator.name)
            for prompt, reason in zip(prompts, reasons, strict=True)
        ]

    def confidence(self, task: Task, writer: str | None = None) -> Confidence | None:
        """Give what was measured for a task in the space of the collection, if anything was.

        Args:
            task: The task.
            writer: The generator that stood in, if one did.
        """
        if writer is None and self._confidences is not None:
            return self._confidences.get(task)
        name = writer or self.generator.name
        folder = None if writer else getattr(self.generator, "folder", None)
        if (name, task) not in self._measured:
            self._measured[name, task] = known(self.collection, name, task, folder)
        return self._measured[name, task]

    def _silent(self, prompt: Prompt) -> str | None:
        """Say why there is nothing to answer from; None where there is something."""
        if not prompt.evidence:
            if not self.collection.catalog.size(self.collection.info.id):
                return f"the collection {self.collection.name!r} is empty"
            usual = "a picture with a caption" if prompt.question is None else "words"
            lacking = self.settings.lacking or usual
            return (
                f"no item of the collection {self.collection.name!r} that may be used has {lacking}"
            )
        best = max(each.score for each in prompt.evidence)
        if best < self.settings.min_score:
            return f"no neighbours: the best scores {best:.2f}, below {self.settings.min_score:.2f}"
        return None

    def _answer(self, prompt: Prompt, draft: Draft) -> Answer:
        name = draft.writer or self.generator.name
        cited = citations(prompt.evidence, draft.support)
        if not draft.text.strip() or not cited:
            reason = "the generator found nothing in the neighbours that answers it"
            return Answer(None, None, (), reason, name)
        measured = self.confidence(_task(prompt.question), draft.writer)
        stated = None
        if measured is not None:
            stated = measured.of(features(prompt, draft))
        agreement = agreement_of(prompt, draft)
        doubt = self._doubt(_task(prompt.question), agreement, measured, stated)
        if doubt is not None:
            return Answer(None, stated, (), doubt, name)
        return Answer(draft.text, stated, cited, None, name)

    def _doubt(
        self, task: Task, agreement: float, measured: Confidence | None, stated: float | None
    ) -> str | None:
        """Say why a draft is not believed; None where it is."""
        floor = self.settings.min_agreement
        disagree = agreement < (LEAST_AGREEMENT[task] if floor is None else floor)
        apart = f"the neighbours disagree (agreement {agreement:.2f})"
        asked = self.settings.min_confidence
        if measured is None or stated is None:
            if asked or self.settings.risk is not None:
                return "how sure the answer is was never measured, and a confidence is asked for"
            return apart if disagree else None
        least = measured.threshold_for(self.settings.risk) if asked is None else asked
        if stated >= least:
            return None
        low = f"confidence {stated:.2f} is below {least:.2f}"
        if least > 1.0:
            low = f"no answer is surely right often enough (confidence {stated:.2f}); "
            low += f"the least risk that could be kept in measuring is {measured.least_risk()}"
        return f"{apart}: {low}" if disagree else low


def _task(question: str | None) -> Task:
    return "caption" if question is None else "ask"
