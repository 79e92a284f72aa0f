"""Upkeep of the files: forget deletions, give space back, look for damage."""

from sqlalchemy import Connection, delete, func, select, update

from embedstore.catalog import vector_codec
from embedstore.catalog.registry import Registry
from embedstore.catalog.tables import collections, items, metadata, tombstones, vectors
from embedstore.errors import Corrupt, StoreLocked


class Upkeep(Registry):
    """The part of the catalog that looks after its files."""

    def purge(self, collection_id: int, seq: int) -> None:
        """Forget the deletions up to a commit; a reader that is older must load anew."""
        here = collections.c.id == collection_id
        with self._database.write() as connection:
            upto = min(seq, connection.scalar(select(collections.c.seq).where(here)) or 0)
            connection.execute(
                update(collections)
                .where(here, collections.c.purged_seq < upto)
                .values(purged_seq=upto)
            )
            connection.execute(
                delete(tombstones).where(
                    tombstones.c.collection_id == collection_id, tombstones.c.seq <= upto
                )
            )

    def vacuum(self) -> None:
        """Rewrite the files without what was deleted.

        Raises:
            StoreLocked: Another process reads the old state for longer than the wait.
            StorageFull: No room for the copy; nothing is lost.
        """
        with self._database.glance() as connection:
            if self._database.dialect == "postgresql":
                ours = ", ".join(metadata.tables)
                connection.exec_driver_sql(f"VACUUM (FULL, ANALYZE) {ours}")
                return
            connection.exec_driver_sql("VACUUM")
            blocked, *_ = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()
            if blocked:
                raise StoreLocked(
                    f"the log of {self._database.where} cannot be emptied while another process "
                    "reads it; deleted bytes stay there until `embedstore compact` succeeds"
                )

    def check(self, sample: int = 1_000) -> list[str]:
        """Look for damage.

        Args:
            sample: Vectors, spread over all rows, whose checksum is computed.

        Returns:
            One line for each fault found; empty where all is sound.
        """
        looks = [_unsound] if self._database.dialect == "postgresql" else [_malformed, _unsound]
        faults = []
        for look in looks:
            try:
                with self._database.snapshot() as connection:
                    faults += look(connection, sample)
            except Corrupt as error:
                faults.append(str(error))
        return faults


def _malformed(connection: Connection, _sample: int) -> list[str]:
    told = connection.exec_driver_sql("PRAGMA quick_check").scalars()
    return [line for line in told if line != "ok"]


def _unsound(connection: Connection, sample: int) -> list[str]:
    total = connection.scalar(select(func.count()).select_from(vectors)) or 0
    step = max(1, total // max(1, sample))
    statement = (
        select(items.c.key, vectors.c.modality, vectors.c.vector, vectors.c.crc)
        .select_from(vectors.join(items, items.c.row == vectors.c.row))
        .where(vectors.c.row % step == 0)
        .execution_options(yield_per=1_000)
    )
    return [
        f"item {key!r}: a stored {modality} vector fails its checksum"
        for key, modality, vector, crc in connection.execute(statement)
        if not vector_codec.sound(vector, crc, len(vector) // vector_codec.HALF.itemsize)
    ]
