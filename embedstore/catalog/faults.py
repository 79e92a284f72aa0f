"""Faults of the database drivers, told in embedstore's words."""

import sqlite3

from embedstore.errors import (
    Corrupt,
    EmbedStoreError,
    NotFound,
    StorageFull,
    StoreLocked,
    Unavailable,
)

_LOCKED = "the catalog {where} is locked by another process ({why}); wait for it and try again"
_FULL = "the catalog {where} cannot be written ({why}); free disk space and try again"
_READ_ONLY = (
    "the catalog {where} cannot be opened for writing ({why}); "
    "make the folder and its files writable, or choose another store"
)
_DENIED = (
    "the database {where} refuses to write ({why}); give its user the right, or choose another"
)
_DAMAGED = (
    "the catalog {where} is damaged ({why}); copy it away, then restore a backup or index again"
)
_AWAY = (
    "the database {where} cannot be reached ({why}); check that it runs and that the URL is right"
)
_DROPPED = "the collection is gone; it was dropped meanwhile ({why})"

_Fault = tuple[type[EmbedStoreError], str]

# Result codes of SQLite, extended or primary: https://www.sqlite.org/rescode.html
_SQLITE: dict[int, _Fault] = {
    sqlite3.SQLITE_IOERR_READ: (Corrupt, _DAMAGED),
    sqlite3.SQLITE_IOERR_SHORT_READ: (Corrupt, _DAMAGED),
    sqlite3.SQLITE_IOERR_CORRUPTFS: (Corrupt, _DAMAGED),
    sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY: (NotFound, _DROPPED),
    sqlite3.SQLITE_BUSY: (StoreLocked, _LOCKED),
    sqlite3.SQLITE_LOCKED: (StoreLocked, _LOCKED),
    sqlite3.SQLITE_FULL: (StorageFull, _FULL),
    sqlite3.SQLITE_READONLY: (StorageFull, _READ_ONLY),
    sqlite3.SQLITE_CANTOPEN: (StorageFull, _READ_ONLY),
    sqlite3.SQLITE_PERM: (StorageFull, _READ_ONLY),
    sqlite3.SQLITE_IOERR: (StorageFull, _FULL),
    sqlite3.SQLITE_CORRUPT: (Corrupt, _DAMAGED),
    sqlite3.SQLITE_NOTADB: (Corrupt, _DAMAGED),
}
# SQLSTATE or its class: https://www.postgresql.org/docs/current/errcodes-appendix.html
_POSTGRESQL: dict[str, _Fault] = {
    "53100": (StorageFull, _FULL),
    "25006": (StorageFull, _DENIED),
    "42501": (StorageFull, _DENIED),
    "23503": (NotFound, _DROPPED),
    "55P03": (StoreLocked, _LOCKED),
    "40001": (StoreLocked, _LOCKED),
    "40P01": (StoreLocked, _LOCKED),
    "XX001": (Corrupt, _DAMAGED),
    "XX002": (Corrupt, _DAMAGED),
    "08": (Unavailable, _AWAY),
    "28": (Unavailable, _AWAY),
    "3D": (Unavailable, _AWAY),
    "53": (Unavailable, _AWAY),
    "57": (Unavailable, _AWAY),
}


def meaning(error: BaseException, where: str) -> EmbedStoreError | None:
    """Give the error to raise for one of a database driver.

    Args:
        error: What the driver raised.
        where: The catalog, as a user knows it.

    Returns:
        None where the error can only come from a mistake in this program.
    """
    known = _sqlite(error) if isinstance(error, sqlite3.Error) else _postgresql(error)
    if known is None:
        return None
    kind, message = known
    return kind(message.format(where=where, why=" ".join(str(error).split())))


def _sqlite(error: sqlite3.Error) -> _Fault | None:
    code = getattr(error, "sqlite_errorcode", 0)
    return _SQLITE.get(code) or _SQLITE.get(
        code & 0xFF
    )  # the low byte of an extended code is its primary code


def _postgresql(error: BaseException) -> _Fault | None:
    state = getattr(error, "sqlstate", None)
    if state is not None:
        return _POSTGRESQL.get(state) or _POSTGRESQL.get(state[:2])
    # psycopg gives no state where no server answered or the connection broke
    return (Unavailable, _AWAY) if type(error).__name__ == "OperationalError" else None
