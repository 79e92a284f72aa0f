"""Items by row, by key, page by page."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Select, and_, bindparam, func, literal_column, select

from embedstore.catalog.among import among
from embedstore.catalog.database import Database
from embedstore.catalog.item_rows import ITEM, KEPT, item_of, items_of, stored_of
from embedstore.catalog.kept_items import KeptItems, Stored
from embedstore.catalog.metadata import storable
from embedstore.catalog.names import gone
from embedstore.catalog.registry import SEQ, Registry
from embedstore.catalog.tables import collections, fields, items, originals, tombstones
from embedstore.errors import NotFound
from embedstore.types import MODALITIES, Item, Modality

# By the id that is bound, not by the row of `collections`, so that SQLite asks it once
_REMOVAL = (
    select(func.max(tombstones.c.seq))
    .where(tombstones.c.collection_id == bindparam("collection"))
    .scalar_subquery()
)
_LOOKUP = (
    select(collections.c.seq, collections.c.name, collections.c.purged_seq, _REMOVAL, *ITEM)
    .select_from(
        collections.outerjoin(
            items,
            and_(
                # `+ 0` keeps SQLite from walking the whole collection to find ten rows
                items.c.collection_id + literal_column("0") == collections.c.id,
                among(items.c.row, bindparam("rows")),
            ),
        )
    )
    .where(collections.c.id == bindparam("collection"))
)
_NAME = select(collections.c.name).where(collections.c.id == bindparam("collection"))
_PLACE = (
    select(items.c.row, items.c.path, KEPT.label("kept"))
    .select_from(
        collections.outerjoin(
            items,
            and_(items.c.collection_id == collections.c.id, items.c.key == bindparam("key")),
        )
    )
    .where(collections.c.id == bindparam("collection"), collections.c.name == bindparam("name"))
)
_WITH_PICTURE = (
    select(*ITEM, originals.c.media_type, originals.c.bytes)
    .select_from(items.outerjoin(originals, originals.c.row == items.c.row))
    .where(items.c.collection_id == bindparam("collection"), items.c.key == bindparam("key"))
)


class Reader(Registry):
    """The part of the catalog that gives items back."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._lookup = database.compiled(_LOOKUP)
        self._kept = KeptItems()
        self._seq = database.compiled(SEQ)
        self._place = database.compiled(_PLACE)

    def seq(self, collection_id: int) -> tuple[int, int]:
        """Give a collection's last commit, and the one up to which deletions are forgotten."""
        found = self._database.rows(self._seq, {"collection": collection_id})
        if not found:
            raise gone(collection_id)
        seq, purged = found[0]
        return seq, purged

    def lookup(
        self, collection_id: int, rows: Sequence[int], called: str | None = None
    ) -> tuple[int, dict[int, Item]]:
        """Give the last commit and the items of some rows, in one round trip.

        Args:
            collection_id: Where.
            rows: Row ids; one that is gone is left out of the answer.
            called: Answer only if the collection still has this name.

        Returns:
            Items in the order asked; a picture kept in the catalog is `IN_CATALOG`.

        Raises:
            NotFound: The collection was dropped, or its name went to another.
        """
        wanted = [int(row) for row in rows]
        kept = self._kept.of(collection_id)
        known = {row: each for row in wanted if (each := kept.rows.get(row)) is not None}
        unknown = [row for row in wanted if row not in known]
        seq, removal, found = self._read(collection_id, unknown, called)
        if known and removal != kept.removal:
            known = {}
            seq, removal, found = self._read(collection_id, wanted, called)
        self._kept.keep(collection_id, removal, found)
        known.update(found)
        return seq, items_of({row: known[row] for row in wanted if row in known})

    def _read(
        self, collection_id: int, rows: Sequence[int], called: str | None
    ) -> tuple[int, int, dict[int, Stored]]:
        """Give the last commit, the last one that removed anything, and the rows that are there."""
        parameters = {"collection": collection_id, "rows": self._database.listed(rows)}
        found = self._database.rows(self._lookup, parameters)
        if not found or called not in (None, found[0][1]):
            raise gone(collection_id)
        seq, _, purged, removed = found[0][:4]
        # deletions up to `purged` are forgotten, so it stands for them
        there = stored_of([each[4:] for each in found if each[4] is not None])
        return seq, max(purged, removed or 0), there

    def items(self, collection_id: int, rows: Sequence[int]) -> dict[int, Item]:
        """Give the items of some rows; see `lookup`."""
        return self.lookup(collection_id, rows)[1]

    def get(self, collection_id: int, key: str) -> tuple[int, Item]:
        """Give the row and the whole item of a key, with a picture kept in the catalog.

        Raises:
            NotFound: No such item.
        """
        found = self._found(_WITH_PICTURE, collection_id, key)
        item = item_of(found[1:6])
        if found.bytes is not None:
            item = Item(item.key, found.bytes, item.texts, item.meta)
        return found.row, item

    def original(self, collection_id: int, key: str) -> tuple[str, bytes] | Path:
        """Give an item's picture: media type and bytes where it is kept here, else its file.

        Raises:
            NotFound: No such item, or it has no picture.
        """
        found = self._found(_WITH_PICTURE, collection_id, key)
        if found.bytes is not None:
            return found.media_type, found.bytes
        return _file_of(found.path, key)

    def picture_place(self, collection_id: int, called: str, key: str) -> tuple[int, Path | None]:
        """Give an item's row, and the file of its picture; None where it is kept here.

        Raises:
            NotFound: No such item, it has no picture, or the collection is no longer called so.
        """
        if not storable(key):
            raise _unknown(key, called)
        parameters = {"collection": collection_id, "name": called, "key": key}
        found = self._database.rows(self._place, parameters)
        if not found:
            raise gone(collection_id)
        row, path, kept = found[0]
        if row is None:
            raise _unknown(key, called)
        return row, None if kept is not None else _file_of(path, key)

    def count(self, collection_id: int) -> dict[str, Any]:
        """Count items, and vectors of each modality."""
        statement = select(func.count(), *_sums()).where(items.c.collection_id == collection_id)
        with self._database.glance() as connection:
            total, *sums = connection.execute(statement).one()
        return {
            "items": total,
            "vectors": {name: int(n) for name, n in zip(MODALITIES, sums, strict=True)},
        }

    def size(self, collection_id: int) -> int:
        """Count the items alone, in half the time of counting their vectors too."""
        asked = select(func.count()).where(items.c.collection_id == collection_id)
        with self._database.glance() as connection:
            return int(connection.scalar(asked) or 0)

    def waiting(self, collection_id: int, modality: Modality, since: int) -> int:
        """Count the vectors of one modality that were stored after a commit."""
        column = items.c.image_count if modality == "image" else items.c.text_count
        statement = select(func.sum(column)).where(
            items.c.collection_id == collection_id, items.c.seq > since
        )
        with self._database.glance() as connection:
            return int(connection.scalar(statement) or 0)

    def last_row(self, collection_id: int, seq: int) -> int:
        """Give the last row that was stored up to a commit; 0 where there is none."""
        statement = (
            select(items.c.row)
            .where(items.c.collection_id == collection_id, items.c.seq <= seq)
            .order_by(items.c.seq.desc(), items.c.row.desc())
            .limit(1)
        )
        with self._database.glance() as connection:
            return int(connection.scalar(statement) or 0)

    def fields(self, collection_id: int) -> list[str]:
        """List the metadata fields that items have had, as a filter writes them."""
        statement = select(fields.c.name).where(fields.c.collection_id == collection_id)
        with self._database.glance() as connection:
            names = set(connection.scalars(statement))
        self._fields.setdefault(collection_id, set()).update(names)
        return sorted(names)

    def _found(self, statement: Select[Any], collection_id: int, key: str) -> Any:
        found = None
        if storable(key):
            parameters = {"collection": collection_id, "key": key}
            with self._database.glance() as connection:
                found = connection.execute(statement, parameters).first()
        if found is None:
            raise _unknown(key, self._called(collection_id))
        return found

    def _called(self, collection_id: int) -> str:
        with self._database.glance() as connection:
            name = connection.scalar(_NAME, {"collection": collection_id})
        if name is None:
            raise gone(collection_id)
        return str(name)


def _unknown(key: str, called: str) -> NotFound:
    return NotFound(
        f"no item {key!r} in collection {called!r}; expected a key as `embedstore search` shows it"
    )


def _file_of(path: bytes | None, key: str) -> Path:
    if path is None:
        raise NotFound(f"item {key!r} has no picture; it was stored with texts only")
    return Path(os.fsdecode(path))


def _sums() -> list[Any]:
    return [
        func.coalesce(func.sum(column), 0) for column in (items.c.image_count, items.c.text_count)
    ]
