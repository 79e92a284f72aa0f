"""Three times what the service can do, and its end by SIGTERM while it is busy."""

import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import numpy as np

import embedstore
from benchmarks.serving.load import Load, OwnProcess, Seen
from benchmarks.serving.made import NAME, additions, filled, searches
from benchmarks.serving.options import shared, written
from benchmarks.serving.server import Server, served
from benchmarks.serving.vectors import figures
from benchmarks.store import made_vectors

CLOSED = (4, 16, 64)  # connections; the best of them is the peak
OPEN = 400  # connections of the overload, more than the service lets wait
TIMES = 3.0
QUERIES, ADDITIONS, WRITERS = 1_000, 50_000, 4
_AHEAD = 0.5  # seconds that items are stored before the flood, which lets few writes through
REFUSALS = {429, 503}


@click.command()
@shared
@click.option("--rounds", default=3, show_default=True, help="Of peak and overload, in turns.")
def command(
    items: int, encoder: str, k: int, seconds: float, rounds: int, seed: int, out: Path | None
) -> None:
    """Measure goodput at 3 times the peak, the time of refusals, and what SIGTERM loses.

    Example: python -m benchmarks serving overload --seconds 5
    """
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "store"
        dim = filled(place, encoder, items, seed)
        requests = searches(made_vectors(QUERIES, dim, seed + 1), k)
        with OwnProcess() as client, OwnProcess() as writer:
            with served(place) as server:
                client.send(Load(server.address, requests, 4, seconds)).result()
                found = [
                    _overloaded(server, client, requests, seconds, seed + turn)
                    for turn in range(rounds)
                ]
            keys, writes = additions(ADDITIONS)
            rate = TIMES * float(np.median([row["peak/s"] for row in found]))
            with served(place) as server:
                asked = Load(server.address, requests, OPEN, seconds, rate, seed)
                wrote = Load(server.address, writes, WRITERS, seconds)
                status, searched, stored = _stopped(server, asked, wrote, client, writer)
        acknowledged = {keys[number] for number in stored.number[stored.status == 200]}
        lost = _missing(place, acknowledged)
    table = [*found, _ended(status, searched, stored, len(lost))]
    notes = [
        f"The peak is the best closed loop of {', '.join(map(str, CLOSED))} connections; then an "
        f"open loop of {OPEN} connections asks {TIMES:g} times as much at random (Poisson) times, "
        "and times run from when a request was due. Client and server share the cores. At the "
        f"end, in the middle of such a load, with {WRITERS} connections that store items, the "
        "server is sent SIGTERM; then the store is opened and every item whose storing was "
        "acknowledged is looked for. Asked: goodput at least .9 of the peak, refusals within "
        "50 ms, nothing lost.",
    ]
    title = f"Service, overloaded: {items:,} x {dim}"
    written("overload", {"title": title, "table": table, "notes": notes}, seed, out)


def _overloaded(
    server: Server, client: OwnProcess, requests: list[bytes], seconds: float, seed: int
) -> dict[str, Any]:
    """Give the row of one turn: the peak, then the overload."""
    peak = 0.0
    for connections in CLOSED:
        seen = client.send(Load(server.address, requests, connections, seconds)).result()
        peak = max(peak, figures(seen, 0.0)["over HTTP/s"])
    load = Load(server.address, requests, OPEN, seconds, TIMES * peak, seed)
    seen = client.send(load).result()
    strange = set(seen.status.tolist()) - REFUSALS - {200}
    if strange or seen.unanswered:
        raise click.ClickException(
            f"{seen.unanswered} requests without an answer, and status {sorted(strange)}; "
            "expected 200, 429 and 503"
        )
    return {
        "what": f"{TIMES:g} times the peak",
        "peak/s": peak,
        "asked/s": len(seen.status) / seconds,
        "goodput/s": seen.rate(),
        "share of peak": seen.rate() / peak,
        "refused p50 ms": seen.took_ms(50, refused=True),
        "refused p99 ms": seen.took_ms(99, refused=True),
        "served p50 ms": seen.took_ms(50),
        "served p99 ms": seen.took_ms(99),
    }


def _stopped(
    server: Server, asked: Load, wrote: Load, client: OwnProcess, writer: OwnProcess
) -> tuple[int, Seen, Seen]:
    """Stop the server in the middle of two loads; give its exit status and what they saw."""
    for process, load in ((client, asked), (writer, wrote)):  # both are there and known
        process.send(replace(load, connections=WRITERS, seconds=1.0, rate=None)).result()
    storing = writer.send(wrote)
    time.sleep(_AHEAD)
    searching = client.send(asked)
    time.sleep(asked.seconds / 2)
    status = server.stop()
    return status, searching.result(), storing.result()


def _missing(place: Path, keys: set[str]) -> list[str]:
    """Open a store and give the keys that it does not hold."""
    with embedstore.open(place, must_exist=True) as store:
        made = store.collection(NAME)
        held = {item.key for item in _items(made)}
    return sorted(keys - held)


def _items(made: embedstore.Collection) -> list[embedstore.Item]:
    found, after = [], 0
    while page := made.items(after, 10_000):
        found += page.values()
        after = max(page)
    return found


def _ended(status: int, searched: Seen, stored: Seen, lost: int) -> dict[str, Any]:
    """Give the row of the end by SIGTERM."""
    if status != 0:
        raise click.ClickException(f"the server ended with status {status}; expected 0")
    written_down, answered = (int(np.sum(each.status == 200)) for each in (stored, searched))
    if not written_down:
        raise click.ClickException("nothing was stored before the end; ask for more --seconds")
    told = f"{written_down:,} writes acknowledged, {lost} lost; {answered:,} searches answered"
    return {"what": f"SIGTERM: {told}"}
