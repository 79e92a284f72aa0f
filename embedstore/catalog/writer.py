"""Put and delete: one transaction each, whose commit is the acknowledgement."""

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, delete, insert, select, text

from embedstore.catalog import metadata
from embedstore.catalog.among import among
from embedstore.catalog.database import Database
from embedstore.catalog.failures import release
from embedstore.catalog.names import gone
from embedstore.catalog.new_rows import batch
from embedstore.catalog.registry import Registry, reserve
from embedstore.catalog.tables import collections, items, originals, tombstones, vectors
from embedstore.catalog.values import NewRow, Removed, Written

_NEXT_SEQ = (
    collections.update()
    .where(collections.c.id == bindparam("collection"))
    .values(seq=collections.c.seq + 1)
    .returning(collections.c.seq, collections.c.name)
)
_ROWS_OF = select(items.c.key, items.c.row).where(
    items.c.collection_id == bindparam("collection"), among(items.c.key, bindparam("keys"))
)
_DELETE = delete(items).where(among(items.c.row, bindparam("rows")))
_NEW_FIELD = text(
    "INSERT INTO fields (collection_id, name) VALUES (:collection_id, :name) ON CONFLICT DO NOTHING"
)


class Writer(Registry):
    """The part of the catalog that changes items."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        # Compiled once: binding 2,000 rows through SQLAlchemy takes longer than storing them
        self._inserts = [database.compiled(insert(table)) for table in (items, vectors, originals)]

    def put(self, collection_id: int, rows: Sequence[NewRow], called: str | None = None) -> Written:
        """Store items in one commit; one whose key is there already replaces it.

        Args:
            collection_id: Where.
            rows: Items with their vectors; of two with the same key the last wins.
            called: Store only if the collection still has this name.

        Returns:
            The commit, and the row of each given item.

        Raises:
            BadItem: An item that cannot be stored, by key; none is stored.
            NotFound: The collection was dropped, or its name went to another.
            StorageFull: The disk is full or read-only; nothing is stored.
            StoreLocked: Another process is writing for longer than the wait.
        """
        latest = {row.item.key: row for row in rows}
        new = batch(list(latest.values()), self.space(collection_id).dim)
        with self._database.write() as connection:
            seq = _next_seq(connection, collection_id, called)
            replaced = self._remove(connection, collection_id, seq, list(latest))
            first = reserve(connection, "row", len(latest))
            new.number(collection_id, first, seq)
            for sql, records in zip(
                self._inserts, (new.items, new.vectors, new.originals), strict=True
            ):
                if records:
                    connection.exec_driver_sql(sql, records)
            names = {metadata.spell(path) for path in new.fields}
            self._learn(connection, collection_id, names)
        self._fields.setdefault(collection_id, set()).update(names)
        row_of = {key: first + place for place, key in enumerate(latest)}
        return Written(
            seq,
            [row_of[row.item.key] for row in rows],
            sorted(replaced.values()),
            frozenset(replaced),
        )

    def check_row(self, collection_id: int, row: NewRow) -> None:
        """Check one item as `put` will, without asking the database.

        Raises:
            BadItem: It cannot be stored.
        """
        batch([row], self.space(collection_id).dim)

    def delete(self, collection_id: int, keys: Sequence[str], called: str | None = None) -> Removed:
        """Delete items in one commit.

        Args:
            collection_id: Where.
            keys: Of the items.
            called: Delete only if the collection still has this name.

        Returns:
            The commit, the rows that are gone, and the keys that were not there.
        """
        wanted = list(dict.fromkeys(keys))
        with self._database.write() as connection:
            seq, removed = self._deleted(connection, collection_id, wanted, called)
        return Removed(seq, sorted(removed.values()), [key for key in wanted if key not in removed])

    def _deleted(
        self, connection: Connection, collection_id: int, keys: Sequence[str], called: str | None
    ) -> tuple[int, dict[str, int]]:
        seq = _next_seq(connection, collection_id, called)
        release(connection, self._database, collection_id, keys)
        return seq, self._remove(connection, collection_id, seq, keys)

    def _remove(
        self, connection: Connection, collection_id: int, seq: int, keys: Sequence[str]
    ) -> dict[str, int]:
        listed = self._database.listed([key for key in keys if metadata.storable(key)])
        found = connection.execute(_ROWS_OF, {"collection": collection_id, "keys": listed}).all()
        rows: dict[str, int] = dict(found)
        if rows:
            connection.execute(_DELETE, {"rows": self._database.listed(list(rows.values()))})
            connection.execute(
                insert(tombstones),
                [{"collection_id": collection_id, "seq": seq, "row": row} for row in rows.values()],
            )
        return rows

    def _learn(self, connection: Connection, collection_id: int, names: set[str]) -> None:
        unknown = sorted(names - self._fields.get(collection_id, set()))
        if unknown:
            connection.execute(
                _NEW_FIELD, [{"collection_id": collection_id, "name": name} for name in unknown]
            )


def _next_seq(connection: Connection, collection_id: int, called: str | None) -> int:
    # The update also locks the collection against other writers until the commit
    found = connection.execute(_NEXT_SEQ, {"collection": collection_id}).first()
    if found is None or called not in (None, found.name):
        raise gone(collection_id)
    return int(found.seq)
