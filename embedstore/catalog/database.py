"""A database to read and write: one snapshot a reader, one writer at a time.

SQLite: WAL lets readers go on while one writer commits; synchronous=FULL makes a commit an
acknowledgement that survives power loss; secure_delete overwrites what is deleted. The writer
takes its lock when it begins, because a transaction that turns from reading to writing half way
fails at once where another has written meanwhile.
"""

import json
import sqlite3
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import ClauseElement, Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, ExceptionContext, make_url
from sqlalchemy.exc import ArgumentError

from embedstore.catalog.faults import meaning
from embedstore.errors import Invalid, MissingExtra, Unavailable

PG_SCHEMA = "embedstore"  # our tables never meet those of an application in the same database
WAL_PAGES = 4_000  # 16 MB of log; SQLite's own 1,000 cost a tenth of the rows a second
HELD = 8  # idle connections for what is read past SQLAlchemy
OLDEST_SQLITE = (3, 38, 0)  # with RETURNING and JSON functions

_OF_EVERY_ENGINE: dict[str, Any] = {
    "max_overflow": -1,  # connections: as many threads as there are may read and wait their turn
    "hide_parameters": True,  # captions and keys, which are not for an error's message
}
# How a transaction begins on SQLite, how it is isolated on PostgreSQL.
_SNAPSHOT = {"sqlite_begin": "BEGIN", "isolation_level": "REPEATABLE READ"}
_WRITE = {"sqlite_begin": "BEGIN IMMEDIATE", "isolation_level": "READ COMMITTED"}
_GLANCE = {"sqlite_begin": None, "isolation_level": "AUTOCOMMIT"}


class Database:
    """An engine whose faults are embedstore's errors."""

    def __init__(self, location: str | Path | URL, wait: float) -> None:
        url = _url(location)
        self.dialect = url.get_backend_name()
        self.where = url.database if self.dialect == "sqlite" else url.render_as_string()
        self._engine = _engine(url, wait)
        event.listen(self._engine, "handle_error", self._raise_meaning)
        if self.dialect == "sqlite":
            event.listen(self._engine, "begin", _begin_sqlite)
        self._snapshot = self._prepared(_SNAPSHOT)
        self._write = self._prepared(_WRITE)
        self._glance = self._prepared(_GLANCE)
        self._held: deque[Any] = deque()  # its methods are atomic

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """Read: every statement sees the same commit."""
        with self._snapshot.connect() as connection:
            yield connection

    @contextmanager
    def glance(self) -> Iterator[Connection]:
        """Read: one statement, without the cost of a transaction."""
        with self._glance.connect() as connection:
            yield connection

    def rows(self, statement: str, parameters: dict[str, object]) -> Sequence[Sequence[Any]]:
        """Read with a compiled statement on the driver itself, at a third of the cost."""
        try:
            return self._on_driver(statement, parameters)
        except self._engine.dialect.loaded_dbapi.Error:
            # Asked again through SQLAlchemy, which names the fault or finds it gone.
            with self.glance() as connection:
                return connection.exec_driver_sql(statement, parameters).all()

    def _on_driver(self, statement: str, parameters: dict[str, object]) -> Sequence[Sequence[Any]]:
        """Read on a held connection, dropped where it fails: one that is lent costs more."""
        try:
            held = self._held.pop()
        except IndexError:
            held = self._connected()
        try:
            found: Sequence[Sequence[Any]] = held.execute(statement, parameters).fetchall()
        except BaseException:
            held.close()
            raise
        if len(self._held) < HELD:
            self._held.append(held)
        else:
            held.close()
        return found

    def _connected(self) -> Any:
        """Give a connection of the driver that no pool knows of; each statement sees a commit."""
        lent = self._engine.raw_connection()
        connection: Any = lent.driver_connection
        lent.detach()
        if self.dialect == "postgresql":
            connection.autocommit = True
        return connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Write: all or nothing; returning is the acknowledgement."""
        with self._write.begin() as connection:
            yield connection

    def listed(self, values: Sequence[int] | Sequence[str]) -> object:
        """Give the parameter that `among` compares with."""
        return json.dumps(values) if self.dialect == "sqlite" else list(values)

    def compiled(self, statement: ClauseElement) -> str:
        """Give a statement as the driver's SQL, for those that must not wait for SQLAlchemy."""
        return str(statement.compile(dialect=self._engine.dialect))

    def spelled(self, clause: ClauseElement) -> str:
        """Give a clause as the driver's SQL with its values quoted in it, for an index."""
        options = {"literal_binds": True}
        return str(clause.compile(dialect=self._engine.dialect, compile_kwargs=options))

    def close(self) -> None:
        """Close every connection."""
        while self._held:
            self._held.pop().close()
        self._engine.dispose()

    def _prepared(self, options: dict[str, Any]) -> Engine:
        known = {"sqlite": "sqlite_begin", "postgresql": "isolation_level"}[self.dialect]
        return self._engine.execution_options(**{known: options[known]})

    def _raise_meaning(self, context: ExceptionContext) -> None:
        cause = context.original_exception
        fault = meaning(cause, str(self.where))
        if fault is not None:
            raise fault from cause


def _url(location: str | Path | URL) -> URL:
    if isinstance(location, Path):
        return URL.create("sqlite", database=str(location))
    try:
        url = make_url(location)
    except (ArgumentError, ValueError) as error:
        shown = str(location).rpartition("@")[2]  # before it may stand a password
        raise Invalid(
            f"database URL ...{shown!r} cannot be read; expected "
            "sqlite:////folder/catalog.sqlite or postgresql://user@host/name"
        ) from error
    if url.drivername == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
    supported = url.drivername in ("sqlite", "postgresql+psycopg")
    if not supported or url.database in (None, "", ":memory:"):
        raise Invalid(
            f"database {url.render_as_string()!r} is not supported; expected "
            "sqlite:////folder/catalog.sqlite or postgresql://user@host/name"
        )
    return url


def _engine(url: URL, wait: float) -> Engine:
    if url.get_backend_name() == "sqlite":
        if sqlite3.sqlite_version_info < OLDEST_SQLITE:
            raise Unavailable(
                f"this Python has SQLite {sqlite3.sqlite_version}; expected 3.38 or newer: "
                "install a newer Python, or use PostgreSQL"
            )
        engine = create_engine(
            url, paramstyle="named", connect_args={"timeout": wait}, **_OF_EVERY_ENGINE
        )
        event.listen(engine, "connect", lambda connection, _: _set_up_sqlite(connection, wait))
        return engine
    try:
        engine = create_engine(url, pool_pre_ping=True, **_OF_EVERY_ENGINE)
    except ModuleNotFoundError as error:
        raise MissingExtra(
            f"a store on PostgreSQL needs the package {error.name}; "
            "install it with `pip install 'embedstore[postgres]'`"
        ) from error

    def set_up(connection: Any, _record: object) -> None:
        connection.execute(f"SET search_path TO {PG_SCHEMA}")
        connection.execute(f"SET lock_timeout TO '{int(wait * 1000)}ms'")
        connection.commit()

    event.listen(engine, "connect", set_up)
    return engine


def _set_up_sqlite(connection: sqlite3.Connection, wait: float) -> None:
    connection.isolation_level = None  # the driver must not begin transactions of its own
    _use_wal(connection, wait)
    for pragma in (
        "synchronous=FULL",
        "foreign_keys=ON",
        "secure_delete=ON",
        f"wal_autocheckpoint={WAL_PAGES}",
    ):
        connection.execute(f"PRAGMA {pragma}").close()


def _use_wal(connection: sqlite3.Connection, wait: float) -> None:
    end = time.monotonic() + wait
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL").close()
            return
        except sqlite3.OperationalError as error:
            # SQLite itself does not wait here while another process makes the same change
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                raise
            time.sleep(0.01)


def _begin_sqlite(connection: Connection) -> None:
    begin = connection.get_execution_options()["sqlite_begin"]
    if begin is not None:
        connection.exec_driver_sql(begin)
