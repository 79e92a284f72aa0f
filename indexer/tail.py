"""A growing array of rows that readers may look at while it grows."""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from indexer.flat import FlatIndex
from indexer.segment import NOTHING, Positions, Segment
from indexer.types import Ids, Mask, Vectors

LEAST_ROOM = 64
Scalar = TypeVar("Scalar", bound=np.generic)


class Tail:
    """Rows not yet published: ids, vectors and the commit of each.

    Rows are written behind the last one a reader sees and never changed, so a segment made
    earlier stays valid. Room doubles, so that appending costs the same however many there are.
    """

    def __init__(self, dim: int, room: int = 0) -> None:
        self._count = 0
        self._ids = np.empty(room, dtype=np.int64)
        self._seqs = np.empty(room, dtype=np.int64)
        self._vectors = np.empty((room, dim), dtype=np.float32)

    def append(self, ids: Ids, vectors: Vectors, seqs: NDArray[np.int64]) -> None:
        """Add rows `(n, d)`."""
        start, end = self._count, self._count + len(ids)
        if end > len(self._ids):
            room = max(LEAST_ROOM, end, 2 * len(self._ids))
            self._ids = _enlarged(self._ids, start, room)
            self._seqs = _enlarged(self._seqs, start, room)
            self._vectors = _enlarged(self._vectors, start, room)
        self._ids[start:end] = ids
        self._seqs[start:end] = seqs
        self._vectors[start:end] = vectors
        self._count = end

    def segment(self, gone: Positions = NOTHING) -> Segment:
        """Give the rows so far for searching."""
        return Segment(self._ids[: self._count], FlatIndex(self._vectors[: self._count]), gone)

    def after(self, seq: int, last_id: int, live: Mask) -> "Tail":
        """Give the live rows later than a commit.

        Args:
            seq: The commit that is published.
            last_id: The last published id. A row up to it is published, whatever its commit:
                the owner may have told rows of several commits under the last one.
            live: `(n,)`, True where a row is not removed.
        """
        count = self._count
        kept = np.flatnonzero((self._seqs[:count] > seq) & (self._ids[:count] > last_id) & live)
        rest = Tail(self._vectors.shape[1], len(kept))
        rest.append(self._ids[kept], self._vectors[kept], self._seqs[kept])
        return rest


def _enlarged(array: NDArray[Scalar], used: int, room: int) -> NDArray[Scalar]:
    larger = np.empty((room, *array.shape[1:]), dtype=array.dtype)
    larger[:used] = array[:used]
    return larger
