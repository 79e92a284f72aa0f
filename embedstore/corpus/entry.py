"""What a reader yields: one entry an item, or the reason why there is none."""

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from embedstore.corpus.member import Member
from embedstore.types import digest


@dataclass(frozen=True)
class Entry:
    """One item of a corpus, not yet opened.

    Attributes:
        key: Unique in the corpus, the same on every run.
        image: The file or the part of a tar, where there is one.
        texts: Captions or passages.
        meta: Any JSON object.
        stamp: Changes when the image file, its place, the texts or the metadata change.
    """

    key: str
    image: Path | Member | None
    texts: tuple[str, ...]
    meta: Mapping[str, Any]
    stamp: str


@dataclass(frozen=True)
class Failure:
    """A place in a corpus that gives no item.

    Attributes:
        key: Key of the item, or the line where it has none.
        reason: What was seen, what was expected, what to do next.
        blind: Items that are still there may hide behind it, such as those of a folder that
            cannot be read: an item that was not met is then not known to be gone.
    """

    key: str
    reason: str
    blind: bool = False


@dataclass(frozen=True)
class Corpus:
    """The items found at one path.

    Attributes:
        root: Its name: start of the keys in it, but for keys that a caption file gives.
        entries: Read once, in a stable order, while it is consumed.
        skipped: Files that are no pictures, counted by suffix while `entries` is consumed.
    """

    root: str
    entries: Iterator[Entry | Failure]
    skipped: dict[str, int] = field(default_factory=dict)


def entry(
    key: str,
    image: Path | Member | None,
    texts: tuple[str, ...] = (),
    meta: Mapping[str, Any] | None = None,
) -> Entry:
    """Make an entry and stamp it without opening its image.

    A missing image is no error here: decoding it says so, with its name.
    """
    about = dict(meta or {})
    place = None if image is None else printable(str(image))
    return Entry(key, image, texts, about, f"{_file_stamp(image)}:{digest([place, texts, about])}")


def _file_stamp(image: Path | Member | None) -> str:
    if image is None:
        return "-"
    try:
        status = (image.path if isinstance(image, Member) else image).stat()
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        return type(error).__name__
    part = f":{image.offset}:{image.size}" if isinstance(image, Member) else ""
    return f"{status.st_mtime_ns}:{status.st_size}{part}"


def inside(path: str) -> str:
    """Give a path as part of a key: without `.` and `..`, which addresses of items cannot hold."""
    parts = posixpath.normpath(path.lstrip("/")).split("/")
    return "/".join("_up" if part == ".." else part for part in parts)


def printable(name: str) -> str:
    """Give a file name as text that can be stored; bytes that are not UTF-8 are escaped."""
    try:
        raw = name.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # surrogates that no file system made
        raw = name.encode("utf-8", "surrogatepass")
    return raw.decode("utf-8", "backslashreplace")
