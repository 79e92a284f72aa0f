"""How sure a mean is: percentile bootstrap over pictures.

Efron and Tibshirani, "An Introduction to the Bootstrap", 1993.
"""

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import ArrayLike

DRAWS = 2_000


def interval(
    values: ArrayLike, seed: int, owners: Sequence[Hashable] | None = None
) -> tuple[float, float]:
    """Give the 95% interval of the mean.

    Args:
        values: `(n,)`, what was measured.
        seed: Of the draws.
        owners: `(n,)`, the picture of each value; values of one picture are drawn together. Each
            value is a picture of its own where this is None.
    """
    measured = np.asarray(values, np.float64)
    place = np.arange(len(measured)) if owners is None else _places(owners)
    sums, counts = np.bincount(place, measured), np.bincount(place)
    dice = np.random.default_rng(seed)
    pictures = len(sums)
    times = dice.multinomial(pictures, np.full(pictures, 1 / pictures), DRAWS)  # (DRAWS, pictures)
    low, high = np.percentile(times @ sums / (times @ counts), (2.5, 97.5))
    return float(low), float(high)


def told(bounds: tuple[float, float]) -> str:
    """Write an interval for a table."""
    return f"{bounds[0]:.3f} to {bounds[1]:.3f}"


def _places(owners: Sequence[Hashable]) -> np.ndarray:
    numbers = {owner: number for number, owner in enumerate(dict.fromkeys(owners))}
    return np.array([numbers[owner] for owner in owners])
