"""Rows of `items` into items."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import select

from embedstore.catalog.kept_items import Stored
from embedstore.catalog.tables import items, originals
from embedstore.types import IN_CATALOG, Item

KEPT = (
    select(originals.c.row).where(originals.c.row == items.c.row).correlate(items).scalar_subquery()
)
ITEM = (items.c.row, items.c.key, items.c.meta, items.c.texts, items.c.path, KEPT.label("kept"))

_from_json = json.JSONDecoder().decode  # json.loads looks for its options at every call


def item_of(columns: Sequence[Any]) -> Item:
    """Make an item of the columns of `ITEM` after the row."""
    return items_of(stored_of([(0, *columns)]))[0]


def stored_of(rows: Sequence[Sequence[Any]]) -> dict[int, Stored]:
    """Read rows with the columns of `ITEM`."""
    texts = _all_from_json([each[3] for each in rows])
    return {row[0]: _stored(row, own) for row, own in zip(rows, texts, strict=True)}


def items_of(stored: Mapping[int, Stored]) -> dict[int, Item]:
    """Make items, each with metadata of its own."""
    metas = _all_from_json([each.meta for each in stored.values()])
    return {
        row: Item(each.key, each.image, each.texts, meta)
        for (row, each), meta in zip(stored.items(), metas, strict=True)
    }


def _stored(columns: Sequence[Any], own: Sequence[str]) -> Stored:
    _, key, meta, texts, path, kept = columns
    image: Path | bytes | None = None if kept is None else IN_CATALOG
    if path is not None:
        image = Path(os.fsdecode(path))
    return Stored(key, image, tuple(own), meta, len(texts) + len(meta))


def _all_from_json(values: Sequence[str]) -> list[Any]:
    """Read values at once, in a quarter of the time that each of them takes alone."""
    found: list[Any] = _from_json(f"[{','.join(values)}]")
    return found
