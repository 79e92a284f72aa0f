"""Read a table of images and captions, comma or tab separated."""

import csv
import json
import re
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

from embedstore.corpus.entry import Entry, Failure, printable
from embedstore.corpus.fields import ANSWER_FIELDS, QUESTION, TEXT_FIELDS, entry_of, failure
from embedstore.errors import Invalid

_NUMBER = re.compile(r"-?(0|[1-9]\d{0,14})(\.\d{1,15})?")
_Row = tuple[str, dict[str, Any] | Failure]  # place, fields


def read_csv(
    path: Path, prefix: str | None, images: Path | None = None
) -> Iterator[Entry | Failure]:
    """Yield an item a row; neighbouring rows that differ only in their caption are one item.

    Args:
        path: A file whose first line names its columns: image, caption or text, key; any other
            column is metadata, as a number where it looks like one.
        prefix: Start of every key; None takes keys as they are.
        images: Folder that relative image names start from; None takes the file's own.

    Raises:
        Invalid: The first line names none of the columns that make an item.
    """
    for _, rows in groupby(_rows(path), key=_apart_from_texts):
        place, fields = next(rows)
        if isinstance(fields, Failure):
            yield fields
            continue
        fields["texts"] = [
            text
            for row in ({**fields}, *(more for _, more in rows if isinstance(more, dict)))
            for text in _captions(row)
        ]
        fields = {name: value for name, value in fields.items() if name not in TEXT_FIELDS[:3]}
        yield entry_of(fields, place, path, prefix, images)


def _rows(path: Path) -> Iterator[_Row]:
    # Escaped surrogates keep image names that are not UTF-8 usable; texts with them are refused.
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        table = csv.reader(file, delimiter="\t" if path.suffix.lower() == ".tsv" else ",")
        names = _column_names(table)
        if not {"image", QUESTION, *TEXT_FIELDS} & set(names):
            raise Invalid(
                f"{printable(str(path))}: its first line names the columns {names!r:.200}; "
                "expected image and/or caption among them; add a line with the column names"
            )
        while True:
            place = f"{printable(path.name)} line {table.line_num + 1}"
            try:
                cells = next(table)
            except StopIteration:
                return
            except csv.Error as error:
                yield place, failure(place, f"is not csv ({error})")
                continue
            if len(cells) > len(names):
                yield place, failure(place, f"has {len(cells)} cells under {len(names)} columns")
            elif cells:
                yield place, _fields(names, cells)


def _column_names(table: Iterator[list[str]]) -> list[str]:
    try:
        return [name.strip().lower() for name in next(table, [])]
    except csv.Error:
        return []


def _fields(names: list[str], cells: list[str]) -> dict[str, Any]:
    filled = {name: cell for name, cell in zip(names, cells, strict=False) if cell.strip()}
    return {
        name: cell
        if name in ("image", "key", QUESTION, *TEXT_FIELDS, *ANSWER_FIELDS)
        else _value(cell)
        for name, cell in filled.items()
    }


def _value(cell: str) -> str | int | float:
    if not _NUMBER.fullmatch(cell.strip()):
        return cell
    return float(cell) if "." in cell else int(cell)


def _captions(fields: dict[str, Any]) -> list[Any]:
    """Give the captions of a row; a cell may hold a JSON list of them."""
    texts: list[Any] = []
    for cell in (fields[name] for name in TEXT_FIELDS if name in fields):
        try:
            value = json.loads(cell) if cell.startswith("[") else cell
        except (ValueError, RecursionError):
            value = cell
        texts.extend(value if isinstance(value, list) else [value])
    return texts


def _apart_from_texts(row: _Row) -> object:
    place, fields = row
    if isinstance(fields, Failure) or "image" not in fields:
        return place
    return {name: value for name, value in fields.items() if name not in TEXT_FIELDS}
