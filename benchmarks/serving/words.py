"""Searches with words over HTTP beside the encoder alone, and what clients gain together."""

import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks.serving.load import Load, OwnProcess
from benchmarks.serving.made import filled, sayings, word_searches
from benchmarks.serving.options import shared, written
from benchmarks.serving.server import Server, served
from benchmarks.serving.vectors import figures, medians
from embedstore import encoders
from embedstore.types import Encoder

CLIENTS = (1, 4, 16, 32)
TEXTS = 2_000


@click.command()
@shared
@click.option("--rounds", default=5, show_default=True, help="Of turns; medians are told.")
def command(
    items: int, encoder: str, k: int, seconds: float, rounds: int, seed: int, out: Path | None
) -> None:
    """Measure the time of a search with words, and the rate of many clients.

    Example: python -m benchmarks serving words --encoder mini
    """
    ready = encoders.load(encoder)
    texts = sayings(TEXTS, seed)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "store"
        filled(place, encoder, items, seed)
        with OwnProcess() as client, served(place) as server:
            table = in_turns(ready, texts, server, client, (k, seconds, rounds))
    alone, one = table[0]["p50 ms"], table[1]
    for row in table[1:]:
        row["over encoder ms"] = row["p50 ms"] - alone
        row["times one client"] = row["over HTTP/s"] / one["over HTTP/s"]
    notes = [
        "Medians of rounds, all in turns; no text comes twice in a load. The first row is the "
        f"encoder alone in a process, one text a call. k={k}. Asked: p50 of one client at most "
        "3 ms over the encoder's; 16 clients at least 2 times one client's rate.",
    ]
    title = f"Service, words encoded by {encoder}: {items:,} items"
    written("words", {"title": title, "table": table, "notes": notes}, seed, out)


def in_turns(
    ready: Encoder,
    texts: Sequence[str],
    server: Server,
    client: OwnProcess,
    turns: tuple[int, float, int],
) -> list[dict[str, Any]]:
    """Give a row for the encoder alone and one for each number of clients.

    Args:
        ready: The encoder.
        texts: To encode and to search.
        server: Where to search.
        client: Who searches.
        turns: k, seconds of each, rounds.
    """
    k, seconds, rounds = turns
    requests = word_searches(texts, k)
    client.send(Load(server.address, requests, 4, seconds)).result()
    alone: list[dict[str, float]] = []
    seen: dict[int, list[dict[str, float]]] = {each: [] for each in CLIENTS}
    for _ in range(rounds):
        alone.append(encoder_alone(ready, texts, seconds))
        for clients, rows in seen.items():
            before = server.cpu_seconds()
            load = Load(server.address, requests, clients, seconds)
            rows.append(figures(client.send(load).result(), server.cpu_seconds() - before))
    rows = [{"clients": "encoder alone", **medians(alone)}]
    return rows + [{"clients": each, **medians(told)} for each, told in seen.items()]


def encoder_alone(ready: Encoder, texts: Sequence[str], seconds: float) -> dict[str, float]:
    """Time the encoder for one text a call."""
    took: list[float] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        began = time.perf_counter()
        ready.encode_texts([texts[len(took) % len(texts)]])
        took.append(1e3 * (time.perf_counter() - began))
    return {
        "over HTTP/s": len(took) / seconds,
        "p50 ms": statistics.median(took),
        "p99 ms": float(np.percentile(took, 99)),
    }
