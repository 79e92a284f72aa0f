"""What is known of the corpora that items come from: stamps, and items that failed."""

from collections.abc import Iterable, Sequence

from sqlalchemy import bindparam, delete, insert, select, update

from embedstore.catalog.among import among
from embedstore.catalog.metadata import KEY_BYTES, plain
from embedstore.catalog.registry import Registry
from embedstore.catalog.tables import items, quarantine
from embedstore.catalog.values import Quarantined, Stamp

_TOUCH = (
    update(items)
    .where(items.c.collection_id == bindparam("collection"), items.c.key == bindparam("named"))
    .values(stamp=bindparam("renewed"))
)
_RELEASE = delete(quarantine).where(
    quarantine.c.collection_id == bindparam("collection"),
    among(quarantine.c.key, bindparam("keys")),
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
        noted = _noted(key)
        note = {"corpus": corpus, "key": noted, "stamp": stamp, "reason": plain(reason)}
        with self._database.write() as connection:
            released = {"collection": collection_id, "keys": self._database.listed([noted])}
            connection.execute(_RELEASE, released)
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
            listed = self._database.listed([_noted(key) for key in keys])
            connection.execute(_RELEASE, {"collection": collection_id, "keys": listed})

    def quarantine_keep(self, collection_id: int, corpus: str | None, keys: Iterable[str]) -> None:
        """Forget the failures of a corpus except those of some keys."""
        kept = {_noted(key) for key in keys}
        noted = select(quarantine.c.key).where(
            quarantine.c.collection_id == collection_id, quarantine.c.corpus == corpus
        )
        with self._database.write() as connection:
            over = [key for key in connection.scalars(noted) if key not in kept]
            listed = self._database.listed(over)
            connection.execute(_RELEASE, {"collection": collection_id, "keys": listed})


def _noted(key: str) -> str:
    """Write a key so that it can be noted, even where it is what failed."""
    return plain(key).encode()[:KEY_BYTES].decode(errors="ignore")
