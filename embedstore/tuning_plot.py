"""The picture of a tuning: what each kind of index finds, and how many queries it answers."""

from pathlib import Path

from embedstore.errors import StorageFull
from indexer import Tuning

_ROOM = 0.35  # share of the height left free above the fastest, for its label


def draw(tuning: Tuning, path: Path) -> None:
    """Draw recall against queries a second of one core; the chosen index stands out.

    Args:
        tuning: What was measured.
        path: PNG, SVG or PDF by its ending.

    Raises:
        StorageFull: It cannot be written.
    """
    from matplotlib.figure import Figure  # takes half a second

    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    for each in tuning.candidates:
        chosen = each == tuning.chosen
        rate = 1e6 / each.cpu_us
        axes.errorbar(
            each.recall,
            rate,
            xerr=[[each.recall - min(each.bound, each.recall)], [0.0]],
            marker="o",
            markersize=10 if chosen else 6,
            color="tab:red" if chosen else "tab:blue",
        )
        axes.annotate(each.spec.kind, (each.recall, rate), (6, 6), textcoords="offset points")
    axes.axvline(tuning.recall, linestyle=":", color="gray", label=f"promised: {tuning.recall:g}")
    axes.set_yscale("log")
    axes.set_xlabel(f"neighbour recall@{tuning.k}, and the lower end of its 95% interval")
    axes.set_ylabel("queries a second of one core")
    axes.margins(x=0.1, y=_ROOM)
    axes.legend(loc="lower left")
    try:
        figure.savefig(path, dpi=120)
    except (OSError, ValueError) as error:
        raise StorageFull(
            f"could not draw {path}: {error}; choose a PNG, SVG or PDF in a folder that exists"
        ) from error
