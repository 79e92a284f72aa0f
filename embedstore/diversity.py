"""Hits that differ: each next one is good and unlike those before it.

Maximal marginal relevance: Carbonell and Goldstein, "The Use of MMR, Diversity-Based Reranking for
Reordering Documents and Producing Summaries", SIGIR 1998.
"""

import numpy as np
from numpy.typing import NDArray

from embedstore.types import Vectors

LEAST_CANDIDATES = 50  # to choose among, and
CANDIDATES_A_HIT = 5  # so many for each hit that is wanted, but
MOST_CANDIDATES = 2_000  # for all of them are compared with each other
MOST_HITS = 1_000


def candidates(k: int) -> int:
    """Say among how many of the best to choose k that differ, k being `MOST_HITS` at most."""
    return min(max(LEAST_CANDIDATES, CANDIDATES_A_HIT * k), MOST_CANDIDATES)


def diversified(
    scores: NDArray[np.floating], vectors: Vectors, k: int, diversity: float
) -> list[int]:
    """Choose k candidates, best first, trading score against likeness to those chosen before.

    Both are stretched to 0..1 over the candidates: words score pictures in a narrow band far below
    what pictures score each other, and raw scores would make any diversity outvote the query.

    Args:
        scores: `(n,)`, of the query with each candidate.
        vectors: `(n, d)` unit rows.
        k: Candidates wanted; all of them where there are fewer.
        diversity: 0 keeps the order of the scores, 1 looks at likeness alone, after the first.

    Returns:
        Places among the candidates, distinct; equal worth keeps their order.
    """
    relevance = _stretched(np.asarray(scores, np.float64))  # (n,)
    likeness = _stretched(np.asarray(vectors @ vectors.T, np.float64))  # (n, n)
    nearest = np.zeros(len(relevance))
    worth, chosen = relevance.copy(), list[int]()
    for _ in range(min(k, len(relevance))):
        best = int(np.argmax(worth))
        chosen.append(best)
        nearest = np.maximum(nearest, likeness[best])
        worth = (1.0 - diversity) * relevance - diversity * nearest
        worth[chosen] = -np.inf
    return chosen


def _stretched(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Map the least to 0 and the most to 1; where all are alike, all to 0."""
    if not values.size:
        return values
    low, span = values.min(), np.ptp(values)
    stretched: NDArray[np.float64] = (values - low) / (span or 1.0)
    return stretched
