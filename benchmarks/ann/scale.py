"""How building, opening, searching and memory grow with the number of vectors."""

import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

import click
import numpy as np

from benchmarks.ann import plot
from benchmarks.ann.data import prepared
from benchmarks.ann.entrant import Entrant, RunningSide, SideFailed
from benchmarks.ann.options import folder, shared, written
from benchmarks.ann.truth import recall

SIZES = (10_000, 100_000, 1_000_000, 10_000_000)
DRAWN = ("build CPU-s", "search CPU us", "resident MiB")


@click.command()
@shared
@click.option("--rows", "sizes", multiple=True, type=int, default=SIZES, show_default=True)
@click.option("--target", default=0.95, show_default=True)
def command(
    vectors: Path | None,
    sizes: Sequence[int],
    dim: int,
    k: int,
    queries: int,
    repeats: int,
    seed: int,
    out: Path | None,
    target: float,
) -> None:
    """Publish vector sets of growing size, open each in a new process, and search it.

    Example: python -m benchmarks ann scale --vectors VECTORS --dim 256
    """
    table, notes = [], []
    for rows in sizes:
        with tempfile.TemporaryDirectory() as place:
            data = prepared(vectors, rows, dim, Path(place), queries, seed)
            task = {"vectors": data.vectors, "queries": data.sweep, "columns": None, "threads": 2}
            task |= {"k": k, "recall": target, "work": Path(place) / "published"}
            try:
                table.append({"vectors": rows, **measured(task, data.timed, k, repeats)})
            except SideFailed as failure:
                notes.append(f"Not measured at {rows:,}: {failure}")
                click.echo(notes[-1])
                continue
            true = data.truth(data.timed, k)
            table[-1]["recall"] = recall(np.asarray(table[-1].pop("ids")), true)
            click.echo(table[-1])
            notes.insert(0, f"{data.about}.")
    name = f"ann-scale-{dim}"
    title = f"Growth of the index: {dim} dimensions, recall {target} promised"
    path = folder(out) / f"{name}.png"
    lines = {each: {row["vectors"]: row[each] for row in table} for each in DRAWN}
    plot.growth(lines, title, path)
    notes += [
        "Built and settled on text queries by one process, opened and searched by another; build "
        "without the search for parameters, which is settle. Search: one query a call on one "
        f"thread, median of {repeats} passes. Resident: what opening and searching made the "
        "process hold, mapped files included.",
        f"![{title}](results/{path.name})",
    ]
    written(name, {"title": title, "table": table, "notes": notes}, seed, out)


def measured(task: dict[str, Any], queries: Path, k: int, repeats: int) -> dict[str, Any]:
    """Build in one process, then open and search in another."""
    with ExitStack() as stack:
        side = stack.enter_context(RunningSide(Entrant("own_store", "set", sys.executable)))
        side.build(**task)
        built = side.built
    count = len(np.load(queries))
    with ExitStack() as stack:
        side = stack.enter_context(RunningSide(Entrant("own_store", "opened", sys.executable)))
        side.build(**task)
        if not side.built["published"]:
            raise SideFailed("what was published was not adopted")
        found = [side.find(queries, (0, count), k, setting={}) for _ in range(repeats)]
        memory = side.memory_mib()
    files = sum(path.stat().st_size for path in task["work"].rglob("*") if path.is_file())
    return {
        "build s": built["wall"],
        "build CPU-s": built["cpu"],
        "settle CPU-s": built["tuning_cpu"],
        "open s": side.built["wall"],
        "search CPU us": median(each.cpu for each in found),
        "search us": median(each.wall for each in found),
        "resident MiB": memory,
        "files MiB": files / 2**20,
        "ids": found[0].ids,
    }
