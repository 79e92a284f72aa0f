"""Risk by coverage and accuracy by confidence as one PNG file."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from embedstore.answering import risk


@dataclass(frozen=True)
class Judged:
    """Answers that a confidence was not fitted on.

    Attributes:
        probability: `(n,)`, stated, 0..1.
        right: `(n,)`, whether each was.
    """

    probability: NDArray[np.float64]
    right: NDArray[np.bool_]


def draw(sides: Mapping[str, Judged], title: str, path: Path) -> None:
    """Draw one curve a side; matplotlib is imported here.

    Args:
        sides: Answers by the name of their task.
        title: Above both plots.
        path: A PNG file.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(10, 4.5), layout="constrained")
    for name, judged in sides.items():
        points = risk.risk_coverage(judged.probability, judged.right)
        left.plot([each.coverage for each in points], [each.risk for each in points], label=name)
        bins = risk.reliability(judged.probability, judged.right)
        right.plot([each.probability for each in bins], [each.right for each in bins], "o-")
    right.plot((0, 1), (0, 1), color="grey", linestyle=":")
    left.set(xlabel="coverage", ylabel="risk: share of wrong answers", xlim=(0, 1), ylim=(0, 1))
    right.set(xlabel="confidence", ylabel="share of right answers", xlim=(0, 1), ylim=(0, 1))
    left.legend(fontsize="small")
    figure.suptitle(title)
    figure.savefig(path, dpi=120)
    pyplot.close(figure)
