"""Exact neighbours by matrix product, and how many of them a search found."""

from pathlib import Path

import numpy as np

BLOCK = 65_536  # rows widened to float32 at a time


def exact(
    vectors: Path, queries: np.ndarray, k: int, allow: np.ndarray | None = None
) -> np.ndarray:
    """Find the k best rows for each query, block by block.

    Args:
        vectors: Of a float16 array `(n, d)`.
        queries: `(q, d)` float32.
        k: Rows wanted.
        allow: `(n,)` flags of the rows that count; None for all.

    Returns:
        Rows `(q, k)`, best first, -1 where too few are allowed.
    """
    rows = np.load(vectors, mmap_mode="r")
    best = np.full((len(queries), k), -np.inf, dtype=np.float32)
    ids = np.full((len(queries), k), -1, dtype=np.int64)
    for start in range(0, len(rows), BLOCK):
        scores = queries @ rows[start : start + BLOCK].astype(np.float32).T
        if allow is not None:
            scores[:, ~allow[start : start + BLOCK]] = -np.inf
        few = min(k, scores.shape[1])
        top = np.argpartition(-scores, few - 1, axis=1)[:, :few]
        best = np.concatenate((best, np.take_along_axis(scores, top, 1)), axis=1)
        ids = np.concatenate((ids, top + start), axis=1)
        order = np.argsort(-best, axis=1, kind="stable")[:, :k]
        best, ids = np.take_along_axis(best, order, 1), np.take_along_axis(ids, order, 1)
    ids[np.isneginf(best)] = -1
    return ids


def recall(found: np.ndarray, true: np.ndarray) -> float:
    """Give the mean share of the true rows `(q, k)` that were found; -1 counts on neither side."""
    hits = ((true[:, :, None] == found[:, None, :]) & (true[:, :, None] >= 0)).any(axis=2)
    return float(hits.sum() / max(1, np.count_nonzero(true >= 0)))
