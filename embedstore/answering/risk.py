"""How far stated probabilities can be believed, and from which on answers are right often enough.

Every function takes probabilities `(n,)` and whether each answer was right `(n,)`.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

BINS = 10
SURE = 0.95  # of the bound behind a threshold
_COVERAGES = np.linspace(0.05, 1.0, 20)  # at which thresholds are tried
_HALVINGS = 40


@dataclass(frozen=True)
class Bin:
    """Answers of like probability.

    Attributes:
        probability: Their mean.
        right: Share of them that are right.
        count: How many they are.
    """

    probability: float
    right: float
    count: int


@dataclass(frozen=True)
class Point:
    """What is left where the least probable answers are withheld.

    Attributes:
        coverage: Share of the questions that is answered.
        risk: Share of those answers that is wrong.
        threshold: Probability of the last one that is answered.
    """

    coverage: float
    risk: float
    threshold: float


def reliability(probabilities: ArrayLike, right: ArrayLike, bins: int = BINS) -> tuple[Bin, ...]:
    """Compare stated probabilities with what came true, in bins of equal width; empty ones lack."""
    stated, true = _pair(probabilities, right)
    of = np.minimum((stated * bins).astype(np.int64), bins - 1)
    return tuple(
        Bin(float(stated[of == each].mean()), float(true[of == each].mean()), int(count))
        for each, count in enumerate(np.bincount(of, minlength=bins))
        if count
    )


def calibration_error(probabilities: ArrayLike, right: ArrayLike, bins: int = BINS) -> float:
    """Give the expected calibration error, 0..1: Naeini, Cooper and Hauskrecht, AAAI 2015."""
    found = reliability(probabilities, right, bins)
    total = sum(each.count for each in found)
    gaps = sum(each.count * abs(each.probability - each.right) for each in found)
    return gaps / total if total else 0.0


def brier(probabilities: ArrayLike, right: ArrayLike) -> float:
    """Give the mean squared gap between probability and truth: Brier, 1950."""
    stated, true = _pair(probabilities, right)
    return float(np.mean((stated - true) ** 2)) if len(stated) else 0.0


def risk_coverage(probabilities: ArrayLike, right: ArrayLike) -> tuple[Point, ...]:
    """Give risk by coverage, the most probable answers first; those of equal probability at once.

    El-Yaniv and Wiener, "On the Foundations of Noise-free Selective Classification", JMLR 2010.
    """
    stated, true = _pair(probabilities, right)
    order = np.argsort(-stated, kind="stable")
    sorted_, wrong = stated[order], np.cumsum(1.0 - true[order])
    last = np.flatnonzero(np.append(np.diff(sorted_) < 0, len(stated) > 0))
    return tuple(
        Point((at + 1) / len(stated), float(wrong[at] / (at + 1)), float(sorted_[at]))
        for at in last.tolist()
    )


def accuracy_at(coverage: float, probabilities: ArrayLike, right: ArrayLike) -> float:
    """Give the share of right ones among the most probable answers.

    Args:
        coverage: Share of the answers that is given, 0..1.
        probabilities: Of each answer.
        right: Whether it was.
    """
    stated, true = _pair(probabilities, right)
    count = max(1, round(coverage * len(stated)))
    return float(true[np.argsort(-stated, kind="stable")[:count]].mean()) if len(stated) else 0.0


def threshold(
    probabilities: ArrayLike, right: ArrayLike, risk: float, sure: float = SURE
) -> float | None:
    """Give the least probability from which on answers are wrong no more often than stated.

    The bound is Clopper and Pearson's, 1934, at each of 20 coverages, with the chance of error
    shared among them (Bonferroni): Geifman and El-Yaniv, "Selective Classification for Deep Neural
    Networks", NIPS 2017.

    Args:
        probabilities: Of answers that the probabilities were not fitted on.
        right: Whether each was.
        risk: Share of the given answers that may be wrong, 0..1.
        sure: Probability that the risk is kept, 0..1.

    Returns:
        None where no threshold surely keeps the risk.
    """
    points = risk_coverage(probabilities, right)
    total, kept = len(np.asarray(right)), None
    for coverage in _COVERAGES:
        point = next((each for each in points if each.coverage >= coverage - 1e-9), None)
        if point is None:
            break
        count = round(point.coverage * total)
        wrong = round(point.risk * count)
        if upper_bound(wrong, count, 1.0 - (1.0 - sure) / len(_COVERAGES)) <= risk:
            kept = point.threshold
    return kept


def upper_bound(wrong: int, count: int, sure: float = SURE) -> float:
    """Bound a share from above, one-sided: Clopper and Pearson, Biometrika 1934.

    Args:
        wrong: Times it happened.
        count: Times it might have.
        sure: Probability that the share lies below, 0..1.
    """
    if wrong >= count:
        return 1.0
    times = np.arange(wrong + 1)
    steps = np.log(count - times[:-1]) - np.log(times[1:])
    ways = np.concatenate([[0.0], np.cumsum(steps)])  # logarithms of binomial coefficients
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        chance = np.exp(ways + times * np.log(middle) + (count - times) * np.log1p(-middle)).sum()
        low, high = (middle, high) if chance > 1.0 - sure else (low, middle)
    return high


def _pair(
    probabilities: ArrayLike, right: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return np.asarray(probabilities, np.float64), np.asarray(right, np.float64)
