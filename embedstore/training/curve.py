"""The picture of a run: loss on the left, recall on the validation photos on the right."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from embedstore.training.disk import unwritable
from embedstore.training.run_log import METRICS, metrics

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CURVE = "curve.png"
_SMOOTH = 0.02  # share of the steps that a point of the smooth line is the mean of
_DIRECTIONS = {"text_to_image": "-", "image_to_text": "--"}


def draw(run: Path) -> Path:
    """Draw `curve.png` from `metrics.jsonl`.

    Args:
        run: The run's folder.

    Returns:
        The picture.

    Raises:
        StorageFull: It cannot be written.
    """
    from matplotlib.figure import Figure  # takes half a second

    lines = list(metrics(run / METRICS))
    figure = Figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    _loss(left, [line for line in lines if "loss" in line])
    _recall(right, [line for line in lines if "val" in line])
    path = run / CURVE
    try:
        figure.savefig(path, dpi=120)
    except OSError as error:
        raise unwritable("the training curve", run, 100_000, error) from error
    return path


def _loss(axes: "Axes", lines: Sequence[dict[str, Any]]) -> None:
    steps = [line["step"] for line in lines]
    losses = np.array([line["loss"] for line in lines], dtype=float)  # null becomes NaN
    axes.plot(steps, losses, linewidth=0.6, alpha=0.4)
    width = max(1, round(_SMOOTH * len(losses)))
    if len(losses) >= width:
        smooth = np.convolve(losses, np.ones(width) / width, mode="valid")
        axes.plot(steps[width - 1 :], smooth, color="C0")
    axes.set(title="loss", xlabel="step")


def _recall(axes: "Axes", lines: Sequence[dict[str, Any]]) -> None:
    for name in lines[0]["val"] if lines else ():
        direction, _, depth = name.partition("@")
        axes.plot(
            [line["step"] for line in lines],
            np.array([line["val"].get(name) for line in lines], dtype=float),
            _DIRECTIONS.get(direction, ":"),
            marker=".",
            color=f"C{ {'1': 0, '5': 1, '10': 2}.get(depth, 3) }",
            label=name,
        )
    if lines:
        axes.legend(fontsize="small")
    axes.set(title="recall on validation photos", xlabel="step")
