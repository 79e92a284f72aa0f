"""The bank of queries that a collection is calibrated with."""

import json
from dataclasses import dataclass
from zlib import crc32

import numpy as np
import xxhash
from sqlalchemy import Connection, bindparam, delete, select, update

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
_RELEVANCE = "relevance"  # an option that was measured with a bank
_NEXT = (
    collections.update()
    .where(collections.c.id == bindparam("collection"))
    .values(seq=collections.c.seq + 1)
    .returning(collections.c.name, collections.c.fingerprint, collections.c.options)
)


@dataclass(frozen=True)
class StoredBank:
    """A bank as it is stored.

    Attributes:
        name: Hash of all it is; another bank has another name.
        weight: Share of the bias that is taken off a score.
        vectors: `(m, d)` unit rows, rounded to float16.
        of_captions: Whether they are, or may be, captions of the collection's items.
    """

    name: str
    weight: float
    vectors: Vectors
    of_captions: bool


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
            banks.c.weight,
            banks.c.vectors,
            banks.c.crc,
            banks.c.of_captions,
            collections.c.name.label("collection"),
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
        own = found.of_captions != 0
        return StoredBank(found.name, found.weight, rows.astype(np.float32), own)

    def set_bank(
        self,
        collection_id: int,
        vectors: Vectors | None,
        weight: float,
        called: str | None = None,
        *,
        of_captions: bool = False,
    ) -> str | None:
        """Replace the bank in one commit, which every reader notices as it notices new rows.

        Args:
            collection_id: Where.
            vectors: `(m, d)` unit rows of the collection's space; None for no bank.
            weight: Share of the bias that is taken off a score.
            called: Replace it only if the collection still has this name.
            of_captions: Whether the vectors are of the collection's own captions, which
                `shrink_bank` follows where items are deleted.

        Returns:
            The name of the bank.

        Raises:
            NotFound: The collection was dropped, or its name went to another.
        """
        with self._database.write() as connection:
            found = connection.execute(_NEXT, {"collection": collection_id}).first()
            if found is None or called not in (None, found.name):
                raise gone(collection_id)
            connection.execute(delete(banks).where(banks.c.collection_id == collection_id))
            if vectors is None:
                return None
            return _insert(
                connection, collection_id, found.fingerprint, vectors, weight, of_captions
            )

    def shrink_bank(self, collection_id: int, bank: StoredBank, left: Vectors | None) -> None:
        """Put a part of a bank in its place, in one commit, unless another one is there by now.

        What was measured with the bank stands for the part as well.

        Args:
            collection_id: Where.
            bank: The bank.
            left: `(m, d)`, some of its vectors; None for no bank.
        """
        here = collections.c.id == collection_id
        with self._database.write() as connection:
            found = connection.execute(_NEXT, {"collection": collection_id}).first()
            old = delete(banks).where(
                banks.c.collection_id == collection_id, banks.c.name == bank.name
            )
            if found is None or not connection.execute(old).rowcount or left is None:
                return
            name = _insert(
                connection, collection_id, found.fingerprint, left, bank.weight, bank.of_captions
            )
            options = json.loads(found.options)
            if (options.get(_RELEVANCE) or {}).get("bank") == bank.name:
                options[_RELEVANCE]["bank"] = name
                changed = update(collections).where(here).values(options=json.dumps(options))
                connection.execute(changed)


def _insert(
    connection: Connection,
    collection_id: int,
    fingerprint: str,
    vectors: Vectors,
    weight: float,
    of_captions: bool,
) -> str:
    raw = vectors.astype(HALF).tobytes()
    name = xxhash.xxh3_64_hexdigest(f"{fingerprint} {weight}".encode() + raw)
    made = {
        "collection_id": collection_id,
        "fingerprint": fingerprint,
        "name": name,
        "weight": weight,
        "vectors": raw,
        "crc": crc32(raw),
        "of_captions": int(of_captions),
    }
    connection.execute(banks.insert(), made)
    return name
