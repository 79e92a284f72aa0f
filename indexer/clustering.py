"""Vectors among themselves: pairs that lie close, and clusters.

Spherical k-means: Dhillon and Modha, "Concept Decompositions for Large Sparse Text Data using
Clustering", Machine Learning, 2001.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.checks import as_matrix, check_k
from indexer.errors import BadVectors
from indexer.faiss_build import build
from indexer.lazy import load_faiss
from indexer.planner import plan
from indexer.types import Ids, Vectors

ROWS_AT_ONCE = 1024
ROUNDS = 25  # of k-means
TRIES = 3  # from other starts; the best is kept
POINTS_A_CLUSTER = 256  # at most, are looked at to find the centres
SEED = 20260


def near_pairs(
    vectors: NDArray[np.floating[Any]],
    least: float,
    k: int,
    told: Callable[[int], None] | None = None,
) -> tuple[Ids, Ids]:
    """Find pairs of rows that score at least so much with each other.

    Each row is compared with its k nearest, by the index that is planned for so many.

    Args:
        vectors: `(n, d)` unit rows.
        least: Score of a pair.
        k: Neighbours of a row that are looked at.
        told: Called with the rows done so far.

    Returns:
        The lesser and the greater position `(m,)` of each pair, in ascending order.

    Raises:
        BadVectors: NaN or infinity, or k below 1.
    """
    check_k(k)
    n, dim = vectors.shape
    index = build(vectors, plan(n, dim))
    found = [np.empty((0, 2), np.int64)]
    for start in range(0, n, ROWS_AT_ONCE):
        rows = as_matrix(vectors[start : start + ROWS_AT_ONCE], dim, "vectors")
        positions, scores = index.search(rows, min(k + 1, n))  # itself is among them
        here = np.broadcast_to(np.arange(start, start + len(rows))[:, None], positions.shape)
        near = (scores >= least) & (positions != here) & (positions >= 0)
        pairs = np.stack((here[near], positions[near]), axis=1)
        found.append(np.sort(pairs, axis=1))
        if told is not None:
            told(start + len(rows))
    pairs = np.unique(np.concatenate(found), axis=0)
    return pairs[:, 0], pairs[:, 1]


def spherical_clusters(vectors: NDArray[np.floating[Any]], k: int) -> tuple[Vectors, Ids]:
    """Part rows into k clusters by the direction they point in; always the same ones.

    Args:
        vectors: `(n, d)` unit rows.
        k: Clusters, 1 to n; some may stay empty where rows are alike.

    Returns:
        Unit centres `(k, d)`, and the cluster of each row `(n,)`.

    Raises:
        BadVectors: NaN or infinity, or k is not in 1..n.
    """
    if not 1 <= k <= len(vectors):
        raise BadVectors(f"{k} clusters of {len(vectors)} vectors, expected 1 to as many as those")
    rows = as_matrix(vectors, vectors.shape[1], "vectors")
    faiss = load_faiss()
    means = faiss.Kmeans(
        rows.shape[1],
        k,
        niter=ROUNDS,
        nredo=TRIES,
        spherical=True,
        seed=SEED,
        min_points_per_centroid=1,  # no advice on stderr
        max_points_per_centroid=POINTS_A_CLUSTER,
    )
    means.train(rows)
    _, nearest = means.index.search(rows, 1)
    centres: Vectors = np.asarray(means.centroids, np.float32).reshape(k, -1)
    return centres, nearest[:, 0].astype(np.int64)
