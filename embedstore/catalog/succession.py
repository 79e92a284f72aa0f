"""A collection's heir: the same items in another space, hidden until it takes over the name.

An heir is called `~ID~FINGERPRINT~TOKEN`. Whoever works on it gives it a token of its own and
writes only while it has that name, so a second worker takes over from the first, and neither a
worker left behind nor one that outlives the change of names can write into it.
"""

import json
import secrets
from dataclasses import asdict

from sqlalchemy import (
    Connection,
    FromClause,
    ScalarSelect,
    Select,
    delete,
    exists,
    literal,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from embedstore.catalog.names import HIDDEN, check_called, check_free, gone, heirs_of
from embedstore.catalog.registry import info_of, insert_new, now
from embedstore.catalog.tables import (
    collections,
    fields,
    items,
    originals,
    quarantine,
    tombstones,
)
from embedstore.catalog.values import CollectionInfo, Mark
from embedstore.catalog.writer import Writer
from embedstore.types import Space

RETIRED = f"{HIDDEN}retired{HIDDEN}"
ERASED_TOGETHER = 1_000  # items in one commit, so that other writers wait for a moment only
MARK = "copied"  # where a mark lies among the options of an heir
# Options found out by calibration, which say nothing about another space
MEASURED = ("expand", "relevance")


class Succession(Writer):
    """The part of the catalog that lets one collection take the place of another."""

    def heir(self, old: CollectionInfo, space: Space) -> CollectionInfo:
        """Take over the heir of a collection in a space, or begin one; retire those in others.

        Raises:
            NotFound: The collection was dropped, or its name went to another.
        """
        with self._database.write() as connection:
            check_called(connection, old)
            found = connection.execute(select(collections).where(heirs_of(old.id))).all()
            same = [each.id for each in found if each.fingerprint == space.fingerprint]
            for each in found:
                if each.id not in same:
                    _retire(connection, each.id)
            token = secrets.token_hex(4)
            name = f"{HIDDEN}{old.id}{HIDDEN}{space.fingerprint}{HIDDEN}{token}"
            number = same[0] if same else insert_new(connection, name, space, {})
            taken = {"name": name, "space": json.dumps(asdict(space))}
            here = collections.c.id == number
            connection.execute(update(collections).where(here).values(taken))
            return info_of(connection.execute(select(collections).where(here)).one())

    def abandon_heirs(self, collection_id: int) -> int:
        """Retire every heir of a collection; say how many there were."""
        heirs = select(collections.c.id).where(heirs_of(collection_id))
        with self._database.write() as connection:
            found = list(connection.scalars(heirs))
            for each in found:
                _retire(connection, each)
        return len(found)

    def mark(self, heir: CollectionInfo, reached: Mark) -> None:
        """Note up to where the items of a collection are copied.

        Raises:
            NotFound: Another worker has taken the heir over.
        """
        with self._database.write() as connection:
            done = connection.execute(
                update(collections)
                .where(collections.c.id == heir.id, collections.c.name == heir.name)
                .values(options=json.dumps({MARK: reached}))
            )
            if not done.rowcount:
                raise gone(heir.id)

    def held_too_long(self, collection_id: int, heir_id: int) -> list[str]:
        """List the keys of an heir whose item is gone from the collection."""
        here, there = items.alias(), items.alias()
        left = exists().where(there.c.collection_id == collection_id, there.c.key == here.c.key)
        statement = select(here.c.key).where(here.c.collection_id == heir_id, ~left)
        with self._database.snapshot() as connection:
            return list(connection.scalars(statement))

    def prune_heirs(self, collection_id: int) -> list[int]:
        """Delete from a collection's heirs what it deleted or replaced; `heir` copies the new form.

        What is not the same item lies after the heir's mark, so that nothing is lost by it.

        Returns:
            The heirs, whose index files may hold what is deleted.
        """
        heirs = select(collections.c.id).where(heirs_of(collection_id)).with_for_update()
        with self._database.write() as connection:
            found = list(connection.scalars(heirs))
            for number in found:
                keys = list(connection.scalars(_changed_since_copied(collection_id, number)))
                if keys:
                    self._deleted(connection, number, keys, None)
        return found

    def removed_since(self, collection_id: int, seq: int) -> bool:
        """Say whether an item may have been deleted or replaced after a commit."""
        later = select(literal(1)).where(
            tombstones.c.collection_id == collection_id, tombstones.c.seq > seq
        )
        with self._database.snapshot() as connection:
            return now(connection, collection_id)[1] > seq or bool(connection.scalar(later))

    def stale_stamps(self, collection_id: int, heir_id: int) -> list[tuple[str, str]]:
        """List the keys whose stamp was renewed after they were copied, with that stamp."""
        here, there = items.alias(), items.alias()
        statement = select(there.c.key, there.c.stamp).where(
            here.c.collection_id == heir_id,
            there.c.collection_id == collection_id,
            there.c.key == here.c.key,
            there.c.stamp.is_distinct_from(here.c.stamp),
        )
        with self._database.snapshot() as connection:
            return [(key, stamp) for key, stamp in connection.execute(statement)]

    def succeed(
        self, old: CollectionInfo, heir: CollectionInfo, seq: int, keep: str | None
    ) -> bool:
        """Give an heir the name of its collection, if nothing was committed there after `seq`.

        Args:
            old: The collection.
            heir: Holds what the collection held at that commit.
            seq: A commit of the collection.
            keep: What the collection is called from now on; None retires it.

        Returns:
            False where the collection has a later commit; nothing is changed.

        Raises:
            Conflict: The name to keep it under is taken.
            NotFound: The collection has another name by now, or the heir another worker.
        """
        with self._database.write() as connection:
            if keep is not None:
                check_free(connection, keep)
            # The update also locks the collection against other writers until the commit
            aside = (
                update(collections)
                .where(collections.c.id == old.id, collections.c.name == old.name)
                .where(collections.c.seq == seq)
                .values(name=f"{RETIRED}{old.id}" if keep is None else keep)
                .returning(collections.c.options)
            )
            options = connection.scalar(aside)
            if options is None:
                check_called(connection, old)
                return False
            check_called(connection, heir)
            connection.execute(
                update(collections)
                .where(collections.c.id == heir.id)
                .values(name=old.name, options=_inherited(options))
            )
            self._inherit(connection, old.id, heir.id)
            return True

    def erase_retired(self) -> None:
        """Delete what was retired, bit by bit."""
        retired = select(collections.c.id).where(collections.c.name.startswith(RETIRED))
        with self._database.snapshot() as connection:
            numbers = list(connection.scalars(retired))
        for number in numbers:
            some = select(items.c.row).where(items.c.collection_id == number).limit(ERASED_TOGETHER)
            erased = 1
            while erased:
                with self._database.write() as connection:
                    erased = connection.execute(delete(items).where(items.c.row.in_(some))).rowcount
            with self._database.write() as connection:
                connection.execute(delete(collections).where(collections.c.id == number))

    def set_encoder(self, collection_id: int, space: Space) -> None:
        """Note where the encoder of a collection's space is found from now on."""
        with self._database.write() as connection:
            connection.execute(
                update(collections)
                .where(collections.c.id == collection_id)
                .values(space=json.dumps(asdict(space)))
            )

    def _inherit(self, connection: Connection, old_id: int, heir_id: int) -> None:
        dialect = sqlite if self._database.dialect == "sqlite" else postgresql
        for table in (fields, quarantine):
            rest = [column for column in table.c if column.name != "collection_id"]
            statement = dialect.insert(table).from_select(
                ["collection_id", *(column.name for column in rest)],
                select(literal(heir_id), *rest).where(table.c.collection_id == old_id),
            )
            connection.execute(statement.on_conflict_do_nothing())


def _changed_since_copied(collection_id: int, heir_id: int) -> Select[str]:
    here, there = items.alias(), items.alias()
    same = exists().where(
        there.c.collection_id == collection_id,
        there.c.key == here.c.key,
        there.c.texts == here.c.texts,
        there.c.meta == here.c.meta,
        there.c.path.is_not_distinct_from(here.c.path),
        _picture(there).is_not_distinct_from(_picture(here)),
    )
    return select(here.c.key).where(here.c.collection_id == heir_id, ~same)


def _picture(of: FromClause) -> ScalarSelect[bytes]:
    asked = select(originals.c.bytes).where(originals.c.row == of.c.row)
    return asked.correlate(of).scalar_subquery()


def _inherited(options: str) -> str:
    kept = {name: value for name, value in json.loads(options).items() if name not in MEASURED}
    return json.dumps(kept)


def _retire(connection: Connection, number: int) -> None:
    here = collections.c.id == number
    connection.execute(update(collections).where(here).values(name=f"{RETIRED}{number}"))
