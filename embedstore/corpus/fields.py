"""One line of a caption file into an entry: the names of its fields, and what may go wrong."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from embedstore.corpus.entry import Entry, Failure, entry, inside, printable
from embedstore.types import digest

TEXT_FIELDS = ("caption", "captions", "text", "texts")
QUESTION, ANSWER_FIELDS = "question", ("answer", "answers")
EXPECTED = (
    "an image, a caption or a question with answers (fields image; caption, captions, text or "
    "texts; question with answer or answers; key)"
)


class _BadLine(Exception):
    """What is wrong with a line."""


def entry_of(
    fields: Mapping[str, Any],
    place: str,
    source: Path,
    prefix: str | None,
    images: Path | None = None,
) -> Entry | Failure:
    """Make an entry of named fields.

    Args:
        fields: `image`, a caption or list of them, `key`; everything else is metadata. A
            `question` with answers is the text of an item of its own, so that several lines may
            ask about one picture; the answers are metadata.
        place: The line, for messages.
        source: The caption file.
        prefix: Start of the key; None takes the file's stem for keys made of image paths.
        images: Folder that relative image paths start from; None takes the caption file's.
    """
    known = place
    try:
        image = _text(fields, "image")
        question, answers = _question(fields), _answers(fields)
        asked = digest([question, answers])[:8] if question and answers else None
        known = key = _key(_text(fields, "key"), image, source, prefix, asked)
        texts = tuple(text for name in TEXT_FIELDS for text in _texts(fields, name))
        named: tuple[str, ...] = ("image", "key", *TEXT_FIELDS)
        answered = dict[str, Any]()
        if question and answers:
            named, answered = (*named, QUESTION, *ANSWER_FIELDS), {"answers": answers}
            texts = (question, *texts)
        if image is None and not texts:
            raise _BadLine("has neither image nor caption, nor a question with answers")
        meta = {name: value for name, value in fields.items() if name not in named} | answered
        folder = images or source.parent
        return entry(key, None if image is None else folder / image, texts, meta)
    except _BadLine as error:
        return failure(place, str(error), known)
    except UnicodeEncodeError:
        return failure(
            place, "holds characters that are not Unicode; save the file as UTF-8", known
        )


def _question(fields: Mapping[str, Any]) -> str | None:
    question = fields.get(QUESTION)
    return question if isinstance(question, str) and question.strip() else None


def _answers(fields: Mapping[str, Any]) -> list[str]:
    """Give the answers of a line; none where any is not words or a number."""
    held = [
        value
        for name in ANSWER_FIELDS
        for value in (fields[name] if isinstance(fields.get(name), list) else [fields.get(name)])
    ]
    told = [value for value in held if value is not None and value != ""]
    numbers_too = all(isinstance(each, str | int | float) for each in told)
    return [str(each) for each in told if str(each).strip()] if numbers_too else []


def failure(place: str, seen: str, key: str | None = None) -> Failure:
    """Say what is wrong with a line; where its key is unknown the line stands for it."""
    reason = f"{place}: {seen}; expected {EXPECTED}; correct the line"
    return Failure(printable(key or place), reason, blind=key in (None, place))


def _key(
    key: str | None, image: str | None, source: Path, prefix: str | None, asked: str | None
) -> str:
    if key is not None:
        return f"{prefix}/{key}" if prefix else key
    if image is None and asked is None:
        raise _BadLine("has no image, and no key to go by")
    name = prefix or printable(source.stem)
    if image is not None:
        name += f"/{printable(inside(image))}"
    return name if asked is None else f"{name}#{asked}"


def _text(fields: Mapping[str, Any], name: str) -> str | None:
    value = fields.get(name)
    if value is None or value == "":
        return None
    if isinstance(value, int) and name == "key":
        return str(value)
    if not isinstance(value, str):
        raise _BadLine(f"has the {name} {value!r:.80}, which is not a string")
    if name == "image" and "://" in value:
        raise _BadLine(f"has the image {value:.80}, which is an address and not a file")
    return value


def _texts(fields: Mapping[str, Any], name: str) -> list[str]:
    value = fields.get(name)
    texts = value if isinstance(value, list) else [] if value is None else [value]
    for text in texts:
        if not isinstance(text, str):
            raise _BadLine(f"has {name} {text!r:.80}, which is not a string")
    return [text for text in texts if text.strip()]
