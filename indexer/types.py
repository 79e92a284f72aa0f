"""The words of the indexer: vectors, ids, neighbours, what an index is."""

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]  # (n, d), unit rows
Ids = NDArray[np.int64]  # (n,)
Mask = NDArray[np.bool_]  # (n,), one flag a position

Kind = Literal["flat", "ivf_flat", "ivf_sq8", "ivf_pq", "ivf_pq_small", "ivf_pq8", "hnsw", "cagra"]
Device = Literal["cpu", "gpu"]

NO_ID = -1


@dataclass(frozen=True)
class IndexSpec:
    """What to build: the kind of index and its parameters.

    Attributes:
        kind: Flat is exact; the others are approximate. ivf_pq_small has codes half as long as
            ivf_pq, and re-scores more for the same recall. ivf_pq8 has codes of whole bytes, which
            a GPU can scan, and cagra is a graph that a GPU can fill and walk; the CPU searches
            both, too.
        dim: Dimension of the vectors.
        nlist: Cells of an inverted file; 0 for flat and for graphs.
        nprobe: Cells visited by a search.
        links: Links of a node in a graph; on its lowest level, which is all that a GPU walks, twice
            as many.
        ef: Candidates kept by a search of a graph.
        rerank: Candidates re-scored exactly, as a multiple of k; 1 where none are.
        device: Where the index is searched.
    """

    kind: Kind
    dim: int
    nlist: int = 0
    nprobe: int = 0
    links: int = 0
    ef: int = 0
    rerank: int = 1
    device: Device = "cpu"


@dataclass(frozen=True)
class Neighbors:
    """The best rows for each query, best first.

    Attributes:
        ids: `(q, k)`, distinct in a row, `NO_ID` where fewer than k exist.
        scores: `(q, k)`, inner products, `-inf` where there is no id.
        parts: `(q, k)`, which of the id's vectors matched, counted from 0; -1 where no id.
    """

    ids: NDArray[np.int64]
    scores: NDArray[np.float32]
    parts: NDArray[np.int32]


class AnnIndex(Protocol):
    """An index over positions 0..n-1; `VectorSet` gives positions their ids."""

    @property
    def spec(self) -> IndexSpec:
        """What this index is."""

    def __len__(self) -> int: ...

    def search(
        self, queries: Vectors, k: int, allow: Mask | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Find the k best positions for each query.

        Args:
            queries: `(q, d)` unit rows.
            k: Positions wanted, at least 1.
            allow: `(n,)`, True where a position may be returned; None allows all.

        Returns:
            Positions `(q, k)` and scores `(q, k)`, best first; padded with -1 and -inf only
            where fewer than k positions are allowed.
        """

    def scan(
        self, queries: Vectors, k: int, allow: Mask | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Find them by scoring every allowed position; as `search` otherwise."""

    def rows(self, positions: NDArray[np.int64]) -> Vectors:
        """Give the exact vectors `(m, d)` at these positions."""

    def part(self, positions: NDArray[np.int64]) -> "AnnIndex":
        """Give an exact index of a copy of the vectors at these positions."""
