"""One line of a caption file into an entry: the names of its fields, and what may go wrong."""

from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from embedstore.corpus.entry import Entry, Failure, entry, printable

TEXT_FIELDS = ("caption", "captions", "text", "texts")
EXPECTED = "an image and/or a caption (fields image; caption, captions, text or texts; key)"


class _BadLine(Exception):
    """What is wrong with a line."""


def entry_of(
    fields: Mapping[str, Any], place: str, source: Path, prefix: str | None
) -> Entry | Failure:
    """Make an entry of named fields.

    Args:
        fields: `image`, a caption or list of them, `key`; everything else is metadata.
        place: The line, for messages.
        source: The caption file; relative image paths start from its folder.
        prefix: Start of the key; None takes the file's stem for keys made of image paths.
    """
    known = place
    try:
        image = _text(fields, "image")
        known = key = _key(_text(fields, "key"), image, source, prefix)
        texts = tuple(text for name in TEXT_FIELDS for text in _texts(fields, name))
        if image is None and not texts:
            raise _BadLine("has neither image nor caption")
        named = ("image", "key", *TEXT_FIELDS)
        meta = {name: value for name, value in fields.items() if name not in named}
        return entry(key, None if image is None else source.parent / image, texts, meta)
    except _BadLine as error:
        return failure(place, str(error), known)
    except UnicodeEncodeError:
        return failure(
            place, "holds characters that are not Unicode; save the file as UTF-8", known
        )


def failure(place: str, seen: str, key: str | None = None) -> Failure:
    """Say what is wrong with a line; where its key is unknown the line stands for it."""
    reason = f"{place}: {seen}; expected {EXPECTED}; correct the line and run again"
    return Failure(printable(key or place), reason, blind=key in (None, place))


def _key(key: str | None, image: str | None, source: Path, prefix: str | None) -> str:
    if key is not None:
        return f"{prefix}/{key}" if prefix else key
    if image is None:
        raise _BadLine("has no image, and no key to go by")
    return f"{prefix or printable(source.stem)}/{printable(str(PurePosixPath(image)))}"


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
