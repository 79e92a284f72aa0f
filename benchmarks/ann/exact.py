"""Exact search: one query beside the speed of reading memory, batches beside faiss as it comes."""

import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

import click
import numpy as np

from benchmarks.ann.data import prepared
from benchmarks.ann.entrant import Entrant, RunningSide
from benchmarks.ann.options import shared, written
from benchmarks.ann.sweep import started

BATCHES = (16, 32, 64, 128, 256, 512)
READERS: dict[str, Callable[[np.ndarray], Any]] = {
    "greatest": lambda part: part.view(np.int64).max(),
    "inner product": lambda part: part.view(np.float32) @ part.view(np.float32),
    "any bit": lambda part: np.bitwise_or.reduce(part.view(np.int64)),
}


@click.command()
@shared
@click.option("--rows", default=200_000, show_default=True)
@click.option("--threads", default=1, show_default=True)
def command(
    vectors: Path | None,
    rows: int,
    dim: int,
    k: int,
    queries: int,
    repeats: int,
    seed: int,
    out: Path | None,
    threads: int,
) -> None:
    """Time exact search of one query and of batches.

    Example: python -m benchmarks ann exact --vectors VECTORS --rows 200000
    """
    notes: list[str] = []
    wanted = [Entrant("own", "flat", sys.executable), Entrant("faiss", "flat", sys.executable)]
    with tempfile.TemporaryDirectory() as place, ExitStack() as stack:
        data = prepared(vectors, rows, dim, Path(place), max(queries, max(BATCHES)), seed)
        own, peer = started(stack, wanted, data, Path(place), notes, threads=2, k=k, recall=1.0)
        count = len(np.load(data.timed))
        table = [*single(own, peer, data.timed, rows * dim, k, repeats, threads)]
        for batch in BATCHES:
            if batch <= count:
                table.append(batched(own, peer, data.timed, batch, k, repeats, threads))
                click.echo(table[-1])
    title = f"Exact search: {rows:,} x {dim}, threads: {threads}"
    notes += [
        f"{data.about}. Medians of {repeats} turns, by the clock. Read: the fastest of "
        f"{len(READERS)} ways of reading as many bytes as a float32 scan does with numpy in "
        f"this run (threads: {threads}). faiss: IndexFlatIP with the library's own threshold for "
        "BLAS, in a process of its own."
    ]
    figures = {"title": title, "table": table, "notes": notes}
    written(f"ann-exact-{rows}-{threads}", figures, seed, out)


def single(
    own: RunningSide,
    peer: RunningSide,
    queries: Path,
    numbers: int,
    k: int,
    repeats: int,
    threads: int,
) -> list[dict[str, Any]]:
    """Time one query at a time, and reading, in turns."""
    bytes_read = np.ones(numbers, dtype=np.float32)
    reads: dict[str, list[float]] = {name: [] for name in READERS}
    took: dict[str, list[float]] = {"embedstore": [], "faiss": []}
    count = min(8, len(np.load(queries)))
    for _ in range(repeats):
        for name in READERS:
            reads[name].append(read(bytes_read, READERS[name], threads))
        for name, side in (("embedstore", own), ("faiss", peer)):
            found = side.find(queries, (0, count), k, setting={}, threads=threads)
            took[name].append(found.wall / 1e3)
    limit = min(median(each) for each in reads.values())
    return [
        {
            "batch": 1,
            "embedstore ms": median(took["embedstore"]),
            "faiss ms": median(took["faiss"]),
            "times faster": median(took["faiss"]) / median(took["embedstore"]),
            "read ms": limit,
            "read GB/s": 4e-6 * numbers / limit,
            "over the read": median(took["embedstore"]) / limit,
        }
    ]


def read(held: np.ndarray, reader: Callable[[np.ndarray], Any], threads: int) -> float:
    """Read an array in so many threads; give the milliseconds."""
    parts = np.array_split(held, threads * 8)
    parts = [part[: len(part) // 2 * 2] for part in parts]  # whole int64
    started_at = time.perf_counter()
    if threads == 1:
        for part in parts:
            reader(part)
    else:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(reader, parts))
    return 1e3 * (time.perf_counter() - started_at)


def batched(
    own: RunningSide,
    peer: RunningSide,
    queries: Path,
    batch: int,
    k: int,
    repeats: int,
    threads: int,
) -> dict[str, Any]:
    """Time one batch of both sides in turns."""
    pairs = []
    for repeat in range(repeats):
        wall = {}
        for side in (own, peer) if repeat % 2 else (peer, own):
            told = {"setting": {}, "threads": threads, "batch": batch}
            found = side.find(queries, (0, batch), k, **told)
            wall[side.entrant.library] = found.wall * batch / 1e3
        pairs.append((wall["own"], wall["faiss"]))
    mine, theirs = (median(each) for each in zip(*pairs, strict=True))
    return {
        "batch": batch,
        "embedstore ms": mine,
        "faiss ms": theirs,
        "times faster": median(other / one for one, other in pairs),
    }
