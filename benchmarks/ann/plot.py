"""Curves as PNG files; matplotlib is imported where one is drawn."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.ann.sweep import Point


def recall_and_speed(
    curves: Mapping[str, Sequence[Point]], title: str, least: float, path: Path
) -> None:
    """Draw for each side the speed of its settings that none of its others beats.

    Args:
        curves: Points by the name of the side.
        title: Above the plot.
        least: Recall at the left edge.
        path: A PNG file.
    """
    figure, axes = _figure()
    for name, points in curves.items():
        front = frontier(points)
        own = {"linewidth": 2.5} if name.startswith("embedstore") else {}
        speeds = [1e6 / point.cpu for point in front]
        axes.plot([point.recall for point in front], speeds, "o-", label=name, **own)
    axes.set(xlim=(least, 1.001), xlabel="recall@k of exact", ylabel="queries a CPU-second")
    _finish(figure, axes, title, path)


def growth(lines: Mapping[str, Mapping[float, float]], title: str, path: Path) -> None:
    """Draw how figures grow with the number of vectors, on logarithmic axes.

    Args:
        lines: What it is to figures by vectors.
        title: Above the plot.
        path: A PNG file.
    """
    figure, axes = _figure()
    for name, figures in lines.items():
        axes.plot(list(figures), list(figures.values()), "o-", label=name)
    axes.set(xscale="log", xlabel="vectors")
    _finish(figure, axes, title, path)


def frontier(points: Sequence[Point]) -> list[Point]:
    """Give the settings that no other beats in both recall and time, by ascending recall."""
    front: list[Point] = []
    for point in sorted(points, key=lambda each: (-each.recall, each.cpu)):
        if not front or point.cpu < front[-1].cpu:
            front.append(point)
    return front[::-1]


def _figure() -> tuple[Any, Any]:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    return pyplot.subplots(figsize=(7, 4.5), layout="constrained")


def _finish(figure: Any, axes: Any, title: str, path: Path) -> None:
    axes.set(yscale="log", title=title)
    axes.grid(visible=True, which="both", alpha=0.3)
    axes.legend(fontsize="small")
    figure.savefig(path, dpi=120)
    from matplotlib import pyplot

    pyplot.close(figure)
