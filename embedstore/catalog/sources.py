"""What the items of a collection were made of, to be embedded anew."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, exists, func, or_, select, tuple_

from embedstore.catalog.among import among
from embedstore.catalog.item_rows import item_of
from embedstore.catalog.registry import Registry
from embedstore.catalog.tables import items, originals
from embedstore.catalog.values import Amount, Mark, Source
from embedstore.types import Item

_KEPT = exists().where(originals.c.row == items.c.row).correlate(items)
_HERE = items.c.collection_id == bindparam("collection")
_SOURCE = (
    select(
        *(items.c.row, items.c.key, items.c.meta, items.c.texts, items.c.path, items.c.seq),
        *(items.c.corpus, items.c.stamp, items.c.content_hash),
        *(items.c.image_count, items.c.text_count, originals.c.bytes),
    )
    .select_from(items.outerjoin(originals, originals.c.row == items.c.row))
    .where(_HERE)
)
_AFTER = (
    _SOURCE.where(
        tuple_(items.c.seq, items.c.row) > tuple_(bindparam("seq"), bindparam("row")),
    )
    .order_by(items.c.seq, items.c.row)
    .limit(bindparam("amount"))
)
_OF_KEYS = _SOURCE.where(among(items.c.key, bindparam("keys"))).order_by(items.c.seq, items.c.row)
_PRESENT = select(items.c.key).where(_HERE, among(items.c.key, bindparam("keys")))
_THERE = select(items.c.row).where(_HERE, among(items.c.row, bindparam("rows")))


def _without_source() -> ColumnElement[bool]:
    pictures = and_(items.c.image_count > 0, items.c.path.is_(None), ~_KEPT)
    return or_(pictures, and_(items.c.text_count > 0, items.c.texts == "[]"))


_WITHOUT = select(func.count(), func.min(items.c.key)).where(_HERE, _without_source())
_ROWS = select(
    func.coalesce(func.sum(items.c.image_count + items.c.text_count), 0),
    func.coalesce(func.sum(func.length(items.c.meta) + func.length(items.c.texts)), 0),
).where(_HERE)
_PICTURES = (
    select(func.coalesce(func.sum(func.length(originals.c.bytes)), 0))
    .select_from(items.join(originals, originals.c.row == items.c.row))
    .where(_HERE)
)


class Sources(Registry):
    """The part of the catalog that gives items back whole."""

    def sources(self, collection_id: int, after: Mark, amount: int) -> list[Source]:
        """Give the next items in the order they were stored, with the pictures kept here."""
        asked = {"collection": collection_id, "seq": after.seq, "row": after.row, "amount": amount}
        with self._database.snapshot() as connection:
            return [_source(found) for found in connection.execute(_AFTER, asked)]

    def sources_of(self, collection_id: int, keys: Sequence[str]) -> list[Source]:
        """Give the items of some keys, those that are there."""
        asked = {"collection": collection_id, "keys": self._database.listed(list(keys))}
        with self._database.snapshot() as connection:
            return [_source(found) for found in connection.execute(_OF_KEYS, asked)]

    def present(self, collection_id: int, keys: Sequence[str]) -> set[str]:
        """Give those keys that a collection holds."""
        asked = {"collection": collection_id, "keys": self._database.listed(list(keys))}
        with self._database.snapshot() as connection:
            return set(connection.scalars(_PRESENT, asked))

    def rows_there(self, collection_id: int, rows: Sequence[int]) -> set[int]:
        """Give those rows that a collection holds still."""
        asked = {"collection": collection_id, "rows": self._database.listed(list(rows))}
        with self._database.snapshot() as connection:
            return set(connection.scalars(_THERE, asked))

    def without_source(self, collection_id: int) -> tuple[int, str | None]:
        """Count the items with a vector whose picture or text was never given; name one."""
        with self._database.snapshot() as connection:
            count, key = connection.execute(_WITHOUT, {"collection": collection_id}).one()
        return int(count), key

    def amount(self, collection_id: int) -> Amount:
        """Measure what a copy of a collection takes."""
        here = {"collection": collection_id}
        with self._database.snapshot() as connection:
            vectors, words = connection.execute(_ROWS, here).one()
            return Amount(int(vectors), int(words), int(connection.scalar(_PICTURES, here) or 0))


def _source(found: Any) -> Source:
    item: Item = item_of((found.key, found.meta, found.texts, found.path, None))
    picture: Path | bytes | None = found.bytes
    if picture is None and found.path is not None:
        picture = Path(os.fsdecode(found.path))
    return Source(
        Mark(found.seq, found.row),
        item,
        picture,
        found.bytes,
        bool(found.image_count),
        bool(found.text_count),
        found.corpus,
        found.stamp,
        found.content_hash,
    )
