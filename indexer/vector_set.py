"""All vectors of one modality: a published index, an exact tail, tombstones."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from indexer import snapshot
from indexer.checks import as_ids, as_matrix, check_k, check_unit
from indexer.errors import BadVectors
from indexer.faiss_build import build
from indexer.faiss_index import FaissIndex
from indexer.flat import FlatIndex
from indexer.gpu import free_bytes, gpu_count
from indexer.planner import plan
from indexer.segment import Segment
from indexer.snapshot import Published
from indexer.tail import Tail
from indexer.tombstones import Tombstones
from indexer.types import Ids, IndexSpec, Neighbors, Vectors
from indexer.view import View

Settle = Callable[[FaissIndex, NDArray[np.floating]], FaissIndex]


class VectorSet:
    """Vectors with ids, searchable from the moment they are added.

    The owner keeps the rows and numbers its commits; it tells this set every row and every
    removal after `seq`. Ids ascend as they are added and are never used again; a row of several
    vectors gives the same id several times. Readers never wait for writers.
    """

    def __init__(self, dim: int, seq: int = 0, offset: bool = False) -> None:
        """Start with nothing, which is what the rows held at commit `seq`.

        With an offset, the last coordinate of a row is no part of its unit vector, but what it
        adds to the score of a query that has a 1 there.
        """
        self.dim = dim
        self._unit = slice(dim - 1 if offset else dim)
        self._lock = threading.Lock()
        self._floor = seq
        self._tail = Tail(dim)
        self._removed = Tombstones()
        empty = Segment(np.empty(0, dtype=np.int64), FlatIndex(np.empty((0, dim), np.float32)))
        self._view = View(empty, seq, empty, seq)

    @classmethod
    def open(
        cls, folder: Path, fingerprint: str, dim: int, min_seq: int = 0, offset: bool = False
    ) -> "VectorSet":
        """Adopt what is published in a folder; where nothing is, start empty at commit 0.

        Args:
            folder: Where `publish` put it.
            fingerprint: Of the vectors' space.
            dim: Of the vectors.
            min_seq: Older files are not used: the owner no longer knows which of their rows are
                removed. It still knows every removal after this commit.
            offset: See `__init__`.

        Raises:
            CorruptSnapshot: The files fail their checks.
        """
        opened = cls(dim, offset=offset)
        opened._floor = min_seq
        published = snapshot.load(folder, fingerprint, dim, min_seq)
        if published is not None:
            opened.adopt(published)
        return opened

    def __len__(self) -> int:
        view = self._view
        return view.published.live + view.tail.live

    @property
    def seq(self) -> int:
        """The commit up to which this set has been told everything."""
        return self._view.seq

    @property
    def published_seq(self) -> int:
        """The commit that the published index holds."""
        return self._view.published_seq

    @property
    def published_count(self) -> int:
        """Vectors in the published index, removed ones included."""
        return len(self._view.published.ids)

    @property
    def evidence(self) -> Mapping[str, Any] | None:
        """What was measured of the published index, a JSON object; None where nothing was."""
        return self._view.evidence

    def describe(self) -> dict[str, object]:
        """Say what is published, what waits in the tail, and where a search runs."""
        return self._view.describe()

    def apply(
        self,
        ids: ArrayLike,
        vectors: ArrayLike,
        seqs: ArrayLike,
        removed: ArrayLike,
        removed_seqs: ArrayLike,
        seq: int,
    ) -> None:
        """Take over what was committed; readers see all of it or nothing.

        Rows of commits that a published index adopted meanwhile already holds are passed over.

        Args:
            ids: `(n,)`, ascending, above every id added before; equal ids are neighbours.
            vectors: `(n, d)` unit rows, rounded to float16 by the owner's storage.
            seqs: `(n,)`, the commit of each row, or a later one that was told here.
            removed: `(m,)`, distinct ids.
            removed_seqs: `(m,)`, the commit of each removal.
            seq: The commit up to which everything has now been told.

        Raises:
            BadVectors: Wrong shape, NaN, norm not 1, or ids that do not ascend.
        """
        rows = as_matrix(vectors, self.dim, "vectors")
        check_unit(rows[:, self._unit])
        new = as_ids(ids, len(rows))
        column = np.asarray(seqs, dtype=np.int64)
        gone = Tombstones.of(removed, removed_seqs)
        with self._lock:
            known = column <= self._view.published_seq  # an index adopted meanwhile holds them
            new, rows, column = new[~known], rows[~known], column[~known]
            last = max(
                (int(part.ids[-1]) for part in self._view.parts if len(part.ids)), default=-1
            )
            if len(new) and new[0] <= last:
                raise BadVectors(f"id {new[0]} was added after {last}, expected ids that ascend")
            self._removed = self._removed.joined(gone)
            view = self._view
            tail = view.tail
            if len(new):
                self._tail.append(new, rows, column)
                tail = self._tail.segment(tail.gone)
            self._view = replace(
                view,
                published=view.published.without(gone.ids),
                tail=tail.without(gone.ids),
                seq=max(view.seq, seq),
            )

    def search(
        self, queries: ArrayLike, k: int, allow: Ids | None = None, exact: bool = False
    ) -> Neighbors:
        """Find the k best distinct ids for each query, as many as there are and no fewer.

        Args:
            queries: `(q, d)`.
            k: Ids wanted, at least 1.
            allow: Ascending distinct ids that may be returned; None allows all. What is derived
                from a read-only array is kept, so pass the same array for the same filter.
            exact: Score every allowed row, where an index would leave some out.

        Raises:
            BadVectors: Wrong shape, NaN, k below 1, or ids that do not ascend.
        """
        check_k(k)
        return self._view.search(as_matrix(queries, self.dim, "queries"), k, allow, exact)

    def vectors_of(self, row: int) -> Vectors:
        """Give the vectors `(m, d)` of an id in the order they were added; none if not here."""
        return self._view.vectors_of(row)

    def live_ids(self) -> Ids:
        """Give every id that can be found, ascending."""
        return self._view.live_ids()

    def publish(
        self,
        folder: Path,
        ids: ArrayLike,
        vectors: NDArray[np.floating],
        seq: int,
        fingerprint: str,
        spec: IndexSpec | None = None,
        settle: Settle | None = None,
    ) -> bool:
        """Build an index of the rows at one commit, publish and adopt it; searches go on.

        Args:
            folder: Where the files go; made if missing.
            ids: `(n,)`, ascending.
            vectors: `(n, d)`, float16 or float32.
            seq: The commit that these rows are.
            fingerprint: Of the vectors' space.
            spec: What to build; None leaves it to the planner.
            settle: Given the built index and the vectors, gives the index to publish.

        Returns:
            Whether it is in use now; a later one may have come first.

        Raises:
            BadVectors: Rows or ids that cannot be indexed.
            DiskFull: The folder cannot be written; the previous files are untouched.
            NoDevice: The spec says gpu and there is none.
        """
        column = as_ids(ids, len(vectors))
        chosen = spec or plan(len(column), self.dim, gpus=gpu_count(), gpu_bytes=free_bytes())
        # Nobody here holds what was built: it is freed before the files are opened.
        snapshot.publish(folder, column, _settled(vectors, chosen, settle), seq, fingerprint)
        published = snapshot.load(folder, fingerprint, self.dim)
        return published is not None and self.adopt(published)

    def adopt(self, published: Published) -> bool:
        """Search a published generation from now on; keep what was told after it.

        Returns:
            False where it is older than what is in use, or than what this set was told to start.
        """
        with self._lock:
            view = self._view
            if published.seq < max(self._floor, view.published_seq):
                return False
            last = int(published.ids[-1]) if len(published.ids) else -1
            self._tail = self._tail.after(published.seq, last, view.tail.live_mask)
            self._removed = self._removed.after(published.seq)
            segment = Segment(published.ids, published.index).without(self._removed.ids)
            seq = max(view.seq, published.seq)
            self._view = View(
                segment, published.seq, self._tail.segment(), seq, published.index.evidence
            )
            return True


def _settled(vectors: NDArray[np.floating], spec: IndexSpec, settle: Settle | None) -> FaissIndex:
    built = build(vectors, spec)
    return built if settle is None else settle(built, vectors)
