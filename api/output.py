"""What the command line prints: tables for people, JSON for programs."""

import io
import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TextIO

import click

if TYPE_CHECKING:
    from embedstore.types import Hit, Item

_KEYS = ("key", "failed", "best photo")  # columns that are copied from
_FOLDED = 12  # characters that are left to a column beside one of keys
_BETWEEN = 3  # characters between two columns
_ANY_WIDTH = 1 << 20


def print_json(value: Any, *, indent: int | None = 2) -> None:
    """Print a value as one JSON document."""
    click.echo(json.dumps(value, ensure_ascii=not _takes_all(sys.stdout), indent=indent))


def never_fail_to_print() -> None:
    """Escape what a stream cannot write, such as a file name that is not UTF-8."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _takes_all(stream: TextIO) -> bool:
    return (stream.encoding or "").lower().replace("-", "") == "utf8"


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows as a table that fits the terminal, keys whole where there is room for them.

    What reads a pipe gets every row on one line.
    """
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(width=None if sys.stdout.isatty() else _ANY_WIDTH)
    cells = [[Text(_cell(cell)) for cell in row] for row in rows]
    widths = [max(map(len, each)) for each in zip(columns, *cells, strict=True)]
    named = zip(columns, widths, strict=True)
    least = [wide if each in _KEYS else min(wide, _FOLDED) for each, wide in named]
    fits = sum(least) + _BETWEEN * len(columns) <= console.width
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold", no_wrap=fits and column in _KEYS)
    for row in cells:
        table.add_row(*row)
    console.print(table)


def _cell(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {part}" for name, part in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "none"
    plain = {None: "none", True: "yes", False: "no"}
    return plain[value] if value is None or isinstance(value, bool) else str(value)


def item_json(item: "Item") -> dict[str, Any]:
    """Give an item as a JSON object; its picture as the path it was read from."""
    image = item.image
    path = None if image is None or isinstance(image, bytes) else printable(image)
    texts = [printable(text) for text in item.texts]
    return {"key": item.key, "image": path, "texts": texts, "meta": dict(item.meta)}


def hit_json(hit: "Hit") -> dict[str, Any]:
    """Give a hit as a JSON object."""
    return {
        "rank": hit.rank,
        "score": round(hit.score, 6),
        "probability": None if hit.probability is None else round(hit.probability, 4),
        "text": None if hit.text is None else printable(hit.text),
        **item_json(hit.item),
    }


def print_hits(hits: Sequence["Hit"]) -> None:
    """Print hits as a table: rank, score, key; probability and caption where one has any."""
    columns: dict[str, list[object]] = {
        "rank": [hit.rank for hit in hits],
        "score": [f"{hit.score:.3f}" for hit in hits],
    }
    if any(hit.probability is not None for hit in hits):
        columns["probability"] = [f"{hit.probability or 0.0:.2f}" for hit in hits]
    columns["key"] = [hit.item.key for hit in hits]
    captions = [hit.text or next(iter(hit.item.texts), "") for hit in hits]
    if any(captions):
        columns["caption"] = list(captions)
    print_table(tuple(columns), zip(*columns.values(), strict=True))


def print_mapping(values: Mapping[str, Any]) -> None:
    """Print a JSON object as two columns; an object inside it a row for each of its parts."""
    print_table(("", ""), list(_leaves(values)))


def _leaves(values: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, f"{path}{name} ")
        else:
            nested = isinstance(value, dict | list)
            yield path + name, json.dumps(value, ensure_ascii=False) if nested else value


def printable(name: "str | os.PathLike[str]") -> str:
    r"""Give a name as text; bytes that are not UTF-8 are shown as `\xNN`."""
    from embedstore.corpus import printable as escaped

    return escaped(os.fspath(name))
