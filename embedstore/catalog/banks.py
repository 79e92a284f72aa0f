"""The bank of queries that a collection is calibrated with."""

from dataclasses import dataclass
from zlib import crc32

import numpy as np
import xxhash
from sqlalchemy import bindparam, delete, select

from embedstore.catalog.database import Database
from embedstore.catalog.names import gone
from embedstore.catalog.registry import Registry
from embedstore.catalog.tables import banks, collections
from embedstore.catalog.vector_codec import HALF
from embedstore.errors import Corrupt
from embedstore.types import Vectors

# A bank of another space than the collection's is as good as none: its vectors say nothing here.
_OURS = (
    select(banks.c.name)
    .select_from(banks.join(collections, collections.c.id == banks.c.collection_id))
    .where(
        banks.c.collection_id == bindparam("collection"),
        banks.c.fingerprint == collections.c.fingerprint,
    )
)
_NEXT = (
    collections.update()
    .where(collections.c.id == bindparam("collection"))
    .values(seq=collections.c.seq + 1)
    .returning(collections.c.name, collections.c.fingerprint)
)


@dataclass(frozen=True)
class StoredBank:
    """A bank as it is stored.

    Attributes:
        name: Hash of all it is; another bank has another name.
        weight: Share of the bias that is taken off a score.
        vectors: `(m, d)` unit rows, rounded to float16.
    """

    name: str
    weight: float
    vectors: Vectors


class Banks(Registry):
    """The part of the catalog that keeps banks; one a collection."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._bank_name = database.compiled(_OURS)

    def bank_name(self, collection_id: int) -> str | None:
        """Name the bank in force; None where there is none of the collection's space."""
        found = self._database.rows(self._bank_name, {"collection": collection_id})
        return found[0][0] if found else None

    def bank(self, collection_id: int) -> StoredBank | None:
        """Give the bank in force; None where there is none of the collection's space.

        Raises:
            Corrupt: Its bytes fail their checksum.
        """
        asked = _OURS.add_columns(
            banks.c.weight, banks.c.vectors, banks.c.crc, collections.c.name.label("collection")
        )
        with self._database.glance() as connection:
            found = connection.execute(asked, {"collection": collection_id}).first()
        if found is None:
            return None
        if crc32(found.vectors) != found.crc:
            raise Corrupt(
                f"the query bank of collection {found.collection!r} fails its checksum; "
                "run `embedstore calibrate` again"
            )
        rows = np.frombuffer(found.vectors, HALF).reshape(-1, self.space(collection_id).dim)
        return StoredBank(found.name, found.weight, rows.astype(np.float32))

    def set_bank(
        self,
        collection_id: int,
        vectors: Vectors | None,
        weight: float,
        called: str | None = None,
    ) -> str | None:
        """Replace the bank in one commit, which every reader notices as it notices new rows.

        Args:
            collection_id: Where.
            vectors: `(m, d)` unit rows of the collection's space; None for no bank.
            weight: Share of the bias that is taken off a score.
            called: Replace it only if the collection still has this name.

        Returns:
            The name of the bank.

        Raises:
            NotFound: The collection was dropped, or its name went to another.
        """
        with self._database.write() as connection:
            found = connection.execute(_NEXT, {"collection": collection_id}).first()
            if found is None or called not in (None, found.name):
                raise gone(collection_id)
            fingerprint = found.fingerprint
            connection.execute(delete(banks).where(banks.c.collection_id == collection_id))
            if vectors is None:
                return None
            raw = vectors.astype(HALF).tobytes()
            name = xxhash.xxh3_64_hexdigest(f"{fingerprint} {weight}".encode() + raw)
            connection.execute(
                banks.insert(),
                {
                    "collection_id": collection_id,
                    "fingerprint": fingerprint,
                    "name": name,
                    "weight": weight,
                    "vectors": raw,
                    "crc": crc32(raw),
                },
            )
        return name
