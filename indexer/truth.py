"""What the exact neighbours are, and what share of them was found."""

from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from indexer.checks import as_matrix, check_k
from indexer.types import Ids

ROWS_AT_ONCE = 8192
QUERIES_AT_ONCE = 512  # with the rows 16 MiB of scores at a time
DOUBT = 0.05  # that a bound lies above what it bounds


def exact_neighbors(
    vectors: NDArray[np.floating[Any]], queries: ArrayLike, k: int
) -> tuple[Ids, NDArray[np.float32]]:
    """Find the k best rows for each query by multiplying all with all.

    Args:
        vectors: `(n, d)`, float16 or float32.
        queries: `(q, d)`.
        k: Rows wanted, at least 1.

    Returns:
        Positions `(q, k)` and scores `(q, k)`, best first; -1 and -inf where n is below k.

    Raises:
        BadVectors: Wrong shape, NaN or infinity, or k below 1.
    """
    check_k(k)
    asked = as_matrix(queries, vectors.shape[1], "queries")
    positions = np.full((len(asked), k), -1, dtype=np.int64)
    scores = np.full((len(asked), k), -np.inf, dtype=np.float32)
    for start in range(0, len(vectors), ROWS_AT_ONCE):
        rows = as_matrix(vectors[start : start + ROWS_AT_ONCE], asked.shape[1], "vectors").T
        for first in range(0, len(asked), QUERIES_AT_ONCE):
            some = slice(first, first + QUERIES_AT_ONCE)
            positions[some], scores[some] = _better(
                positions[some], scores[some], asked[some] @ rows, start
            )
    return positions, scores


def _better(
    positions: Ids, scores: NDArray[np.float32], block: NDArray[np.float32], start: int
) -> tuple[Ids, NDArray[np.float32]]:
    """Merge the best so far `(q, k)` with the scores `(q, m)` of the rows from `start` on."""
    k = positions.shape[1]
    if block.shape[1] > k:
        chosen = np.argpartition(block, block.shape[1] - k, axis=1)[:, -k:]
    else:
        chosen = np.broadcast_to(np.arange(block.shape[1]), block.shape)
    positions = np.concatenate((positions, chosen + start), axis=1)
    scores = np.concatenate((scores, np.take_along_axis(block, chosen, 1)), axis=1)
    best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(positions, best, 1), np.take_along_axis(scores, best, 1)


def neighbor_recall(found: Ids, true: Ids) -> NDArray[np.float64]:
    """Give for each query the share `(q,)` of its exact neighbours that was found.

    Args:
        found: `(q, k)` positions, distinct in a row; -1 counts as none.
        true: `(q, k)`, likewise; a query that has no exact neighbour has all of them found.
    """
    there = true >= 0
    hit = (found[:, None, :] == true[:, :, None]).any(axis=2) & there
    count = np.count_nonzero(there, axis=1)
    return np.where(count, np.count_nonzero(hit, axis=1) / np.maximum(count, 1), 1.0)


def lower_bound(recalls: NDArray[np.floating[Any]], doubt: float = DOUBT) -> float:
    """Bound a mean recall from below, one-sided; 0 where no query was asked.

    Each query counts as one trial of Wilson's interval. Values between 0 and 1 vary at most as
    much as coins of the same mean, so that for shares of k neighbours the bound is cautious.

    Wilson, "Probable inference, the law of succession, and statistical inference", 1927.

    Args:
        recalls: `(q,)`, of queries that tuned nothing.
        doubt: Chance that the bound is too high, above 0, below 1/2.
    """
    count = len(recalls)
    if count == 0:
        return 0.0
    mean, z = float(np.mean(recalls)), _z(doubt)
    square = z**2
    spread = z * float(np.sqrt(mean * (1 - mean) / count + square / (4 * count**2)))
    return max(0.0, (mean + square / (2 * count) - spread) / (1 + square / count))


def queries_needed(recall: float, doubt: float = DOUBT) -> int:
    """Give how many queries a bound of `recall` takes where every neighbour is found."""
    return int(np.ceil(_z(doubt) ** 2 * recall / (1 - recall)))


def _z(doubt: float) -> float:
    return NormalDist().inv_cdf(1 - doubt)
