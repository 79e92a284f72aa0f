"""What a collection adds to its index: `Collection.search` beside the call of its indices."""

import tempfile
from pathlib import Path
from typing import Any

import click
import numpy as np

import embedstore
from benchmarks.ann.data import prepared
from benchmarks.ann.options import shared, written
from benchmarks.store import BUCKETS, adding, interleaved, ms
from embedstore import Query
from indexer.lazy import load_faiss

FILTERS = {"none": None, "1 of 2": "bucket < 10", "1 of 20": "bucket == 3"}


@click.command()
@shared
@click.option("--rows", default=1_000_000, show_default=True)
def command(
    vectors: Path | None,
    rows: int,
    dim: int,
    k: int,
    queries: int,
    repeats: int,
    seed: int,
    out: Path | None,
) -> None:
    """Time a collection's search and the index call in it, in turns; --repeats counts passes.

    Example: python -m benchmarks ann overhead --vectors VECTORS --rows 1000000
    """
    load_faiss().omp_set_num_threads(1)
    with tempfile.TemporaryDirectory() as place:
        data = prepared(vectors, rows, dim, Path(place), queries, seed)
        held = np.load(data.vectors).astype(np.float32)
        asked = np.load(data.timed)
        folder = Path(place) / "store"
        added = adding(folder, held)["measured"]
        del held
        load_faiss().omp_set_num_threads(1)
        table = beside(folder, np.tile(asked, (repeats, 1)), k)
    title = f"What a collection adds to its index: {rows:,} x {dim}"
    notes = [
        f"{data.about}. Medians over {repeats} passes of {len(asked)} queries, both in turns, one "
        f"thread, k={k}. `bucket` has {BUCKETS} values; a filter is warm: its rows were looked up "
        f"by an earlier search. Added at {added}."
    ]
    figures = {"title": title, "table": table, "notes": notes}
    written(f"ann-overhead-{rows}", figures, seed, out)


def beside(folder: Path, queries: np.ndarray, k: int) -> list[dict[str, Any]]:
    """Give a row for each filter: a whole search, the index call alone, and what is between."""
    table = []
    with embedstore.open(folder) as store:
        made = store.collection("made")
        for name, where in FILTERS.items():
            allow = None
            made.search(Query(vector=queries[0], where=where, k=k))
            if where is not None:
                allow = made.catalog.allowed(made.info.id, where, made.indices.seq)
            whole, inner = interleaved(
                lambda query, where=where: made.search(Query(vector=query, where=where, k=k)),
                lambda query, allow=allow: made.indices.neighbors("image", query, k, allow, 1.0),
                queries,
            )
            table.append(
                {
                    "filter": name,
                    "collection": ms(whole),
                    "index call": ms(inner),
                    "added ms": 1e3 * (whole - inner),
                    "index": made.describe()["index"]["image"]["kind"],
                }
            )
            click.echo(table[-1])
    return table
