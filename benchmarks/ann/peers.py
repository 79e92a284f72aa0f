"""Recall and time of every index on real text queries, in turns."""

import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import click
import numpy as np

from benchmarks.ann import plot
from benchmarks.ann.data import Data, prepared
from benchmarks.ann.entrant import Answer, Entrant, RunningSide
from benchmarks.ann.options import entrants, folder, shared, written
from benchmarks.ann.sweep import Point, cheapest, started, swept
from benchmarks.ann.truth import recall

MODES = {"one a call": (1, False), "1 thread": (1, True), "2 threads": (2, True)}
LONGEST = 4e6  # microseconds of a block of a slow side


@dataclass
class Contest:
    """One side at one recall.

    Attributes:
        side: The process.
        target: Recall that the setting has to reach.
        point: The cheapest setting that does, on the queries it was chosen with.
        recall: Of that setting, on the others.
        blocks: What each block took, by mode.
    """

    side: RunningSide
    target: float
    point: Point
    recall: float
    blocks: dict[str, list[Answer]] = field(default_factory=lambda: {mode: [] for mode in MODES})

    @property
    def name(self) -> str:
        """Of the side."""
        return self.side.entrant.name

    def typical(self, mode: str, clock: str) -> float:
        """Give the median microseconds a query."""
        return median(getattr(each, clock) for each in self.blocks[mode])

    def times(self, other: "Contest", mode: str) -> float:
        """Give the median ratio of CPU time, block by block."""
        pairs = zip(self.blocks[mode], other.blocks[mode], strict=True)
        return median(mine.cpu / theirs.cpu for mine, theirs in pairs)


@click.command()
@shared
@click.option("--rows", default=200_000, show_default=True)
@click.option("--peer", "peers", multiple=True, help="NAME=PYTHON or NAME:FORM=PYTHON.")
@click.option("--own", "kinds", multiple=True, default=("tuned",), show_default=True)
@click.option("--target", "targets", multiple=True, type=float, default=(0.95, 0.99))
@click.option("--block", default=250, show_default=True, help="Queries in a block.")
@click.option("--sweep", default=500, show_default=True, help="Queries that choose settings.")
def command(
    vectors: Path | None,
    rows: int,
    dim: int,
    k: int,
    queries: int,
    repeats: int,
    seed: int,
    out: Path | None,
    peers: Sequence[str],
    kinds: Sequence[str],
    targets: Sequence[float],
    block: int,
    sweep: int,
) -> None:
    """Find the cheapest setting of each index that reaches a recall, and time them in turns.

    Example: python -m benchmarks ann peers --vectors VECTORS --peer hnswlib=env/bin/python
    """
    others = entrants(peers)
    mine = [
        (Entrant("own", kind, sys.executable), (target,)) for kind in kinds for target in targets
    ]
    notes: list[str] = []
    with tempfile.TemporaryDirectory() as place, ExitStack() as stack:
        work = Path(place)
        data = prepared(vectors, rows, dim, work, queries, seed)
        contests, curves = [], {}
        true = {each: data.truth(each, k) for each in (data.sweep, data.timed)}
        true[data.sweep] = true[data.sweep][:sweep]
        for entrant, aims in [*mine, *((each, tuple(targets)) for each in others)]:
            for side in started(
                stack, [entrant], data, _fresh(work), notes, threads=2, k=k, recall=aims[0]
            ):
                points = swept(side, data.sweep, true[data.sweep], k)
                curves.setdefault(side.entrant.name, []).extend(points)
                contests += entered(side, points, aims, data, true[data.timed], k, notes)
        timed(contests, data, k, repeats, min(block, len(true[data.timed])))
        table = [row for target in targets for row in rows_of(contests, target)]
    name = f"ann-peers-{rows}"
    title = f"Recall@{k} and speed on text queries: {rows:,} x {dim}"
    path = folder(out) / f"{name}.png"
    plot.recall_and_speed(curves, title, min(targets) - 0.15, path)
    notes = [*about(data, repeats, block, sweep), *notes, f"![{title}](results/{path.name})"]
    kept = {each: [asdict(point) for point in points] for each, points in curves.items()}
    figures = {"title": title, "table": table, "notes": notes, "curves": kept}
    written(name, figures, seed, out)


def _fresh(work: Path) -> Path:
    return Path(tempfile.mkdtemp(dir=work))


def entered(
    side: RunningSide,
    points: Sequence[Point],
    targets: Sequence[float],
    data: Data,
    true: np.ndarray,
    k: int,
    notes: list[str],
) -> list[Contest]:
    """Give the contests that a side can enter; what it cannot reach is noted."""
    contests = []
    for target in targets:
        point = cheapest(points, target)
        if point is None:
            most = max(each.recall for each in points)
            notes.append(f"{side.entrant.name} did not reach {target}: {most:.3f} at most.")
            click.echo(notes[-1])
            continue
        found = side.find(data.timed, (0, len(true)), k, setting=point.setting)
        contests.append(Contest(side, target, point, recall(found.ids, true)))
        click.echo(f"{side.entrant.name} {target}: {point.setting} {point.cpu:.0f} us")
    return contests


def timed(contests: Sequence[Contest], data: Data, k: int, repeats: int, block: int) -> None:
    """Search block by block, every side in turn; the order turns around each time."""
    count = len(np.load(data.timed))
    for repeat in range(repeats):
        start = (repeat * block) % (count - block + 1)
        for mode, (threads, whole) in MODES.items():
            for each in contests if repeat % 2 else contests[::-1]:
                fewer = max(1, min(block, int(LONGEST / each.point.wall)))
                each.blocks[mode].append(
                    each.side.find(
                        data.timed,
                        (start, start + fewer),
                        k,
                        setting=each.point.setting,
                        threads=threads,
                        batch=fewer if whole else 1,
                    )
                )


def rows_of(contests: Sequence[Contest], target: float) -> list[dict[str, Any]]:
    """Give the rows of one recall, the least CPU time first."""
    ours = [each for each in contests if each.target == target]
    own = next((each for each in ours if each.name.startswith("embedstore")), None)
    ours.sort(key=lambda each: each.typical("one a call", "cpu"))
    return [_row(each, own) for each in ours]


def _row(each: Contest, own: Contest | None) -> dict[str, Any]:
    row: dict[str, Any] = {"target": each.target, "index": each.name, "recall": each.recall}
    for mode in MODES:
        row[f"CPU us, {mode}"] = round(each.typical(mode, "cpu"), 1)
    row["us, 2 threads"] = round(each.typical("2 threads", "wall"), 1)
    for mode in ("one a call", "1 thread"):
        row[f"x own, {mode}"] = "" if own is None else round(each.times(own, mode), 2)
    row["build CPU-s"] = round(each.side.built["cpu"], 1)
    row["MiB"] = round(each.side.memory_mib())
    row["setting"] = _words(each.point.setting)
    return row


def _words(setting: Mapping[str, Any]) -> str:
    return " ".join(f"{name}={value}" for name, value in setting.items()) or "none"


def about(data: Data, repeats: int, block: int, sweep: int) -> list[str]:
    """Say how it was measured."""
    return [
        f"{data.about}. A peer's setting is the cheapest of its sweep whose mean recall on {sweep} "
        "queries reaches the target; embedstore tuned has to prove a 95% lower bound. Recall and "
        "times are of other queries, about other photos.",
        f"Medians of {repeats} blocks of {block} queries, all sides in turns. CPU us: of all "
        "threads, a query; one a call: each query by itself on one thread, else the block at "
        "once; every side is held on as many cores as it has threads. x own: CPU time as a "
        "multiple of that of the first --own kind, median of the ratios of the blocks. MiB: "
        "resident memory that the vectors and the index hold, mapped files included.",
    ]
