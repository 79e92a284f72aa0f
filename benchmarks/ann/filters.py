"""Filtered search: recall and time at four selectivities, rows at random or near each other."""

import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import click
import numpy as np

from benchmarks.ann.data import Data, prepared
from benchmarks.ann.entrant import Answer, Entrant, RunningSide
from benchmarks.ann.options import entrants, shared, written
from benchmarks.ann.sweep import Point, best, started, swept
from benchmarks.ann.truth import recall

PARTS = 10_000
FILTERING = ("lancedb", "milvus", "qdrant")
OWN = [Entrant("own_store", form, sys.executable) for form in ("collection", "set")]
FEW = 3
LONGEST = 2e6  # microseconds of a block of a slow side
SHARES = (0.5, 0.05, 0.005, 0.0005)
COLUMNS = {"spread": "random", "near": "near each other"}


@dataclass(frozen=True)
class Filter:
    """Rows whose column lies below a bound.

    Attributes:
        column: One of `COLUMNS`.
        share: Of the rows, that are allowed.
        true: Exact neighbours `(q, k)` of the timed queries among them.
        chosen_by: The same of the first queries that settings are chosen with.
    """

    column: str
    share: float
    true: np.ndarray
    chosen_by: np.ndarray

    @property
    def where(self) -> tuple[str, int]:
        """What a side is told."""
        return self.column, round(self.share * PARTS)


@dataclass
class Turns:
    """One side under one filter.

    Attributes:
        side: The process.
        point: The setting it searches with.
        first: Microseconds of the first query under a filter never used before.
        blocks: What each block took and found.
        true: What there was to find.
    """

    side: RunningSide
    point: Point
    first: float
    blocks: list[Answer] = field(default_factory=list)
    true: list[np.ndarray] = field(default_factory=list)


@click.command()
@shared
@click.option("--rows", default=100_000, show_default=True)
@click.option("--peer", "peers", multiple=True, help="NAME=PYTHON or NAME:FORM=PYTHON.")
@click.option("--target", default=0.95, show_default=True)
@click.option("--sweep", default=50, show_default=True, help="Queries that choose settings.")
@click.option("--block", default=20, show_default=True, help="Queries in a block.")
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
    target: float,
    sweep: int,
    block: int,
) -> None:
    """Search under filters, in turns with embedded databases, one query a call.

    Example: python -m benchmarks ann filters --vectors VECTORS --peer lancedb=PYTHON
    """
    databases = entrants(peers)
    strange = sorted({each.library for each in databases} - set(FILTERING))
    if strange:
        raise click.BadParameter(f"{strange[0]} has no filters here; {', '.join(FILTERING)} have")
    notes: list[str] = []
    table = []
    with tempfile.TemporaryDirectory() as place, ExitStack() as stack:
        work = Path(place)
        data = prepared(vectors, rows, dim, work, queries, seed)
        columns = columns_of(data.vectors, seed)
        np.savez(work / "columns.npz", **columns)
        told = {"columns": work / "columns.npz", "threads": 2, "k": k, "recall": target}
        sides = started(stack, [*OWN, *databases], data, work, notes, **told)
        for column in COLUMNS:
            for share in SHARES:
                each = filtered(data, columns, column, share, k, sweep)
                table += measured(sides, each, data, k, target, repeats, block)
    title = f"Filtered search: {rows:,} x {dim}"
    notes += [
        f"{data.about}. One query a call, one thread, medians of {repeats} blocks of up to {block} "
        "queries in turns. Near each other: the rows that score highest with one of them. A "
        f"peer's setting is the cheapest of its sweep whose recall reaches {target}, or its best. "
        "First: the first query under a filter never used before; later ones of embedstore use "
        "what it kept. x collection: time by the clock as a multiple of embedstore collection's."
    ]
    figures = {"title": title, "table": table, "notes": notes}
    written(f"ann-filters-{rows}", figures, seed, out)


def columns_of(vectors: Path, seed: int) -> dict[str, np.ndarray]:
    """Give every row two numbers below `PARTS`: one at random, one by its score with one row."""
    rows = np.load(vectors, mmap_mode="r")
    dice = np.random.default_rng(seed)
    anchor = rows[dice.integers(len(rows))].astype(np.float32)
    scores = np.concatenate(
        [rows[at : at + 65_536].astype(np.float32) @ anchor for at in range(0, len(rows), 65_536)]
    )
    nearest = np.empty(len(rows), dtype=np.int64)
    nearest[np.argsort(-scores, kind="stable")] = np.arange(len(rows))
    places = {"spread": dice.permutation(len(rows)), "near": nearest}
    return {name: (place * PARTS // len(rows)).astype(np.int32) for name, place in places.items()}


def filtered(
    data: Data, columns: dict[str, np.ndarray], column: str, share: float, k: int, sweep: int
) -> Filter:
    """Give a filter with the exact answers under it."""
    allow = columns[column] < round(share * PARTS)
    chosen_by = data.truth(data.sweep, k, allow)[:sweep]
    return Filter(column, share, data.truth(data.timed, k, allow), chosen_by)


def measured(
    sides: Sequence[RunningSide],
    asked: Filter,
    data: Data,
    k: int,
    target: float,
    repeats: int,
    block: int,
) -> list[dict[str, Any]]:
    """Give a row for each side under one filter."""
    turns = []
    for side in sides:
        new = (asked.column, asked.where[1] + 1)
        settings = side.built["settings"]
        first = side.find(data.timed, (0, 1), k, setting=settings[-1], where=new).wall
        few = asked.chosen_by if len(settings) > 1 else asked.chosen_by[:FEW]
        point = best(swept(side, data.sweep, few, k, where=asked.where), target)
        turns.append(Turns(side, point, first))
    count, block = len(asked.true), min(block, len(asked.true))
    for repeat in range(repeats):
        start = (repeat * block) % (count - block + 1)
        for each in turns if repeat % 2 else turns[::-1]:
            size = max(FEW, min(block, int(LONGEST / each.point.wall)))
            span = (start, min(start + size, count))
            told = {"setting": each.point.setting, "where": asked.where}
            each.side.find(data.timed, (start, start + 1), k, **told)  # warm, as in use
            each.blocks.append(each.side.find(data.timed, span, k, **told))
            each.true.append(asked.true[slice(*span)])
    collection = next(each for each in turns if each.side.entrant == OWN[0])
    rows = [_row(each, collection, asked) for each in turns]
    for row in rows:
        click.echo(row)
    return rows


def _row(each: Turns, collection: Turns, asked: Filter) -> dict[str, Any]:
    ids = np.concatenate([one.ids for one in each.blocks])
    pairs = zip(each.blocks, collection.blocks, strict=True)
    return {
        "allowed": f"{100 * asked.share:g}% {COLUMNS[asked.column]}",
        "index": each.side.entrant.name,
        "recall": recall(ids, np.concatenate(each.true)),
        "ms": median(one.wall for one in each.blocks) / 1e3,
        "CPU ms": median(one.cpu for one in each.blocks) / 1e3,
        "x collection": median(mine.wall / theirs.wall for mine, theirs in pairs),
        "first ms": each.first / 1e3,
        "setting": " ".join(f"{name}={value}" for name, value in each.point.setting.items()),
    }
