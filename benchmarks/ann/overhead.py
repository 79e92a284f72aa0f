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

_TURNS = (
    ("none", None, "first"),
    ("none", None, "again"),
    ("1 of 2", "bucket < 10", "again"),
    ("1 of 20", "bucket == 3", "again"),
)


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
        table = beside(folder, asked, repeats, k)
    title = f"What a collection adds to its index: {rows:,} x {dim}"
    notes = [
        f"{data.about}. Medians over {len(asked)} queries, both in turns, one thread, k={k}. "
        f"Asked again: {repeats} passes of the same queries, whose items are kept in memory; first "
        f"asked: the first pass without a filter, which reads them. `bucket` has {BUCKETS} values; "
        f"a filter is warm: its rows were looked up by an earlier search. Added at {added}."
    ]
    figures = {"title": title, "table": table, "notes": notes}
    written(f"ann-overhead-{rows}", figures, seed, out)


def beside(folder: Path, queries: np.ndarray, repeats: int, k: int) -> list[dict[str, Any]]:
    """Give a row for each filter: a whole search, the index call alone, and what is between."""
    table = []
    again = np.tile(queries, (repeats, 1))
    with embedstore.open(folder) as store:
        made = store.collection("made")
        kind = made.describe()["index"]["image"]["kind"]
        for name, where, asked in _TURNS:
            allow = None
            made.search(Query(vector=queries[0], where=where, k=k))
            if where is not None:
                allow = made.catalog.allowed(made.info.id, where, made.indices.seq)
            whole, inner = interleaved(
                lambda query, where=where: made.search(Query(vector=query, where=where, k=k)),
                lambda query, allow=allow: made.indices.neighbors("image", query, k, allow, 1.0),
                queries if asked == "first" else again,
            )
            table.append(
                {
                    "filter": name,
                    "asked": asked,
                    "collection": ms(whole),
                    "index call": ms(inner),
                    "added ms": 1e3 * (whole - inner),
                    "index": kind,
                }
            )
            click.echo(table[-1])
    return table
