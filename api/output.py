"""What the command line prints: tables for people, JSON for programs, progress beside them."""

import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.progress import Progress

    from embedstore.types import Hit, Item


def print_json(value: Any) -> None:
    """Print a value as one JSON document."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=2))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows as a table that fits the terminal."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text(str(cell)) for cell in row))
    Console(width=None if sys.stdout.isatty() else 120).print(table)


def progress() -> "Progress":
    """Give a progress bar with rate and time left, drawn on the error stream."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )


def item_json(item: "Item") -> dict[str, Any]:
    """Give an item as a JSON object; its picture as the path it was read from."""
    image = item.image
    path = None if image is None or isinstance(image, bytes) else printable(image)
    return {"key": item.key, "image": path, "texts": list(item.texts), "meta": dict(item.meta)}


def hit_json(hit: "Hit") -> dict[str, Any]:
    """Give a hit as a JSON object."""
    return {
        "rank": hit.rank,
        "score": round(hit.score, 6),
        "text": hit.text,
        **item_json(hit.item),
    }


def print_hits(hits: Sequence["Hit"]) -> None:
    """Print hits as a table: rank, score, key, caption."""
    rows = [
        (hit.rank, f"{hit.score:.3f}", hit.item.key, hit.text or next(iter(hit.item.texts), ""))
        for hit in hits
    ]
    print_table(("rank", "score", "key", "caption"), rows)


def print_mapping(values: Mapping[str, Any]) -> None:
    """Print a JSON object as two columns."""
    print_table(
        ("", ""),
        [
            (
                name,
                json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value,
            )
            for name, value in values.items()
        ],
    )


def printable(path: "os.PathLike[str]") -> str:
    r"""Give a path as text; bytes that are not UTF-8 are shown as `\xNN`."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")
