"""How sure answers are, measured on items of a collection, each asked about without itself."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from embedstore.answering import confidence, reading
from embedstore.answering.answerer import Answerer
from embedstore.answering.confidence import LEAST, Confidence, Task
from embedstore.answering.evidence import OwnGroup, near
from embedstore.answering.features import features
from embedstore.answering.kept import keep
from embedstore.answering.types import Draft, Prompt
from embedstore.collection import Collection
from embedstore.errors import BadImage, Invalid
from embedstore.text_metrics import CiderD, vqa_accuracy
from embedstore.types import Item

MOST = 500  # items of each task that are asked about
_SEED = 20260
RIGHT = 0.5  # CIDEr-D with its own captions of a caption that counts as right
ABOUT: dict[Task, str] = {
    "caption": f"CIDEr-D of {RIGHT} or more with the item's own captions counts as right",
    "ask": "one of the item's own answers, after the official normaliser, counts as right",
}


@dataclass(frozen=True)
class _Case:
    task: Task
    item: Item
    said: tuple[str, ...]


def measure_answers(
    answerer: Answerer, most: int = MOST, told: Callable[[int, int], object] | None = None
) -> dict[tuple[str, Task], Confidence]:
    """Ask about items whose captions or answers are known, judge, and keep how sure answers were.

    Neither the item nor what looks or reads like it is evidence. Pictures that cannot be opened
    are passed over.

    Args:
        answerer: Its collection is asked, its generator writes.
        most: Items of each task, drawn always the same.
        told: Called after each item with how many are done, and of how many.

    Returns:
        By the writer, which may be one that stood in, and the task; also kept with the collection.

    Raises:
        Invalid: Too few items have captions and a picture, or a question and answers.
    """
    cases = _some(answerer.collection, most)
    answered: dict[tuple[str, Task], list[tuple[_Case, Prompt, Draft]]] = defaultdict(list)
    for done, case in enumerate(cases, 1):
        for prompt, draft in _drafts(answerer, case):
            writer = draft.writer or answerer.generator.name
            answered[writer, case.task].append((case, prompt, draft))
        if told is not None:
            told(done, len(cases))
    space = answerer.collection.info.space.fingerprint
    found = {
        of: _confidence(of[1], each, space) for of, each in answered.items() if len(each) >= LEAST
    }
    if not found:
        raise Invalid(
            f"{len(cases)} items of {answerer.collection.name!r} have captions and a picture, or a "
            f"question and answers, and were asked about; expected {LEAST} at least of one kind "
            "that a generator answers; index more"
        )
    keep(answerer.collection, found)
    return found


def _some(collection: Collection, most: int) -> list[_Case]:
    """Draw from all cases of each task, holding no more than are drawn (Vitter's algorithm R)."""
    drawn: dict[Task, list[_Case]] = {"caption": [], "ask": []}
    seen: Counter[Task] = Counter()
    rng = np.random.default_rng(_SEED)
    for case in filter(None, map(_case, collection)):
        held = drawn[case.task]
        seen[case.task] += 1
        place = int(rng.integers(seen[case.task]))
        if len(held) < most:
            held.append(case)
        elif place < most:
            held[place] = case
    return [*drawn["caption"], *drawn["ask"]]


def _case(item: Item) -> _Case | None:
    said = reading.anything(item)
    if said is not None and said.answers:
        return _Case("ask", item, said.answers)
    return None if said is None or item.image is None else _Case("caption", item, said.texts)


def _drafts(answerer: Answerer, case: _Case) -> Iterator[tuple[Prompt, Draft]]:
    """Give the draft for an item, if its picture opens and anything speaks of such things."""
    settings = replace(answerer.settings, leave_out=OwnGroup((case.item.key,)))
    apart = Answerer(answerer.collection, answerer.generator, settings)
    question = None if case.task == "caption" else case.item.texts[0]
    try:
        prompt = near(apart.prompt(question, case.item.image), settings.min_score)
    except BadImage:
        return
    if prompt.evidence:
        yield prompt, answerer.generator.generate([prompt])[0]


def _confidence(
    task: Task, answered: Sequence[tuple[_Case, Prompt, Draft]], space: str
) -> Confidence:
    said = [case.said for case, _, _ in answered]
    scorer = CiderD(said) if task == "caption" else None
    right = [
        scorer.score(draft.text, case.said) >= RIGHT
        if scorer is not None
        else vqa_accuracy(draft.text, case.said) >= 1
        for case, _, draft in answered
    ]
    return confidence.measure(
        [features(prompt, draft) for _, prompt, draft in answered],
        right,
        space=space,
        groups=[case.item.image or case.item.key for case, _, _ in answered],
        about={"right": ABOUT[task]},
    )
