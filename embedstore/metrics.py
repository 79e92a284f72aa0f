"""How good retrieval is: recall@k and median rank, exact, with clip_benchmark's definitions.

https://github.com/LAION-AI/CLIP_benchmark, `metrics/zeroshot_retrieval.py`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from embedstore.errors import Invalid
from embedstore.types import Vectors

Ranks = NDArray[np.int64]  # (q,), 1 for the best
_BLOCK = 1 << 24  # scores held at once


@dataclass(frozen=True)
class Recall:
    """What one direction of retrieval reaches.

    Attributes:
        ranks: `(q,)`, for each query the rank of its first relevant item, 1 for the best.
    """

    ranks: Ranks

    def at(self, k: int) -> float:
        """Give recall@k: the share of queries with a relevant item among the first k."""
        return float(np.mean(self.ranks <= k))

    @property
    def median_rank(self) -> float:
        """The rank that half of the queries reach."""
        return float(np.median(self.ranks))


def text_to_image(images: Vectors, texts: Vectors, image_of: Sequence[int]) -> Recall:
    """Rank the pictures for each caption; its own picture is the relevant one.

    Args:
        images: `(n, d)` unit rows.
        texts: `(m, d)` unit rows.
        image_of: `(m,)`, for each caption the row of its picture.

    Returns:
        Ranks of `m` queries. A picture that scores the same as the relevant one counts as before
        it, so that vectors which are all alike earn nothing.

    Raises:
        Invalid: The shapes contradict each other, or a vector is not finite.
    """
    owner = _checked(images, texts, image_of)
    ranks = np.empty(len(texts), np.int64)
    for rows in _blocks(len(texts), len(images)):
        scores = texts[rows] @ images.T  # (b, n)
        own = np.take_along_axis(scores, owner[rows, None], axis=1)
        ranks[rows] = np.count_nonzero(scores >= own, axis=1)
    return Recall(ranks)


def image_to_text(images: Vectors, texts: Vectors, image_of: Sequence[int]) -> Recall:
    """Rank the captions for each picture; any of its own captions is relevant.

    Args:
        images: `(n, d)` unit rows.
        texts: `(m, d)` unit rows.
        image_of: `(m,)`, for each caption the row of its picture.

    Returns:
        Ranks of the pictures that have a caption, in their order. Another picture's caption that
        scores the same as the best own one counts as before it.

    Raises:
        Invalid: The shapes contradict each other, or a vector is not finite.
    """
    owner = _checked(images, texts, image_of)
    asked = np.unique(owner)
    ranks = np.empty(len(asked), np.int64)
    for rows in _blocks(len(asked), len(texts)):
        scores = images[asked[rows]] @ texts.T  # (b, m)
        own = owner[None, :] == asked[rows, None]
        best = np.where(own, scores, -np.inf).max(axis=1, keepdims=True)
        ranks[rows] = 1 + np.count_nonzero((scores >= best) & ~own, axis=1)
    return Recall(ranks)


def _blocks(queries: int, candidates: int) -> Iterator[slice]:
    step = max(1, _BLOCK // max(1, candidates))
    return (slice(start, start + step) for start in range(0, queries, step))


def _checked(images: Vectors, texts: Vectors, image_of: Sequence[int]) -> Ranks:
    owner = np.asarray(image_of, np.int64)
    if images.ndim != 2 or texts.ndim != 2 or images.shape[1] != texts.shape[1]:
        raise Invalid(
            f"pictures have shape {images.shape} and captions {texts.shape}; expected (n, d) and "
            "(m, d); encode both with one encoder"
        )
    if owner.shape != (len(texts),) or len(texts) == 0:
        raise Invalid(
            f"{owner.size} owners for {len(texts)} captions; expected one each, at least 1"
        )
    if owner.min() < 0 or owner.max() >= len(images):
        raise Invalid(
            f"captions belong to pictures {owner.min()} to {owner.max()}; "
            f"expected 0 to {len(images) - 1}"
        )
    if not (np.isfinite(images).all() and np.isfinite(texts).all()):
        raise Invalid("a vector holds NaN or infinity; expected finite numbers; encode again")
    return owner
