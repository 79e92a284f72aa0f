"""The catalog: what exists. Its rows are the only truth, vectors included."""

from pathlib import Path

from embedstore.catalog.banks import Banks
from embedstore.catalog.corpora import Corpora
from embedstore.catalog.database import Database
from embedstore.catalog.field_sample import FieldSample
from embedstore.catalog.migrations import migrate
from embedstore.catalog.promises import Promises
from embedstore.catalog.sources import Sources
from embedstore.catalog.succession import Succession
from embedstore.catalog.upkeep import Upkeep
from embedstore.catalog.vector_reader import VectorReader

WAIT = 30.0  # seconds for another process to finish writing


class Catalog(Succession, FieldSample, VectorReader, Corpora, Banks, Promises, Upkeep, Sources):
    """Collections, their items and their vectors, in SQLite or PostgreSQL.

    It may be shared by threads. Each part below is one file.
    """

    def __init__(self, location: str | Path, *, wait: float = WAIT) -> None:
        """Open a catalog, or create one.

        Args:
            location: A file for SQLite, or a URL such as `postgresql://user@host/name`.
            wait: Seconds that a writer waits for another one.

        Raises:
            Conflict: A newer version wrote it, or it belongs to another program.
            StorageFull: The file cannot be made or written.
            StoreLocked: Another process holds it for longer than the wait.
            Corrupt: The file is damaged.
            Unavailable: The database server cannot be reached.
            MissingExtra: PostgreSQL's driver is not installed.
        """
        database = Database(location, wait)
        migrate(database)
        super().__init__(database)

    @property
    def dialect(self) -> str:
        """`sqlite` or `postgresql`."""
        return self._database.dialect

    def close(self) -> None:
        """Close every connection."""
        self._database.close()
