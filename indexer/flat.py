"""The exact index in plain numpy: the oracle that every other index is compared with."""

import numpy as np
from numpy.typing import NDArray

from indexer.types import IndexSpec, Mask, Vectors

SCORES_AT_ONCE = 1 << 24  # 64 MiB of float32 keeps a large batch from exhausting memory
FEW_QUERIES = 3


class FlatIndex:
    """Score every row; ties go to the lower position."""

    def __init__(self, vectors: Vectors) -> None:
        """Index rows `(n, d)` without copying them."""
        self._vectors = vectors
        self._spec = IndexSpec("flat", vectors.shape[1])

    @property
    def spec(self) -> IndexSpec:
        """What this index is."""
        return self._spec

    def __len__(self) -> int:
        return len(self._vectors)

    def search(
        self, queries: Vectors, k: int, allow: Mask | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Find the k best positions for each query; see `AnnIndex.search`."""
        positions = np.full((len(queries), k), -1, dtype=np.int64)
        scores = np.full((len(queries), k), -np.inf, dtype=np.float32)
        step = max(1, SCORES_AT_ONCE // max(1, len(self)))
        for start in range(0, len(queries), step):
            block = self._scores(queries[start : start + step])
            if allow is not None:
                block[:, ~allow] = -np.inf
            for offset, row in enumerate(block):
                best = best_positions(row, k)
                positions[start + offset, : len(best)] = best
                scores[start + offset, : len(best)] = row[best]
        positions[np.isneginf(scores)] = -1
        return positions, scores

    def scan(
        self, queries: Vectors, k: int, allow: Mask | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Search: this index always scores every row."""
        return self.search(queries, k, allow)

    def _scores(self, queries: Vectors) -> NDArray[np.float32]:
        """Give `(q, n)` inner products; few queries without BLAS, whose threads wait for cores."""
        if len(queries) > FEW_QUERIES:
            return np.asarray(queries @ self._vectors.T)
        return np.asarray(np.vecdot(queries[:, None, :], self._vectors[None, :, :]))

    def rows(self, positions: NDArray[np.int64]) -> Vectors:
        """Give the exact vectors `(m, d)` at these positions."""
        return self._vectors[positions]

    def part(self, positions: NDArray[np.int64]) -> "FlatIndex":
        """Give an exact index of a copy of the vectors at these positions."""
        return FlatIndex(self._vectors[positions])


def best_positions(scores: NDArray[np.float32], k: int) -> NDArray[np.int64]:
    """Give the positions of the k highest scores `(n,)`, best first, ties by position."""
    candidates = np.arange(len(scores))
    if k < len(scores):
        # Blocks whose best are compared: at least k scores reach the k-th best of those bests.
        width = min(64, len(scores) // k)
        bests = np.maximum.reduceat(scores, np.arange(0, len(scores), width))
        bar = np.partition(bests, len(bests) - k)[len(bests) - k]
        candidates = np.flatnonzero(scores >= bar)
    return candidates[np.argsort(-scores[candidates], kind="stable")[:k]]
