"""What the store adds to the index, measured on made vectors: search, filter, open, add, --help."""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import faiss
import numpy as np

import embedstore
from benchmarks.report import record
from embedstore import Collection, Item, Query, Space
from embedstore.types import ImagePreprocess
from indexer import snapshot

BATCH = 1_000
BLOCK = 50  # searches in a row, as a busy service does; each alone would find cold caches
BUCKETS = 20  # `bucket == 3` allows 5% of the items


class MadeSpace:
    """A space of ready vectors; nothing is encoded."""

    preprocess = ImagePreprocess(size=8)

    def __init__(self, dim: int) -> None:
        self.space = Space("made", "none", "none", dim)


@click.command()
@click.option("--items", default=100_000, show_default=True)
@click.option("--dim", default=512, show_default=True)
@click.option(
    "--repeats", default=1_000, show_default=True, help="Searches of each kind, interleaved."
)
@click.option("--seed", default=7, show_default=True)
def command(items: int, dim: int, repeats: int, seed: int) -> None:
    """Measure search, filtered search, opening and adding beside their floors, in one run."""
    faiss.omp_set_num_threads(1)  # as the collection searches for one query; alike for both
    vectors = made_vectors(items, dim, seed)
    queries = made_vectors(repeats, dim, seed + 1)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "store"
        rows = [adding(place, vectors)]
        rows += searching(place, vectors, queries)
        rows += opening(place, repeats=15)
    figures = {"title": f"Store: {items:,} items of {dim} dimensions, made vectors", "table": rows}
    record("store", figures, f"python -m benchmarks store --items {items} --dim {dim}", seed)
    click.echo(json.dumps(rows, indent=2))


def made_vectors(n: int, dim: int, seed: int) -> np.ndarray:
    """Make unit rows `(n, dim)` in clusters, as embeddings are."""
    dice = np.random.default_rng(seed)
    centres = np.random.default_rng(0).normal(size=(256, dim)).astype(np.float32)
    made = centres[dice.integers(256, size=n)] + dice.normal(size=(n, dim)).astype(np.float32)
    return made / np.linalg.norm(made, axis=1, keepdims=True)


def adding(place: Path, vectors: np.ndarray) -> dict[str, Any]:
    """Add ready vectors in committed batches, the rebuilds that fall due included."""
    with embedstore.open(place) as store:
        made = store.create("made", MadeSpace(vectors.shape[1]))
        batches = [
            [Item(f"item-{n}", meta={"bucket": n % BUCKETS, "n": n}) for n in range(at, at + BATCH)]
            for at in range(0, len(vectors), BATCH)
        ]
        started = time.perf_counter()
        for at, batch in enumerate(batches):
            made.add_vectors(batch, image=vectors[at * BATCH : (at + 1) * BATCH])
        seconds = time.perf_counter() - started
        made.rebuild()
    return {
        "figure": f"add, batches of {BATCH:,}",
        "measured": f"{len(vectors) / seconds:,.0f} rows/s",
        "beside": "",
        "asked": "at least 15,000 rows/s",
    }


def searching(place: Path, vectors: np.ndarray, queries: np.ndarray) -> list[dict[str, Any]]:
    """Search through the collection and, in turn, through the bare index."""
    with embedstore.open(place) as store:
        made = store.collection("made")
        bare = bare_index(made)
        allowed = faiss.IndexFlatIP(vectors.shape[1])
        allowed.add(stored(vectors[3::BUCKETS]))
        where = "bucket == 3"
        started = time.perf_counter()
        made.search(Query(vector=queries[0], where=where))
        cold = time.perf_counter() - started
        plain, floor = interleaved(
            lambda q: made.search(Query(vector=q)), lambda q: bare(q[None, :]), queries
        )
        filtered, scan = interleaved(
            lambda q: made.search(Query(vector=q, where=where)),
            lambda q: allowed.search(q[None, :], 10),
            queries,
        )
    kind = made.describe()["index"]["image"]["kind"]
    return [
        {
            "figure": f"search, k=10, {kind}",
            "measured": ms(plain),
            "beside": f"bare FAISS call {ms(floor)}",
            "asked": f"at most 0.3 ms more: {1e3 * (plain - floor):.2f} ms",
        },
        {
            "figure": "search, filter allows 5%",
            "measured": ms(filtered),
            "beside": f"FAISS exact scan of the allowed rows alone {ms(scan)}",
            "asked": f"at most 1.5x: {filtered / scan:.2f}x",
        },
        {
            "figure": "the same, first use of a filter",
            "measured": ms(cold),
            "beside": "SQL evaluates the filter once; later searches keep the rows it allowed",
            "asked": "",
        },
    ]


def bare_index(made: Collection) -> Callable[[np.ndarray], Any]:
    """Give the bare FAISS search, k=10, on the files that the collection published."""
    folder, info = made.indices.folder / "image", made.info
    opened = snapshot.load(folder, info.space.fingerprint, info.space.dim)
    assert opened is not None, f"nothing is published in {folder}"
    index, spec = opened.index.parts["index"], opened.index.spec
    if spec.nprobe:
        faiss.extract_index_ivf(index).nprobe = spec.nprobe
    if "vectors" in opened.index.parts:
        index = faiss.IndexRefine(index, opened.index.parts["vectors"])
        index.k_factor = spec.rerank
    return lambda queries, _opened=opened: index.search(queries, 10)


def opening(place: Path, repeats: int) -> list[dict[str, Any]]:
    """Open the store and search once, everything imported; and start the command line."""
    seconds = []
    for turn in range(repeats):
        started = time.perf_counter()
        with embedstore.open(place) as store:
            made = store.collection("made")
            made.search(Query(vector=made_vectors(1, made.info.space.dim, turn)[0]))
            seconds.append(time.perf_counter() - started)
    helped = [wall([sys.executable, "-m", "api.cli", "--help"]) for _ in range(repeats)]
    bare = [wall([sys.executable, "-c", "pass"]) for _ in range(repeats)]
    return [
        {
            "figure": "open the store and search once",
            "measured": ms(statistics.median(seconds)),
            "beside": f"slowest of {repeats}: {ms(max(seconds))}",
            "asked": "under 0.3 s",
        },
        {
            "figure": "embedstore --help",
            "measured": ms(statistics.median(helped)),
            "beside": f"python -c pass {ms(statistics.median(bare))}",
            "asked": "under 0.25 s",
        },
    ]


def interleaved(
    one: Callable[[np.ndarray], Any], other: Callable[[np.ndarray], Any], queries: np.ndarray
) -> tuple[float, float]:
    """Time two searches, in turn block by block; give the median seconds of each."""
    times: tuple[list[float], list[float]] = ([], [])
    for block in np.array_split(queries, max(1, len(queries) // BLOCK)):
        for search, seconds in zip((one, other), times, strict=True):
            for query in block:
                started = time.perf_counter()
                search(query)
                seconds.append(time.perf_counter() - started)
    return statistics.median(times[0]), statistics.median(times[1])


def stored(vectors: np.ndarray) -> np.ndarray:
    """Round as the rows do."""
    return vectors.astype(np.float16).astype(np.float32)


def wall(words: list[str]) -> float:
    """Time a process from outside, seconds."""
    started = time.perf_counter()
    subprocess.run(words, check=True, capture_output=True)
    return time.perf_counter() - started


def ms(seconds: float) -> str:
    """Give seconds as milliseconds for a table."""
    return f"{seconds * 1e3:.2f} ms"
