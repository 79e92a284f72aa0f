"""Searches with ready vectors over HTTP beside `Collection.search` in a process."""

import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np

import embedstore
from benchmarks.serving import inside
from benchmarks.serving.load import Load, OwnProcess, Seen
from benchmarks.serving.made import NAME, filled, number_searches, searches
from benchmarks.serving.options import shared, written
from benchmarks.serving.server import Server, served
from benchmarks.store import made_vectors
from embedstore import Collection

CONNECTIONS = (1, 16)
QUERIES = 1_000
MANY = 64  # connections of an open loop
SHARE = 0.7  # of the peak


@click.command()
@shared
@click.option("--rounds", default=5, show_default=True, help="Of turns; medians are told.")
def command(
    items: int, encoder: str, k: int, seconds: float, rounds: int, seed: int, out: Path | None
) -> None:
    """Measure rates with 1 and 16 connections, and times at 70% of the peak.

    Example: python -m benchmarks serving vectors --items 100000
    """
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "store"
        dim = filled(place, encoder, items, seed)
        asked = made_vectors(QUERIES, dim, seed + 1)
        with embedstore.open(place) as store, OwnProcess() as client, served(place) as server:
            turns = _Turns(store.collection(NAME), server, client, asked, k, seconds)
            table = [turns.beside(connections, rounds) for connections in CONNECTIONS]
            table.append(turns.numbers(rounds))
            peak = max(float(row["over HTTP/s"]) for row in table)
            table.append(turns.steady(SHARE * peak, rounds, seed))
    notes = [
        "Medians of rounds, in process and over HTTP in turns; the client has a process of its "
        "own on the same cores, its time is in the table. In process as many threads search as "
        f"there are connections. k={k}; vectors go as base64 of float32 except where it says "
        "numbers. The last row is an open loop: requests fall due at random (Poisson) times at "
        f"{SHARE:.0%} of the highest rate above and are timed from then. Asked: over HTTP at "
        "least .6 of the rate in process; p99 under 4 times p50.",
    ]
    title = f"Service, ready vectors: {items:,} x {dim}"
    written("vectors", {"title": title, "table": table, "notes": notes}, seed, out)


class _Turns:
    """Measurements that take turns."""

    def __init__(
        self,
        collection: Collection,
        server: Server,
        client: OwnProcess,
        vectors: np.ndarray,
        k: int,
        seconds: float,
    ) -> None:
        self._collection, self._server, self._client = collection, server, client
        self._vectors, self._k, self._seconds = vectors, k, seconds
        self._searches = searches(vectors, k)
        self.over_http(self._searches, 4)  # opens the collection, fills caches

    def beside(self, connections: int, rounds: int) -> dict[str, Any]:
        """Give the row of one number of connections."""
        inner, outer = [], []
        for _ in range(rounds):
            inner.append(
                inside.rate(self._collection, self._vectors, self._k, connections, self._seconds)
            )
            outer.append(self.over_http(self._searches, connections))
        ratio = statistics.median(
            seen["over HTTP/s"] / rate for seen, rate in zip(outer, inner, strict=True)
        )
        told = {"in process/s": statistics.median(inner), "ratio": ratio}
        return {"connections": connections, **medians(outer), **told}

    def numbers(self, rounds: int) -> dict[str, Any]:
        """Give the row of vectors that are sent as lists of numbers."""
        asked = number_searches(self._vectors, self._k)
        seen = [self.over_http(asked, CONNECTIONS[-1]) for _ in range(rounds)]
        return {"connections": f"{CONNECTIONS[-1]}, numbers", **medians(seen)}

    def steady(self, rate: float, rounds: int, seed: int) -> dict[str, Any]:
        """Give the row of an open loop."""
        seen = [
            self.over_http(self._searches, MANY, rate=rate, seed=seed + turn)
            for turn in range(rounds)
        ]
        told = medians(seen)
        return {"connections": f"open loop, {rate:,.0f}/s", **told,
                "p99/p50": told["p99 ms"] / told["p50 ms"]}  # fmt: skip

    def over_http(
        self, requests: Sequence[bytes], connections: int, rate: float | None = None, seed: int = 0
    ) -> dict[str, float]:
        """Load the server once."""
        before = self._server.cpu_seconds()
        load = Load(self._server.address, requests, connections, self._seconds, rate, seed)
        seen = self._client.send(load).result()
        return figures(seen, self._server.cpu_seconds() - before)


def figures(seen: Seen, server_cpu: float) -> dict[str, float]:
    """Give what a load cost, an answer.

    Raises:
        ClickException: Something was not answered as it should be.
    """
    wrong = len(seen.status) - int(np.sum(seen.status == 200)) + seen.unanswered
    if wrong or not len(seen.status):
        raise click.ClickException(
            f"{wrong} of {len(seen.status)} requests failed, with status "
            f"{sorted(set(seen.status.tolist()))}; expected 200 alone"
        )
    return {
        "over HTTP/s": seen.rate(),
        "p50 ms": seen.took_ms(50),
        "p99 ms": seen.took_ms(99),
        "server CPU ms": 1e3 * server_cpu / len(seen.status),
        "client CPU ms": 1e3 * seen.cpu_seconds / len(seen.status),
    }


def medians(rows: Sequence[dict[str, float]]) -> dict[str, Any]:
    """Give the median of each figure."""
    return {name: statistics.median(row[name] for row in rows) for name in rows[0]}
