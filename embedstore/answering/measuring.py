"""How sure answers are, measured on items of a collection, each asked about without itself."""

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from embedstore.answering import reading
from embedstore.answering.answerer import Answerer
from embedstore.answering.confidence import LEAST, Confidence, Task
from embedstore.answering.evidence import OwnGroup, near
from embedstore.answering.judging import Judged, sureness
from embedstore.answering.kept import keep
from embedstore.collection import Collection
from embedstore.errors import BadImage, Invalid
from embedstore.types import Item

MOST = 500  # items of each task that are asked about
_SEED = 20260


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
    if max(Counter(case.task for case in cases).values(), default=0) < LEAST:
        raise _too_few(answerer.collection, len(cases))
    answered: dict[tuple[str, Task], list[Judged]] = defaultdict(list)
    for done, case in enumerate(cases, 1):
        drafted = _drafted(answerer, case)
        if drafted is not None:
            writer = drafted.draft.writer or answerer.generator.name
            answered[writer, case.task].append(drafted)
        if told is not None:
            told(done, len(cases))
    space = answerer.collection.info.space.fingerprint
    found = {
        of: sureness(of[1], each, space) for of, each in answered.items() if len(each) >= LEAST
    }
    if not found:
        raise _too_few(answerer.collection, sum(map(len, answered.values())))
    keep(answerer.collection, found)
    return found


def _too_few(collection: Collection, found: int) -> Invalid:
    return Invalid(
        f"{found:,} items of {collection.name!r} have captions and a picture that opens, or a "
        f"question and answers, and something near them; expected {LEAST} at least of one kind, "
        "answered by one generator; index more"
    )


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


def _drafted(answerer: Answerer, case: _Case) -> Judged | None:
    """Give the draft for an item; None where its picture does not open or nothing is near it."""
    settings = replace(answerer.settings, leave_out=OwnGroup((case.item.key,)))
    apart = Answerer(answerer.collection, answerer.generator, settings)
    question = None if case.task == "caption" else case.item.texts[0]
    try:
        prompt = near(apart.prompt(question, case.item.image), settings.min_score)
    except BadImage:
        return None
    if not prompt.evidence:
        return None
    draft = answerer.generator.generate([prompt])[0]
    return Judged(prompt, draft, case.said, case.item.image or case.item.key)
