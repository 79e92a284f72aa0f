"""Which words of an item may be used to answer, and what they are: captions, or replies."""

from collections.abc import Callable
from dataclasses import dataclass

from embedstore.types import Item


@dataclass(frozen=True)
class Said:
    """What an item says.

    Attributes:
        texts: Captions, or the question that its answers answer.
        answers: Each given by somebody; none where the item holds captions.
    """

    texts: tuple[str, ...]
    answers: tuple[str, ...] = ()


Words = Callable[[Item], Said | None]  # None: the item says nothing that counts


def anything(item: Item) -> Said | None:
    """Take captions, and questions with their answers."""
    texts = tuple(text for text in item.texts if text.strip())
    return Said(texts, answers_of(item)) if texts else None


def captions(item: Item) -> Said | None:
    """Take captions; a question says nothing of what its picture shows."""
    said = anything(item)
    return None if said is None or said.answers else said


def replies(item: Item) -> Said | None:
    """Take questions that hold answers."""
    said = anything(item)
    return said if said is not None and said.answers else None


def reports(item: Item) -> Said | None:
    """Take the report of an item, or its captions where it has none."""
    report = item.meta.get("report")
    if isinstance(report, str) and report.strip():
        return Said((report.strip(),))
    return captions(item)


def translations(language: str) -> Words:
    """Take captions with their translation into a language, such as `fr`."""

    def words(item: Item) -> Said | None:
        said, held = captions(item), item.meta.get("translations")
        told = held.get(language) if isinstance(held, dict) else None
        found = tuple(_strings(told))
        return Said(said.texts, found) if said is not None and found else None

    return words


def answers_of(item: Item) -> tuple[str, ...]:
    """Give the answers that an item's metadata holds; none where they are not words."""
    return tuple(_strings(item.meta.get("answers"))) or tuple(_strings(item.meta.get("answer")))


def _strings(value: object) -> list[str]:
    """Give a string, or a list of nothing but strings, without those that are blank."""
    held = value if isinstance(value, list | tuple) else [value]
    words = [each.strip() for each in held if isinstance(each, str)]
    return [each for each in words if each] if len(words) == len(held) else []
