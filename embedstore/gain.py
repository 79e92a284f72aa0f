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


@dataclass(frozen=True)
class Change:
    """Two searches for the same queries.

    Attributes:
        before: Ranks `(q,)` of the first.
        after: Ranks `(q,)` of the second.
        owners: `(q,)`, the picture that each query belongs to.
    """

    before: Recall
    after: Recall
    owners: Sequence[int]


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
    return gain_of_all([Change(before, after, owners)], depths)


def gain_of_all(changes: Sequence[Change], depths: Sequence[int] = DEPTHS) -> Gain:
    """Compare searches of several kinds, each of which counts the same.

    Args:
        changes: Kinds, such as both directions between pictures and captions. A picture is drawn
            with its queries of all kinds.
        depths: As `gain` takes them.
    """
    of_query = [
        np.mean([_hits(one.after, k) - _hits(one.before, k) for k in depths], axis=0)  # (q,)
        for one in changes
    ]
    found, place = np.unique(
        [owner for one in changes for owner in one.owners], return_inverse=True
    )
    places = np.split(place, np.cumsum([len(values) for values in of_query])[:-1])
    p = len(found)
    sums = [np.bincount(*both, p) for both in zip(places, of_query, strict=True)]  # (p,) of a kind
    counts = [np.bincount(owners, minlength=p) for owners in places]
    rng = np.random.default_rng(_SEED)
    means = np.empty(_DRAWS)
    for draw in range(_DRAWS):
        times = rng.integers(p, size=p)
        kinds = zip(sums, counts, strict=True)
        means[draw] = np.mean([total[times].sum() / of[times].sum() for total, of in kinds])
    low, high = np.percentile(means, (2.5, 97.5))
    mean = np.mean([values.mean() for values in of_query])
    return Gain(float(mean), float(low), float(high))


def _hits(recall: Recall, k: int) -> NDArray[np.float64]:
    return (recall.ranks <= k).astype(np.float64)
