"""Collections by name: create, describe, drop."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, or_, select

from embedstore.catalog.database import Database
from embedstore.catalog.names import (
    HIDDEN,
    HOLDER,
    check_called,
    check_free,
    check_name,
    gone,
    heirs_of,
)
from embedstore.catalog.tables import collections, counters
from embedstore.catalog.values import CollectionInfo
from embedstore.errors import Moved, NotFound
from embedstore.types import Space


class Registry:
    """The part of the catalog that knows the collections."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._holder = database.compiled(HOLDER)
        self._spaces: dict[int, Space] = {}  # a collection's space never changes
        self._fields: dict[int, set[str]] = {}  # known to be in the table, which only grows

    def create(self, name: str, space: Space, options: Mapping[str, Any]) -> CollectionInfo:
        """Create an empty collection.

        Args:
            name: 1 to 64 letters, digits, `_`, `.`, `-`.
            space: The space of all its vectors.
            options: A JSON object to keep with it.

        Raises:
            Invalid: The name is not of that form.
            Conflict: The name is taken.
        """
        check_name(name)
        with self._database.write() as connection:
            check_free(connection, name)
            insert_new(connection, name, space, options)
        return self.describe(name)

    def check_new_name(self, name: str) -> None:
        """Refuse a name that `create` would refuse.

        Raises:
            Invalid: The name is not of the form that is expected.
            Conflict: The name is taken.
        """
        check_name(name)
        with self._database.snapshot() as connection:
            check_free(connection, name)

    def holder(self, name: str) -> int | None:
        """Give the id of the collection that has a name now; None where there is none."""
        found = self._database.rows(self._holder, {"name": name})
        return int(found[0][0]) if found else None

    def describe(self, name: str) -> CollectionInfo:
        """Give what is known about a collection.

        Raises:
            NotFound: No such collection; the message lists those that exist.
        """
        every = {info.name: info for info in self.collections()}
        if name not in every:
            raise NotFound(
                f"no collection {name!r}; there is {', '.join(map(repr, every)) or 'none yet'}"
            )
        return every[name]

    @contextmanager
    def as_opened(self, info: CollectionInfo) -> Iterator[None]:
        """Do something with a collection, unless it is no longer what `check_opened` expects."""
        self.check_opened(info)
        try:
            yield
        except NotFound:
            self.check_opened(info)
            raise

    def check_opened(self, info: CollectionInfo) -> None:
        """Refuse once the name of a collection went to another.

        Raises:
            Moved: There is another collection of that name.
            NotFound: There is none; the message lists those that exist.
        """
        if self.holder(info.name) != info.id:
            self.describe(info.name)
            raise Moved(
                f"collection {info.name!r} was re-embedded or made anew since it was opened for "
                f"{info.space.encoder} (space {info.space.fingerprint}); open it again: "
                f"store.collection({info.name!r}); a command goes on where it stopped"
            )

    def collections(self) -> list[CollectionInfo]:
        """List the collections by name."""
        with self._database.snapshot() as connection:
            found = connection.execute(select(collections)).all()
        seen = [info_of(each) for each in found if not each.name.startswith(HIDDEN)]
        return sorted(seen, key=lambda info: info.name)

    def ids(self) -> set[int]:
        """Give the id of every collection, those that no user sees included."""
        with self._database.snapshot() as connection:
            return set(connection.scalars(select(collections.c.id)))

    def options(self, collection_id: int) -> dict[str, Any]:
        """Give the options kept with a collection; none where it was dropped."""
        asked = select(collections.c.options).where(collections.c.id == collection_id)
        with self._database.glance() as connection:
            kept: dict[str, Any] = json.loads(connection.scalar(asked) or "{}")
        return kept

    def change_options(
        self, info: CollectionInfo, change: Callable[[dict[str, Any]], dict[str, Any]]
    ) -> dict[str, Any]:
        """Change the options kept with a collection, whatever others change meanwhile.

        Args:
            info: The collection.
            change: Gives the new options for those that are kept.

        Returns:
            The new options.

        Raises:
            NotFound: The collection was dropped, or its name went to another.
        """
        here = collections.c.id == info.id
        with self._database.write() as connection:
            check_called(connection, info)
            kept = connection.execute(select(collections.c.options).where(here)).scalar_one()
            options = change(json.loads(kept))
            if options != json.loads(kept):
                # A commit, so that whoever has the collection open reads them
                changed = {"options": json.dumps(options), "seq": collections.c.seq + 1}
                connection.execute(collections.update().where(here).values(changed))
        return options

    def renewed(self, info: CollectionInfo) -> CollectionInfo:
        """Give a collection with its options as they are now."""
        options = self.options(info.id)
        return info if options == info.options else replace(info, options=options)

    def drop(self, name: str) -> None:
        """Delete a collection and all its rows, and what was begun to take its place.

        Raises:
            NotFound: No such collection, or its name went to another at this moment.
        """
        info = self.describe(name)
        own, heirs = collections.c.id == info.id, heirs_of(info.id)
        with self._database.write() as connection:
            check_called(connection, info)
            connection.execute(delete(collections).where(or_(own, heirs)))

    def space(self, collection_id: int) -> Space:
        """Give the space of a collection's vectors."""
        if collection_id not in self._spaces:
            with self._database.glance() as connection:
                stored = connection.scalar(
                    select(collections.c.space).where(collections.c.id == collection_id)
                )
            if stored is None:
                raise gone(collection_id)
            self._spaces[collection_id] = Space(**json.loads(stored))
        return self._spaces[collection_id]


SEQ = select(collections.c.seq, collections.c.purged_seq).where(
    collections.c.id == bindparam("collection")
)
_RESERVE = (
    counters.update()
    .where(counters.c.name == bindparam("counter"))
    .values(last=counters.c.last + bindparam("amount"))
    .returning(counters.c.last)
)


def now(connection: Connection, collection_id: int) -> tuple[int, int]:
    """Give a collection's last commit, and the one up to which deletions are forgotten.

    Raises:
        NotFound: The collection was dropped.
    """
    found = connection.execute(SEQ, {"collection": collection_id}).first()
    if found is None:
        raise gone(collection_id)
    return found.seq, found.purged_seq


def reserve(connection: Connection, counter: str, amount: int) -> int:
    """Take ids that were never used; the first of them, the others follow."""
    last = connection.scalar(_RESERVE, {"counter": counter, "amount": amount})
    if last is None:
        raise NotFound(f"the catalog has lost its counter {counter!r}; restore a backup")
    return int(last) - amount + 1


def insert_new(connection: Connection, name: str, space: Space, options: Mapping[str, Any]) -> int:
    """Insert an empty collection and give its id."""
    number = reserve(connection, "collection", 1)
    new = {
        "id": number,
        "name": name,
        "space": json.dumps(asdict(space)),
        "fingerprint": space.fingerprint,
        "options": json.dumps(dict(options)),
        "seq": 0,
        "purged_seq": 0,
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    connection.execute(collections.insert(), new)
    return number


def info_of(found: Row[Any]) -> CollectionInfo:
    """Make what is known about a collection of its row."""
    return CollectionInfo(
        found.id,
        found.name,
        Space(**json.loads(found.space)),
        json.loads(found.options),
        found.seq,
        found.purged_seq,
        found.created_at,
    )
