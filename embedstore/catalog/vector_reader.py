"""Vectors out of the rows: all of a modality, or what came after a commit."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Row, Select, bindparam, func, select

from embedstore.catalog import vector_codec
from embedstore.catalog.among import among
from embedstore.catalog.registry import Registry, now
from embedstore.catalog.tables import items, tombstones, vectors
from embedstore.catalog.values import Changes, Rows
from embedstore.errors import Corrupt
from embedstore.types import Halves, Modality, Vectors

CHUNK = 4_096  # rows in Python's hands at a time

# Within a collection row ids rise with seq, so this order, which the index gives, is by row.
_VECTORS = (
    select(items.c.row, items.c.seq, vectors.c.vector, vectors.c.crc)
    .select_from(items.join(vectors, vectors.c.row == items.c.row))
    .where(
        items.c.collection_id == bindparam("collection"),
        items.c.seq > bindparam("since"),
        vectors.c.modality == bindparam("modality"),
    )
    .order_by(items.c.seq, items.c.row, vectors.c.part)
)
_HOLDERS = select(items.c.row, items.c.image_count, items.c.text_count).where(
    items.c.collection_id == bindparam("collection")
)
_FIRST = (
    select(vectors.c.row, vectors.c.vector, vectors.c.crc)
    .where(
        among(vectors.c.row, bindparam("rows")),
        vectors.c.modality == bindparam("modality"),
        vectors.c.part == 0,
    )
    .order_by(vectors.c.row)
)
_REMOVED = select(tombstones.c.row, tombstones.c.seq).where(
    tombstones.c.collection_id == bindparam("collection"), tombstones.c.seq > bindparam("since")
)


class VectorReader(Registry):
    """The part of the catalog that gives vectors back."""

    def changes(self, collection_id: int, modality: Modality, since: int) -> Changes:
        """Give what happened to one modality after a commit, in one snapshot.

        Args:
            collection_id: Where.
            modality: Which vectors.
            since: The last commit that the reader knows; -1 for none.

        Raises:
            Corrupt: Stored bytes fail their checksum; the message names the item.
        """
        dim = self.space(collection_id).dim
        asked = {"collection": collection_id, "since": since}
        with self._database.snapshot() as connection:
            seq, purged_seq = now(connection, collection_id)
            ids, seqs, found = _vectors(connection, asked, modality, dim)
            removed = np.array(connection.execute(_REMOVED, asked).all(), dtype=np.int64).reshape(
                -1, 2
            )
        return Changes(
            seq, purged_seq, ids, found, seqs, removed[:, 0].copy(), removed[:, 1].copy()
        )

    def scan(self, collection_id: int, modality: Modality) -> tuple[int, Rows, Halves]:
        """Give every vector of a modality as one commit left them.

        Returns:
            The commit, row ids `(n,)` ascending, vectors `(n, d)` as they are stored, in the
            order of row and part.

        Raises:
            Corrupt: Stored bytes fail their checksum; the message names the item.
        """
        dim = self.space(collection_id).dim
        asked = {"collection": collection_id, "since": -1}
        with self._database.snapshot() as connection:
            seq, _ = now(connection, collection_id)
            ids, _, found = _vectors(connection, asked, modality, dim)
        return seq, ids, found

    def sample(self, collection_id: int, modality: Modality, most: int) -> tuple[int, Rows, Halves]:
        """Give the first vectors of some items; a row is drawn or not whatever the others are.

        Returns:
            How many items there are to draw from, row ids `(m,)` ascending with m at most `most`,
            vectors `(m, d)`.

        Raises:
            Corrupt: Stored bytes fail their checksum; the message names the item.
        """
        dim = self.space(collection_id).dim
        with self._database.snapshot() as connection:
            held = np.array(
                connection.execute(_HOLDERS, {"collection": collection_id}).all(), dtype=np.int64
            ).reshape(-1, 3)
            rows = held[held[:, 1 if modality == "image" else 2] > 0, 0]
            drawn = np.sort(rows[np.argsort(_scattered(rows), kind="stable")[:most]])
            asked = {"rows": self._database.listed(drawn.tolist()), "modality": modality}
            found = connection.execute(_FIRST, asked).all()
            _check(connection, found, modality, dim)
        first = vector_codec.decode([each.vector for each in found], dim)
        return len(rows), np.array([each.row for each in found], np.int64), first

    def vectors_of(self, row: int, modality: Modality) -> Vectors:
        """Give the vectors `(m, d)` of one row; none where the row is gone."""
        statement = (
            select(vectors.c.row, vectors.c.vector, vectors.c.crc)
            .where(vectors.c.row == row, vectors.c.modality == modality)
            .order_by(vectors.c.part)
        )
        with self._database.snapshot() as connection:
            found = connection.execute(statement).all()
            dim = len(found[0].vector) // vector_codec.HALF.itemsize if found else 0
            _check(connection, found, modality, dim)
        return vector_codec.decode([each.vector for each in found], dim).astype(np.float32)


def _scattered(rows: Rows) -> NDArray[np.uint64]:
    """Mix the bits of row ids, so that their order has nothing to do with age."""
    mixed = rows.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    return (mixed ^ (mixed >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)


def _vectors(
    connection: Connection, asked: dict[str, int], modality: Modality, dim: int
) -> tuple[Rows, Rows, Halves]:
    expected = _expected(connection, asked, modality)
    ids, seqs = np.empty(expected, np.int64), np.empty(expected, np.int64)
    found = np.empty((expected, dim), np.float16)
    end = 0
    for chunk in _chunks(connection, _VECTORS, {**asked, "modality": modality}):
        start, end = end, end + len(chunk)
        if end > expected:
            break
        _check(connection, chunk, modality, dim)
        rows, commits, blobs, _ = zip(*chunk, strict=True)
        ids[start:end], seqs[start:end] = rows, commits
        found[start:end] = vector_codec.decode(blobs, dim)
    if end != expected:
        raise Corrupt(
            f"the catalog holds {end} or more {modality} vectors where its items count {expected}; "
            "run `embedstore doctor`"
        )
    return ids, seqs, found


def _expected(connection: Connection, asked: dict[str, int], modality: Modality) -> int:
    column = items.c.image_count if modality == "image" else items.c.text_count
    total = connection.scalar(
        select(func.sum(column)).where(
            items.c.collection_id == asked["collection"], items.c.seq > asked["since"]
        )
    )
    return int(total or 0)


def _chunks(
    connection: Connection, statement: Select[Any], parameters: dict[str, Any]
) -> Iterator[Sequence[Row[Any]]]:
    streamed = connection.execution_options(yield_per=CHUNK)
    with streamed.execute(statement, parameters) as result:
        yield from result.partitions()


def _check(connection: Connection, chunk: Sequence[Any], modality: Modality, dim: int) -> None:
    sound = vector_codec.sound
    for each in chunk:
        if not sound(each.vector, each.crc, dim):
            key = connection.scalar(select(items.c.key).where(items.c.row == each.row))
            raise Corrupt(
                f"item {key!r}: a stored {modality} vector fails its checksum; "
                "delete the item and add it again"
            )
