"""What recall a collection's indices promise, and the queries that it is measured with."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from zlib import crc32

import numpy as np
from sqlalchemy import bindparam, delete, select

from embedstore.catalog import vector_codec
from embedstore.catalog.among import among
from embedstore.catalog.names import check_called
from embedstore.catalog.registry import Registry
from embedstore.catalog.tables import collections, items, promises, vectors
from embedstore.catalog.values import CollectionInfo
from embedstore.errors import Corrupt
from embedstore.types import Modality, Vectors

# A promise measured in another space than the collection's says nothing about this one.
_OURS = (
    select(promises.c.modality, promises.c.asked)
    .select_from(promises.join(collections, collections.c.id == promises.c.collection_id))
    .where(
        promises.c.collection_id == bindparam("collection"),
        promises.c.fingerprint == collections.c.fingerprint,
    )
)
_ONE = _OURS.add_columns(promises.c.queries, promises.c.crc).where(
    promises.c.modality == bindparam("modality")
)
_CAPTIONED = select(items.c.row).where(
    items.c.collection_id == bindparam("collection"), items.c.text_count > 0
)
_FIRST_CAPTIONS = select(vectors.c.vector, vectors.c.crc, vectors.c.row).where(
    among(vectors.c.row, bindparam("rows")), vectors.c.modality == "text", vectors.c.part == 0
)


@dataclass(frozen=True)
class StoredPromise:
    """A promise as it is stored.

    Attributes:
        asked: Its terms, a JSON object.
        queries: `(q, d)` unit rows, rounded to float16.
    """

    asked: Mapping[str, Any]
    queries: Vectors


class Promises(Registry):
    """The part of the catalog that keeps promises; one for each modality of a collection."""

    def promise(self, collection_id: int, modality: Modality) -> StoredPromise | None:
        """Give the promise in force; None where there is none in the collection's space.

        Raises:
            Corrupt: Its bytes fail their checksum.
        """
        asked = {"collection": collection_id, "modality": modality}
        with self._database.glance() as connection:
            found = connection.execute(_ONE, asked).first()
        if found is None:
            return None
        if crc32(found.queries) != found.crc:
            raise Corrupt(
                f"the queries of the {modality} promise of collection {collection_id} fail their "
                "checksum; run `embedstore tune` again"
            )
        rows = np.frombuffer(found.queries, vector_codec.HALF)
        dim = self.space(collection_id).dim
        return StoredPromise(json.loads(found.asked), rows.reshape(-1, dim).astype(np.float32))

    def promised(self, collection_id: int) -> dict[Modality, dict[str, Any]]:
        """Give the terms of every promise in force, by modality."""
        with self._database.glance() as connection:
            found = connection.execute(_OURS, {"collection": collection_id}).all()
        return {modality: json.loads(terms) for modality, terms in found}

    def set_promise(
        self, info: CollectionInfo, modality: Modality, promise: StoredPromise | None
    ) -> None:
        """Replace the promise of one modality.

        Args:
            info: The collection.
            modality: Whose index promises.
            promise: Its queries are of the collection's space; None for no promise.

        Raises:
            NotFound: The collection was dropped, or its name went to another.
        """
        here = (promises.c.collection_id == info.id, promises.c.modality == modality)
        with self._database.write() as connection:
            check_called(connection, info)
            connection.execute(delete(promises).where(*here))
            if promise is None:
                return
            raw = promise.queries.astype(vector_codec.HALF).tobytes()
            kept = {
                "collection_id": info.id,
                "modality": modality,
                "fingerprint": info.space.fingerprint,
                "asked": json.dumps(dict(promise.asked)),
                "queries": raw,
                "crc": crc32(raw),
            }
            connection.execute(promises.insert(), kept)

    def some_captions(self, collection_id: int, most: int, seed: int) -> Vectors:
        """Give the vectors `(q, d)` of the first captions of items chosen at random.

        Args:
            collection_id: Where.
            most: Captions wanted; fewer where fewer items have any.
            seed: The same one chooses the same of the same items.

        Raises:
            Corrupt: Stored bytes fail their checksum.
        """
        dim = self.space(collection_id).dim
        with self._database.snapshot() as connection:
            rows = connection.scalars(_CAPTIONED, {"collection": collection_id}).all()
            order = np.random.default_rng(seed).permutation(len(rows))[:most]
            chosen = self._database.listed(sorted(rows[place] for place in order))
            unordered = connection.execute(_FIRST_CAPTIONS, {"rows": chosen}).all()
        found = sorted(unordered, key=lambda each: each.row)
        for each in found:
            if not vector_codec.sound(each.vector, each.crc, dim):
                raise Corrupt(
                    f"the caption vector of row {each.row} fails its checksum; index the item again"
                )
        return vector_codec.decode([each.vector for each in found], dim).astype(np.float32)
