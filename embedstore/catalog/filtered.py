"""Which rows a filter allows: answered once by SQL, then kept up to date."""

import threading
from collections import OrderedDict
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from sqlalchemy import ColumnElement, Connection, select, true

from embedstore.catalog.conditions import Condition, compared_fields
from embedstore.catalog.database import Database
from embedstore.catalog.field_indexes import FieldIndexes, read_field
from embedstore.catalog.field_sql import implied
from embedstore.catalog.filter_sql import to_sql
from embedstore.catalog.filters import check_fields, parse
from embedstore.catalog.item_rows import ITEM, items_of, stored_of
from embedstore.catalog.metadata import Path, spell
from embedstore.catalog.reader import Reader
from embedstore.catalog.registry import now
from embedstore.catalog.tables import items, tombstones
from embedstore.catalog.values import Rows
from embedstore.stages import looked_up
from embedstore.types import Item

REMEMBERED = 64  # answers, over all collections

_read = lru_cache(maxsize=256)(parse)


@dataclass(frozen=True)
class _Answer:
    seq: int
    rows: Rows


class Filtered(Reader, FieldIndexes):
    """The part of the catalog that answers filters."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._answers: OrderedDict[tuple[int, str | None], _Answer] = OrderedDict()
        self._answers_lock = threading.Lock()

    def allowed(self, collection_id: int, where: str | None, seq: int | None = None) -> Rows:
        """Give the rows that a filter allows, as the last commit left them.

        Args:
            collection_id: Where.
            where: A filter; None allows every row.
            seq: A commit to answer for without asking the database, where the answer is known;
                the caller makes sure afterwards that it was still the last one.

        Returns:
            Ascending row ids `(n,)`, read-only; the same object for as long as they are the same.

        Raises:
            BadFilter: It does not parse, or names a field that no item has.
        """
        with self._answers_lock:
            old = self._answers.get((collection_id, where))
        held = old is not None and (old.seq == seq or old.seq == self.seq(collection_id)[0])
        if where is not None:
            looked_up("filter", held)
        if old is not None and held:
            return old.rows
        condition = self._condition(collection_id, where)
        known = set() if old is not None else {read_field(each) for each in self.indexed_fields()}
        with self._database.snapshot() as connection:
            new = self._answer(connection, collection_id, condition, old, known)
        return self._remembered((collection_id, where), new).rows

    def page(
        self, collection_id: int, after_row: int = 0, limit: int = 100, where: str | None = None
    ) -> dict[int, Item]:
        """Give the next items in the order they were stored.

        Args:
            collection_id: Where.
            after_row: The last row of the page before; 0 for the first page.
            limit: Items wanted.
            where: A filter.

        Returns:
            Items by row, ascending.

        Raises:
            BadFilter: It does not parse, or names a field that no item has.
        """
        condition = self._condition(collection_id, where)
        statement = (
            select(*ITEM)
            .where(items.c.collection_id == collection_id, items.c.row > after_row)
            .where(self._clause(condition))
            .order_by(items.c.seq, items.c.row)  # by row, as an index gives it
            .limit(limit)
        )
        with self._database.snapshot() as connection:
            return items_of(stored_of(connection.execute(statement).all()))

    def check_filter(self, collection_id: int, where: str | None) -> None:
        """Refuse a filter before anything is done for it.

        Raises:
            BadFilter: It does not parse, or names a field that no item has.
        """
        self._condition(collection_id, where)

    def _condition(self, collection_id: int, where: str | None) -> Condition | None:
        if where is None:
            return None
        condition = _read(where)
        asked = {spell(field) for field in compared_fields(condition)}
        if not asked <= self._fields.get(collection_id, set()):
            check_fields(asked, self.fields(collection_id))  # another process may have added it
        return condition

    def _clause(self, condition: Condition | None) -> ColumnElement[bool]:
        if condition is None:
            return true()
        return to_sql(condition, items.c.meta, self._database.dialect)

    def _implied(
        self, condition: Condition, indexed: AbstractSet[Path]
    ) -> list[ColumnElement[bool]]:
        return list(implied(condition, items.c.meta, self._database.dialect, indexed))

    def _answer(
        self,
        connection: Connection,
        collection_id: int,
        condition: Condition | None,
        old: _Answer | None,
        indexed: AbstractSet[Path],
    ) -> _Answer:
        seq, purged_seq = now(connection, collection_id)
        if old is None or old.seq < purged_seq:
            old = _Answer(-1, np.empty(0, np.int64))
        added = select(items.c.row).where(
            items.c.collection_id == collection_id, self._clause(condition)
        )
        narrowed = [] if condition is None else self._implied(condition, indexed)
        # SQLite would rather follow the index of commits than one of a field
        added = added.where(*narrowed) if narrowed else added.where(items.c.seq > old.seq)
        dropped = select(tombstones.c.row).where(
            tombstones.c.collection_id == collection_id, tombstones.c.seq > old.seq
        )
        rows = _updated(
            old.rows,
            np.array(connection.scalars(added).all(), np.int64),
            np.array(connection.scalars(dropped).all(), np.int64),
        )
        return _Answer(seq, rows)

    def _remembered(self, question: tuple[int, str | None], answer: _Answer) -> _Answer:
        with self._answers_lock:
            known = self._answers.get(question)
            if known is None or known.seq < answer.seq:
                known = self._answers[question] = answer
            self._answers.move_to_end(question)
            while len(self._answers) > REMEMBERED:
                self._answers.popitem(last=False)
        return known


def _updated(rows: Rows, added: Rows, dropped: Rows) -> Rows:
    kept = rows[~np.isin(rows, dropped)] if len(dropped) else rows
    if len(kept) == len(rows) and not len(added):
        return rows
    updated = np.sort(np.concatenate([kept, added]))
    updated.flags.writeable = False
    return updated
