"""The probability that an answer is right, from what its generator and its neighbours show."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from embedstore.answering import risk
from embedstore.errors import Corrupt, Invalid

Task = Literal["caption", "ask"]
FOLDER = Path(__file__).parent / "confidences"
RISKS = tuple(round(0.05 * step, 2) for step in range(1, 17))  # .05 to .80
LEAST = 100  # answers to measure with; half fit, half tell how well
_HALF = 0.5
_RIDGE = 1.0
_STEPS = 50
_SMALL = 1e-9
_SEED = 20260


@dataclass(frozen=True)
class Confidence:
    """A logistic regression over named features, and how well it does on answers it never saw.

    Attributes:
        names: Of the features, in order.
        centre: Mean of each feature where it was fitted.
        scale: Standard deviation of each feature there.
        weights: Of the standardised features.
        bias: Log odds at the mean.
        space: Fingerprint of the space it was measured in.
        n: Answers that it was measured on, none of which it was fitted on.
        error: Expected calibration error there, 0..1.
        brier: Mean squared gap there.
        risk: Share of given answers that may be wrong, as the threshold was chosen for.
        threshold: Answers less probable are withheld; above 1 where no answer is sure enough.
        thresholds: The same for other risks; a risk that cannot be kept lacks.
        about: What was measured, in words or numbers: data, what counts as right.
    """

    names: tuple[str, ...]
    centre: tuple[float, ...]
    scale: tuple[float, ...]
    weights: tuple[float, ...]
    bias: float
    space: str = ""
    n: int = 0
    error: float = 0.0
    brier: float = 0.0
    risk: float = 0.5
    threshold: float = 0.5
    thresholds: Mapping[str, float] = field(default_factory=dict)
    about: Mapping[str, Any] = field(default_factory=dict)

    def probability(self, features: ArrayLike) -> NDArray[np.float64]:
        """Give the probability `(n,)` of rows of features `(n, f)`."""
        rows = (np.atleast_2d(np.asarray(features, np.float64)) - self.centre) / self.scale
        odds: NDArray[np.float64] = np.dot(rows, np.asarray(self.weights, np.float64))
        return _logistic(odds + self.bias)

    def of(self, named: Mapping[str, float]) -> float:
        """Give the probability of one answer from its named features; see `features.features`."""
        return float(self.probability([[named.get(name, 0.0) for name in self.names]])[0])

    def threshold_for(self, stated: float | None) -> float:
        """Give the threshold for a risk; above 1 where none keeps it, so that nothing is answered.

        Args:
            stated: Share of given answers that may be wrong, 0..1; None for the default.
        """
        if stated is None:
            return self.threshold
        kept = [limit for at, limit in self.thresholds.items() if float(at) <= stated + _SMALL]
        return min(kept, default=NEVER)

    def least_risk(self) -> float:
        """Give the least risk that some threshold keeps; 1 where none does."""
        return min((float(at) for at in self.thresholds), default=1.0)


NEVER = 2.0  # a threshold that no probability reaches


def measure(
    named: Sequence[Mapping[str, float]],
    right: ArrayLike,
    *,
    space: str = "",
    stated: float | None = None,
    groups: Sequence[object] | None = None,
    about: Mapping[str, Any] | None = None,
) -> Confidence:
    """Fit on one half of some answers, and measure and choose thresholds on the other.

    Args:
        named: Features of each answer; see `features.features`.
        right: Whether each was `(n,)`.
        space: Fingerprint of the space that the neighbours were found in.
        stated: Risk that the threshold is chosen for, 0..1; None takes the least at which half of
            the answers are given.
        groups: What each answer belongs to, such as its picture; a group stays in one half.
        about: What is kept with it.

    Raises:
        Invalid: Too few answers.
    """
    true = np.asarray(right, np.float64)
    if len(true) < LEAST or len(named) != len(true):
        raise Invalid(
            f"{len(named)} answers of which {len(true)} are judged; expected as many of both, "
            f"{LEAST} at least"
        )
    names = tuple(named[0])
    rows = np.array([[each[name] for name in names] for each in named])
    tested = half(range(len(true)) if groups is None else groups)
    fitted = fit(rows[~tested], true[~tested], names)
    stated_as, judged = fitted.probability(rows[tested]), true[tested]
    risks = RISKS if stated is None else (*RISKS, stated)
    found = {str(each): risk.threshold(stated_as, judged, each) for each in risks}
    limits = {at: limit for at, limit in found.items() if limit is not None}
    if stated is None:
        given = {at: float(np.mean(stated_as >= limit)) for at, limit in limits.items()}
        stated = min((float(at) for at in given if given[at] >= _HALF), default=RISKS[-1])
    return Confidence(
        names,
        fitted.centre,
        fitted.scale,
        fitted.weights,
        fitted.bias,
        space,
        int(tested.sum()),
        risk.calibration_error(stated_as, judged),
        risk.brier(stated_as, judged),
        stated,
        limits.get(str(stated), NEVER),
        limits,
        dict(about or {}),
    )


def fit(rows: ArrayLike, right: ArrayLike, names: Sequence[str]) -> Confidence:
    """Fit a logistic regression with an L2 penalty by Newton's method.

    Args:
        rows: Features `(n, f)`.
        right: `(n,)`, 0 or 1.
        names: Of the features.
    """
    held, true = np.asarray(rows, np.float64), np.asarray(right, np.float64)
    centre, scale = held.mean(axis=0), held.std(axis=0)
    scale[scale < _SMALL] = 1.0
    design = np.column_stack([np.ones(len(held)), (held - centre) / scale])  # (n, f + 1)
    penalty = np.full(design.shape[1], _RIDGE)
    penalty[0] = _SMALL  # the mean is not pulled to one half
    weights = np.zeros(design.shape[1])
    for _ in range(_STEPS):
        stated = _logistic(design @ weights)
        slope = design.T @ (stated - true) + penalty * weights
        bend = (design * (stated * (1 - stated))[:, None]).T @ design + np.diag(penalty + _SMALL)
        step = np.linalg.solve(bend, slope)
        weights -= step * min(1.0, 4.0 / (float(np.abs(step).max()) + _SMALL))
        if np.abs(step).max() < 1e-8:
            break
    return Confidence(
        tuple(names),
        tuple(centre.tolist()),
        tuple(scale.tolist()),
        tuple(weights[1:].tolist()),
        float(weights[0]),
    )


def place(generator: str, task: Task, folder: Path | None = None) -> Path:
    """Give the file that holds a generator's confidence.

    Args:
        generator: Its name; what stands before a colon counts where it has a folder.
        task: What was measured.
        folder: Of the generator's own files; None where it has none.
    """
    kind = generator.partition(":")[0] if folder else generator
    plain = re.sub(r"[^\w.-]+", "-", kind)
    return (folder or FOLDER) / f"confidence-{plain}-{task}.json"


def load(generator: str, task: Task, space: str, folder: Path | None = None) -> Confidence | None:
    """Give what was measured for a generator; None where nothing was, or in another space.

    Raises:
        Corrupt: The file is damaged.
    """
    path = place(generator, task, folder)
    if not path.is_file():
        return None
    try:
        found = from_json(json.loads(path.read_text()))
    except (ValueError, TypeError, KeyError) as error:
        raise Corrupt(
            f"{path}: is no measured confidence ({error}); expected what measuring wrote; "
            "remove it or measure again"
        ) from error
    return found if found.space == space else None


def from_json(told: Mapping[str, Any]) -> Confidence:
    """Give the confidence that `asdict` told."""
    listed = {name: tuple(told[name]) for name in ("names", "centre", "scale", "weights")}
    return Confidence(**{**told, **listed})


def save(measured: Confidence, generator: str, task: Task, folder: Path | None = None) -> Path:
    """Keep what was measured where `load` finds it."""
    path = place(generator, task, folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(asdict(measured), indent=1) + "\n")
    return path


def half(groups: Sequence[object], seed: int = _SEED) -> NDArray[np.bool_]:
    """Choose half of some groups with all that belongs to them.

    Args:
        groups: `(n,)`, what each answer belongs to.
        seed: Of the choice.

    Returns:
        `(n,)`, whether chosen.
    """
    known = {group: at for at, group in enumerate(dict.fromkeys(groups))}
    side = np.random.default_rng(seed).permutation(len(known)) % 2 == 0
    return np.array([side[known[group]] for group in groups], dtype=np.bool_)


def _logistic(odds: NDArray[np.float64]) -> NDArray[np.float64]:
    bounded: NDArray[np.float64] = 1.0 / (1.0 + np.exp(-np.clip(odds, -30.0, 30.0)))
    return bounded
