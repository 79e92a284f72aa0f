"""A score as a probability of relevance: an isotonic fit on pairs whose relevance is known.

Pool adjacent violators: Ayer et al., "An Empirical Distribution Function for Sampling with
Incomplete Information", Annals of Mathematical Statistics, 1955; for scores of classifiers:
Zadrozny and Elkan, "Transforming Classifier Scores into Accurate Multiclass Probability
Estimates", KDD 2002. Expected calibration error: Naeini et al., AAAI 2015.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Reals = NDArray[np.float64]
BINS = 10  # of the expected calibration error, equally full


@dataclass(frozen=True)
class Relevance:
    """How probably a hit is relevant, for each score; valid for one way of scoring.

    Attributes:
        fingerprint: Of the space that was scored in.
        bank: Name of the query bank in force; None where there was none.
        scores: Where the curve is known, ascending.
        probabilities: There; they never fall.
        pairs: Of a caption and a hit that it was fitted on.
        base_rate: Share of those that are relevant.
        error: Expected calibration error on as many captions that it was not fitted on.
        captions: That were searched with, both halves together.
        pictures: That were searched; more of them make relevant hits rarer.
    """

    fingerprint: str
    bank: str | None
    scores: tuple[float, ...]
    probabilities: tuple[float, ...]
    pairs: int
    base_rate: float
    error: float
    captions: int
    pictures: int

    def of(self, scores: Sequence[float]) -> list[float]:
        """Give the probability of each score: on a line between those known, level beyond."""
        return np.interp(scores, self.scores, self.probabilities).tolist()

    def as_option(self) -> dict[str, Any]:
        """Give it as a JSON object, to be kept with a collection."""
        return asdict(self)

    @classmethod
    def from_option(cls, kept: Mapping[str, Any]) -> "Relevance":
        """Read what `as_option` gave."""
        curve = {name: tuple(kept[name]) for name in ("scores", "probabilities")}
        return cls(**{**kept, **curve})


def isotonic(values: Reals, weights: Reals | None = None) -> Reals:
    """Fit the nearest sequence that never falls, by squares.

    Args:
        values: `(n,)`.
        weights: `(n,)`, positive; None weighs all alike.

    Returns:
        `(n,)`, of the same weighted mean.
    """
    heights: list[float] = []
    masses: list[float] = []
    counts: list[int] = []
    for value, weight in zip(
        values, np.ones(len(values)) if weights is None else weights, strict=True
    ):
        heights.append(float(value))
        masses.append(float(weight))
        counts.append(1)
        while len(heights) > 1 and heights[-2] >= heights[-1]:
            mass = masses[-2] + masses[-1]
            pooled = (heights[-2] * masses[-2] + heights[-1] * masses[-1]) / mass
            heights[-2:], masses[-2:], counts[-2:] = [pooled], [mass], [counts[-2] + counts[-1]]
    return np.repeat(np.asarray(heights, np.float64), counts)


def curve(scores: Reals, relevant: NDArray[np.bool_]) -> tuple[Reals, Reals]:
    """Fit probabilities to scores.

    Args:
        scores: `(n,)`, in any order; equal ones get one probability.
        relevant: `(n,)`.

    Returns:
        Scores `(m,)` ascending and their probabilities `(m,)`: both ends of each level stretch.
    """
    known, place = np.unique(scores, return_inverse=True)
    weights = np.bincount(place, minlength=len(known)).astype(np.float64)
    shares = np.bincount(place, relevant.astype(np.float64), len(known)) / weights
    fitted = isotonic(shares, weights)
    rises = np.flatnonzero(np.diff(fitted) > 0)
    ends = np.unique(np.concatenate(([0], rises, rises + 1, [len(known) - 1])))
    return known[ends], fitted[ends]


def calibration_error(probabilities: Reals, relevant: NDArray[np.bool_]) -> float:
    """Give how far probabilities are from what came true, on average over equally full bins.

    Args:
        probabilities: `(n,)`, at least one.
        relevant: `(n,)`, what came true.
    """
    order = np.argsort(probabilities, kind="stable")
    told, true = probabilities[order], relevant[order].astype(np.float64)
    bins = [part for part in np.array_split(np.arange(len(order)), BINS) if len(part)]
    gaps = [len(part) * abs(told[part].mean() - true[part].mean()) for part in bins]
    return float(sum(gaps) / len(order))
