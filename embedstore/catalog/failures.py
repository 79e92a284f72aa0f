"""Notes on items that failed, forgotten by key."""

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, delete

from embedstore.catalog.among import among
from embedstore.catalog.database import Database
from embedstore.catalog.metadata import KEY_BYTES, plain
from embedstore.catalog.tables import quarantine

_RELEASE = delete(quarantine).where(
    quarantine.c.collection_id == bindparam("collection"),
    among(quarantine.c.key, bindparam("keys")),
)


def release(
    connection: Connection, database: Database, collection_id: int, keys: Sequence[str]
) -> None:
    """Forget that the items with these keys failed."""
    listed = database.listed([noted(key) for key in keys])
    connection.execute(_RELEASE, {"collection": collection_id, "keys": listed})


def noted(key: str) -> str:
    """Write a key so that it can be noted, even where it is what failed."""
    return plain(key).encode()[:KEY_BYTES].decode(errors="ignore")
