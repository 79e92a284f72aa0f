"""Neighbours to learn with: never of the example's own group, for that would be the answer."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from embedstore.answering.evidence import SHARES
from embedstore.types import Vectors

SAME = 0.97  # score of two pictures from which on they count as one
_ROWS = 512


def nearest(
    scores: NDArray[np.float32],
    forbidden: NDArray[np.bool_],
    count: int,
) -> NDArray[np.int64]:
    """Give the best columns of each row.

    Args:
        scores: `(n, b)`.
        forbidden: `(n, b)`, never given.
        count: Wanted.

    Returns:
        `(n, count)`, best first; -1 where there are no more.
    """
    allowed = np.where(forbidden, -np.inf, scores)
    count = min(count, allowed.shape[1])
    part = np.argpartition(-allowed, count - 1, axis=1)[:, :count]
    found = np.take_along_axis(allowed, part, 1)
    order = np.argsort(-found, axis=1, kind="stable")
    chosen = np.take_along_axis(part, order, 1)
    return np.where(np.isfinite(np.take_along_axis(found, order, 1)), chosen, -1)


def near_pictures(
    pictures: Vectors, bank: Vectors, count: int, itself: bool, same: float = SAME
) -> NDArray[np.int64]:
    """Find the pictures most like each; the same and near-duplicate ones are left out.

    Args:
        pictures: `(n, d)`.
        bank: `(b, d)`.
        count: Wanted.
        itself: Whether picture i is the bank's i.
        same: Score from which on two count as one.

    Returns:
        `(n, count)`.
    """
    parts = []
    for start in range(0, len(pictures), _ROWS):
        scores = pictures[start : start + _ROWS] @ bank.T
        forbidden = scores >= same
        if itself:
            rows = np.arange(len(scores))
            forbidden[rows, start + rows] = True
        parts.append(nearest(scores, forbidden, count))
    return np.concatenate(parts)


def near_questions(
    pictures: tuple[Vectors, Vectors],
    questions: tuple[Vectors, Vectors],
    groups: tuple[NDArray[np.int64], NDArray[np.int64]],
    count: int,
) -> NDArray[np.int64]:
    """Find the questions most like each, about other pictures.

    Args:
        pictures: `(n, d)` asked about, and `(b, d)` of the bank.
        questions: Likewise, of the words.
        groups: Likewise, the pictures' names; the own one is left out.
        count: Wanted.

    Returns:
        `(n, count)`.
    """
    parts = []
    for start in range(0, len(pictures[0]), _ROWS):
        rows = slice(start, start + _ROWS)
        alike = pictures[0][rows] @ pictures[1].T
        scores = SHARES["image"] * alike + SHARES["text"] * (questions[0][rows] @ questions[1].T)
        forbidden = (groups[0][rows, None] == groups[1][None]) | (alike >= SAME)
        parts.append(nearest(scores, forbidden, count))
    return np.concatenate(parts)


def sampled(
    row: NDArray[np.int64], rng: np.random.Generator, pool: int, most: int, least: int
) -> Sequence[int]:
    """Draw some of the best neighbours, in any order.

    Args:
        row: Of `near_pictures` or `near_questions`.
        rng: Decides.
        pool: How many of the best may be drawn.
        most: Drawn at most.
        least: Drawn at least, where there are so many.
    """
    known = row[row >= 0][:pool]
    count = min(len(known), int(rng.integers(least, most + 1)))
    return [int(one) for one in rng.permutation(known)[:count]]
