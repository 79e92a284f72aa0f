"""What is known of the corpora that items come from: stamps, and items that failed."""

from collections.abc import Iterable, Sequence

from sqlalchemy import bindparam, insert, select, update

from embedstore.catalog.failures import noted, release
from embedstore.catalog.metadata import plain
from embedstore.catalog.registry import Registry
from embedstore.catalog.tables import items, quarantine
from embedstore.catalog.values import Quarantined, Stamp

_TOUCH = (
    update(items)
    .where(items.c.collection_id == bindparam("collection"), items.c.key == bindparam("named"))
    .values(stamp=bindparam("renewed"))
)


class Corpora(Registry):
    """The part of the catalog that makes indexing a folder again cheap."""

    def stamps(self, collection_id: int, corpus: str) -> dict[str, Stamp]:
        """Give stamp and content hash of every item that was read from a corpus, by key."""
        statement = select(items.c.key, items.c.stamp, items.c.content_hash).where(
            items.c.collection_id == collection_id, items.c.corpus == corpus
        )
        with self._database.snapshot() as connection:
            found = connection.execute(statement).all()
        return {key: Stamp(stamp, content) for key, stamp, content in found}

    def touch(self, collection_id: int, stamps: Iterable[tuple[str, str]]) -> None:
        """Renew the stamps of items whose content is the same; this is no new commit."""
        renewed = [
            {"collection": collection_id, "named": key, "renewed": stamp} for key, stamp in stamps
        ]
        if renewed:
            with self._database.write() as connection:
                connection.execute(_TOUCH, renewed)

    def quarantine_put(
        self, collection_id: int, corpus: str | None, key: str, stamp: str | None, reason: str
    ) -> None:
        """Note that an item failed; the last note on a key stands.

        Args:
            collection_id: Where it would have gone.
            corpus: The root it was read from.
            key: The key it would have had.
            stamp: Sign of change of its source.
            reason: What was wrong.
        """
        note = {"corpus": corpus, "key": noted(key), "stamp": stamp, "reason": plain(reason)}
        with self._database.write() as connection:
            release(connection, self._database, collection_id, [key])
            connection.execute(insert(quarantine), {"collection_id": collection_id, **note})

    def quarantine(self, collection_id: int) -> list[Quarantined]:
        """List the items that failed, by key."""
        statement = (
            select(quarantine.c.key, quarantine.c.reason, quarantine.c.corpus, quarantine.c.stamp)
            .where(quarantine.c.collection_id == collection_id)
            .order_by(quarantine.c.key)
        )
        with self._database.snapshot() as connection:
            return [Quarantined(*found) for found in connection.execute(statement)]

    def quarantine_clear(self, collection_id: int, keys: Sequence[str]) -> None:
        """Forget that items failed."""
        with self._database.write() as connection:
            release(connection, self._database, collection_id, keys)

    def quarantine_keep(self, collection_id: int, corpus: str | None, keys: Iterable[str]) -> None:
        """Forget the failures of a corpus except those of some keys."""
        kept = {noted(key) for key in keys}
        here = select(quarantine.c.key).where(
            quarantine.c.collection_id == collection_id, quarantine.c.corpus == corpus
        )
        with self._database.write() as connection:
            over = [key for key in connection.scalars(here) if key not in kept]
            release(connection, self._database, collection_id, over)
