"""Which setting of a side reaches a recall for the least time."""

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks.ann.data import Data
from benchmarks.ann.entrant import Entrant, RunningSide, SideFailed
from benchmarks.ann.truth import recall


@dataclass(frozen=True)
class Point:
    """One setting of a side, measured on the queries that settings are chosen with.

    Attributes:
        setting: Its search parameters.
        recall: Mean share of the exact neighbours.
        cpu: Microseconds a query, one query a call.
        wall: The same by the clock.
    """

    setting: Mapping[str, Any]
    recall: float
    cpu: float
    wall: float


def started(
    stack: ExitStack,
    wanted: Iterable[Entrant],
    data: Data,
    work: Path,
    notes: list[str],
    **task: Any,
) -> list[RunningSide]:
    """Start every side and let it build, one after the other; who fails is noted, not followed.

    Args:
        stack: Ends the processes.
        wanted: The sides.
        data: What they build from.
        work: A folder in which each gets one.
        notes: Failures are added.
        **task: The rest of `sides.base.Task`.
    """
    running = []
    for number, entrant in enumerate(wanted):
        own = work / f"side-{number}"
        own.mkdir()
        side = stack.enter_context(RunningSide(entrant))
        try:
            side.build(
                **{"columns": None, **task}, vectors=data.vectors, queries=data.sweep, work=own
            )
        except SideFailed as failure:
            notes.append(f"Not measured: {failure}")
            click.echo(notes[-1])
            continue
        click.echo(f"{entrant.name}: built in {side.built['cpu']:.1f} CPU-s")
        running.append(side)
    return running


def swept(side: RunningSide, queries: Path, true: np.ndarray, k: int, **how: Any) -> list[Point]:
    """Search with every setting, one query a call, on one thread.

    Args:
        side: That has built.
        queries: A file.
        true: `(q, k)` exact neighbours of its first q.
        k: Neighbours asked for.
        **how: What else `find` is told.
    """
    points = []
    for setting in side.built["settings"]:
        found = side.find(queries, (0, len(true)), k, setting=setting, **how)
        points.append(Point(setting, recall(found.ids, true), found.cpu, found.wall))
    return points


def cheapest(points: Iterable[Point], target: float) -> Point | None:
    """Give the setting that reaches the target for the least CPU time; None where none does."""
    reaching = [point for point in points if point.recall >= target]
    return min(reaching, key=lambda point: point.cpu, default=None)


def best(points: Iterable[Point], target: float) -> Point:
    """Give the cheapest setting that reaches the target, or the one that comes nearest to it."""
    listed = list(points)
    return cheapest(listed, target) or max(listed, key=lambda point: (point.recall, -point.cpu))
