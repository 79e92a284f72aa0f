"""What a change of a search is worth: recall before and after, with a paired bootstrap.

The same queries are asked twice, so their differences are resampled: Efron and Tibshirani, "An
Introduction to the Bootstrap", 1993. Captions of one picture are drawn together.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from embedstore.metrics import Recall

DEPTHS = (1, 5, 10)
_DRAWS = 2_000
_SEED = 20260


@dataclass(frozen=True)
class Gain:
    """What recall gained.

    Attributes:
        mean: After less before, of the mean of recall at `DEPTHS`.
        low: Lower end of the 95% interval.
        high: Upper end.
    """

    mean: float
    low: float
    high: float

    @property
    def is_certain(self) -> bool:
        """Whether the whole interval lies above nothing."""
        return self.low > 0.0


def gain(
    before: Recall, after: Recall, owners: Sequence[int], depths: Sequence[int] = DEPTHS
) -> Gain:
    """Compare two searches for the same queries.

    Args:
        before: Ranks `(q,)` of the first.
        after: Ranks `(q,)` of the second.
        owners: `(q,)`, the picture that each query asks for.
        depths: Where recall is taken; several are averaged.
    """
    of_query = np.mean([_hits(after, k) - _hits(before, k) for k in depths], axis=0)  # (q,)
    _, place = np.unique(owners, return_inverse=True)
    sums = np.bincount(place, of_query)  # (p,)
    counts = np.bincount(place)  # (p,)
    rng = np.random.default_rng(_SEED)
    means = np.empty(_DRAWS)
    for draw in range(_DRAWS):
        times = rng.integers(len(sums), size=len(sums))
        means[draw] = sums[times].sum() / counts[times].sum()
    low, high = np.percentile(means, (2.5, 97.5))
    return Gain(float(of_query.mean()), float(low), float(high))


def _hits(recall: Recall, k: int) -> NDArray[np.float64]:
    return (recall.ranks <= k).astype(np.float64)
