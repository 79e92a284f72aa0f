"""A client that loads a server from a process of its own, and what it saw.

Closed loop: each connection sends its next request when it has the answer. Open loop: requests
fall due at random times, whatever the server does, and their time is counted from then.
"""

import multiprocessing
import queue
import selectors
import socket
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

DRAIN_SECONDS = 30.0  # for answers to the last requests of an open loop


@dataclass(frozen=True)
class Load:
    """What to ask of a server.

    Attributes:
        address: Host and port.
        requests: Bytes to send, each in its turn, from the first again after the last.
        connections: Open at once.
        seconds: In which requests are sent.
        rate: Requests a second of an open loop; None for a closed one.
        seed: Of the times at which requests fall due.
    """

    address: tuple[str, int]
    requests: Sequence[bytes]
    connections: int
    seconds: float
    rate: float | None = None
    seed: int = 0


@dataclass(frozen=True)
class Seen:
    """What became of a load; an entry an answer.

    Attributes:
        number: `(n,)`, which request.
        status: `(n,)`.
        took: `(n,)`, seconds from when it was due.
        ended: `(n,)`, seconds after the beginning.
        seconds: In which requests were sent.
        unanswered: Requests whose connection ended without an answer.
        cpu_seconds: Of the client.
    """

    number: NDArray[np.int64]
    status: NDArray[np.int64]
    took: NDArray[np.float64]
    ended: NDArray[np.float64]
    seconds: float
    unanswered: int
    cpu_seconds: float

    def rate(self) -> float:
        """Give the successful answers a second."""
        return float(np.sum((self.status == 200) & (self.ended <= self.seconds)) / self.seconds)

    def took_ms(self, percent: float, *, refused: bool = False) -> float:
        """Give a percentile of the time to a successful answer, or to a refusal; NaN for none."""
        chosen = self.took[(self.status == 200) != refused]
        return float(np.percentile(chosen, percent) * 1e3) if len(chosen) else float("nan")


class OwnProcess:
    """A process that sends loads, so that the client waits for no lock of this one."""

    def __init__(self) -> None:
        self._pool = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"))

    def __enter__(self) -> "OwnProcess":
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown()

    def send(self, load: Load) -> "Future[Seen]":
        """Begin to send a load."""
        return self._pool.submit(sent, load)


@dataclass
class _Line:
    """A connection, and the request that it waits for."""

    wire: socket.socket
    number: int = 0
    due: float = 0.0
    busy: bool = False
    got: bytes = b""


@dataclass
class _Client:
    load: Load
    begin: float = field(default_factory=time.perf_counter)
    answers: list[tuple[int, int, float, float]] = field(default_factory=list)
    idle: "queue.SimpleQueue[_Line | None]" = field(default_factory=queue.SimpleQueue)
    unanswered: int = 0
    sent: int = 0
    lines: int = 0

    def ask(self, line: _Line, due: float) -> None:
        """Send the next request."""
        line.number, line.due, line.busy, line.got = self.sent, due, True, b""
        self.sent += 1
        with suppress(OSError):  # what reads it finds it ended
            line.wire.sendall(self.load.requests[line.number % len(self.load.requests)])

    def read(self, line: _Line) -> bool:
        """Take what came; say whether the connection goes on."""
        try:
            piece = line.wire.recv(1 << 16)
        except OSError:
            piece = b""
        if not piece:
            return False
        line.got += piece
        status = _status_when_whole(line.got)
        if status is not None:
            now = time.perf_counter()
            number = line.number % len(self.load.requests)
            self.answers.append((number, status, now - line.due, now - self.begin))
            line.busy = False
            if self.load.rate is not None:
                self.idle.put(line)
            elif now < self.begin + self.load.seconds:
                self.ask(line, now)
        return True

    def drop(self, line: _Line) -> None:
        """Give a connection up that ended."""
        self.unanswered += line.busy
        line.wire.close()
        self.lines -= 1
        if not self.lines:
            self.idle.put(None)

    def fall_due(self) -> None:
        """Send the requests of an open loop as they fall due."""
        load = self.load
        assert load.rate is not None
        dice = np.random.default_rng(load.seed)
        gaps = dice.exponential(1.0 / load.rate, int(load.rate * load.seconds * 1.5) + 10)
        for after in np.cumsum(gaps):
            if after > load.seconds:
                return
            due = self.begin + float(after)
            time.sleep(max(0.0, due - time.perf_counter()))
            line = self.idle.get()
            if line is None:
                return
            self.ask(line, due)


def sent(load: Load) -> Seen:
    """Send a load and tell what became of it; call it in a process that does nothing else."""
    wires = [socket.create_connection(load.address) for _ in range(load.connections)]
    began_cpu = time.process_time()
    client = _Client(load, lines=len(wires))
    with selectors.DefaultSelector() as selector:
        for wire in wires:
            wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            line = _Line(wire)
            selector.register(wire, selectors.EVENT_READ, line)
            if load.rate is None:
                client.ask(line, time.perf_counter())
            else:
                client.idle.put(line)
        sender = threading.Thread(target=client.fall_due, daemon=True)
        if load.rate is not None:
            sender.start()
        _receive(client, selector, sender)
    for wire in wires:
        wire.close()
    return _seen(client, time.process_time() - began_cpu)


def _receive(client: _Client, selector: selectors.BaseSelector, sender: threading.Thread) -> None:
    """Read answers until all are there, every connection is gone, or it takes too long."""
    end = client.begin + client.load.seconds + DRAIN_SECONDS
    while client.lines and time.perf_counter() < end:
        late = time.perf_counter() > client.begin + client.load.seconds
        if (
            late
            and not sender.is_alive()
            and len(client.answers) + client.unanswered == client.sent
        ):
            return
        for key, _ in selector.select(0.05):
            if not client.read(key.data):
                selector.unregister(key.fileobj)
                client.drop(key.data)


def _seen(client: _Client, cpu_seconds: float) -> Seen:
    columns = np.array(client.answers, np.float64).reshape(-1, 4).T
    return Seen(
        columns[0].astype(np.int64),
        columns[1].astype(np.int64),
        columns[2],
        columns[3],
        client.load.seconds,
        client.sent - len(client.answers),
        cpu_seconds,
    )


def _status_when_whole(got: bytes) -> int | None:
    """Give the status of an answer once all of it is there."""
    head, end, body = got.partition(b"\r\n\r\n")
    if not end:
        return None
    name = b"content-length:"
    at = head.lower().find(name)
    length = int(head[at + len(name) :].split(b"\r\n", 1)[0])
    return int(head[9:12]) if len(body) >= length else None
