"""Read a file with one JSON object a line."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from embedstore.corpus.entry import Entry, Failure, printable
from embedstore.corpus.fields import entry_of, failure


def read_jsonl(
    path: Path, prefix: str | None, images: Path | None = None
) -> Iterator[Entry | Failure]:
    """Yield an item a line; a broken line is a failure and the next one is read.

    Args:
        path: Lines such as `{"image": "a.jpg", "caption": "a dog", "year": 2020}`.
        prefix: Start of every key; None takes keys as they are.
        images: Folder that relative image names start from; None takes the file's own.
    """
    # Escaped surrogates keep image names that are not UTF-8 usable; texts with them are refused.
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="\n") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            place = f"{printable(path.name)} line {number}"
            try:
                fields = json.loads(line, parse_constant=refuse)
            except (ValueError, RecursionError) as error:
                yield failure(place, f"is not JSON ({error})")
                continue
            if isinstance(fields, dict):
                yield entry_of(fields, place, path, prefix, images)
            else:
                yield failure(place, f"is a {type(fields).__name__} and not a JSON object")


def refuse(constant: str) -> NoReturn:
    """Refuse NaN and Infinity, which JSON does not have and metadata cannot hold."""
    raise ValueError(f"{constant} is no JSON number")
