"""Whether a confidence means something: risk and coverage, calibration error, their plots.

Guo et al., "On Calibration of Modern Neural Networks", 2017; Geifman and El-Yaniv, "Selective
Classification for Deep Neural Networks", 2017.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

BINS = 10
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Believed:
    """Answers, how sure they were, and which were right.

    Attributes:
        confidence: `(n,)`, 0..1.
        right: `(n,)`, 0 or 1.
    """

    confidence: Floats
    right: Floats

    def accuracy_by_coverage(self) -> Floats:
        """Give the accuracy of the 1, 2, ... n surest answers, `(n,)`.

        Answers of one confidence count with their mean, so that their order does not matter.
        """
        order = np.argsort(-self.confidence, kind="stable")
        _, place, counts = np.unique(self.confidence, return_inverse=True, return_counts=True)
        means = np.bincount(place, self.right) / counts
        return np.cumsum(means[place][order]) / np.arange(1, len(order) + 1)

    def accuracy_at(self, coverage: float) -> float:
        """Give the accuracy of the surest share of the answers."""
        curve = self.accuracy_by_coverage()
        return float(curve[max(1, round(coverage * len(curve))) - 1])

    def bins(self) -> list[tuple[float, float, float]]:
        """Give mean confidence, accuracy and share of answers in each tenth of confidence."""
        place = np.minimum((self.confidence * BINS).astype(int), BINS - 1)
        found = []
        for each in np.unique(place):
            chosen = place == each
            means = self.confidence[chosen].mean(), self.right[chosen].mean(), chosen.mean()
            found.append((float(means[0]), float(means[1]), float(means[2])))
        return found

    def calibration_error(self) -> float:
        """Give the expected calibration error over tenths of confidence, 0..1."""
        return sum(share * abs(sure - right) for sure, right, share in self.bins())


def draw(sides: Mapping[str, Believed], title: str, path: Path) -> None:
    """Draw accuracy by coverage and by confidence as one PNG file."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(10, 4.5), layout="constrained")
    for name, believed in sides.items():
        curve = believed.accuracy_by_coverage()
        left.plot(np.arange(1, len(curve) + 1) / len(curve), 1 - curve, label=name)
        sure, correct, _ = zip(*believed.bins(), strict=True)
        right.plot(sure, correct, "o-", label=name)
    right.plot((0, 1), (0, 1), color="grey", linestyle=":")
    left.set(xlabel="coverage", ylabel="risk: share of wrong answers", xlim=(0, 1))
    right.set(xlabel="confidence", ylabel="share of right answers", xlim=(0, 1), ylim=(0, 1))
    left.legend(fontsize="small")
    figure.suptitle(title)
    figure.savefig(path, dpi=120)
    pyplot.close(figure)
