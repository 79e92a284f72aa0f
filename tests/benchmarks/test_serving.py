"""The benchmark of the service: its client against servers that are known, and each subcommand."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from benchmarks.serving.commands import NAMES, command
from benchmarks.serving.load import Load, Seen, sent

REQUEST = b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi"
GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
REFUSED = b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n"


@pytest.fixture
def answering() -> Iterator[Callable[[Callable[[int], bytes | None]], tuple[str, int]]]:
    """Serves what a function says of the number of a request; None ends the connection."""
    open_to = socket.create_server(("127.0.0.1", 0))
    threads, count, lock = [], [0], threading.Lock()

    def converse(wire: socket.socket, say: Callable[[int], bytes | None]) -> None:
        with wire:
            while wire.recv(1 << 16):
                with lock:
                    number, count[0] = count[0], count[0] + 1
                answer = say(number)
                if answer is None:
                    return
                for half in (answer[:20], answer[20:]):
                    wire.sendall(half)

    def listen(say: Callable[[int], bytes | None]) -> None:
        while True:
            try:
                wire, _ = open_to.accept()
            except OSError:
                return
            threads.append(threading.Thread(target=converse, args=(wire, say)))
            threads[-1].start()

    def start(say: Callable[[int], bytes | None]) -> tuple[str, int]:
        threads.append(threading.Thread(target=listen, args=(say,)))
        threads[-1].start()
        return open_to.getsockname()

    yield start
    open_to.shutdown(socket.SHUT_RDWR)
    open_to.close()
    for each in threads:
        each.join(10)


def test_a_closed_loop_asks_again_when_it_has_the_answer(answering):
    def slow(_: int) -> bytes:
        time.sleep(0.02)
        return GOOD

    seen = sent(Load(answering(slow), [REQUEST, REQUEST], 2, 0.5))
    assert 2 < len(seen.status) <= 52
    assert set(seen.status) == {200}
    assert set(seen.number) == {0, 1}
    assert seen.took_ms(50) >= seen.took_ms(0) >= 20
    assert seen.unanswered == 0


def test_an_open_loop_asks_on_time_and_counts_the_wait(answering):
    def stuck_once(number: int) -> bytes:
        time.sleep(0.4 if number == 0 else 0)
        return REFUSED if number % 2 else GOOD

    seen = sent(Load(answering(stuck_once), [REQUEST], 1, 1.0, rate=100, seed=1))
    assert 60 < len(seen.status) < 140
    assert seen.took.max() > 0.3  # what fell due behind the first waited for it
    assert np.sum(seen.took > 0.1) > 10
    assert seen.took_ms(50, refused=True) >= 0
    assert abs(np.sum(seen.status == 200) - np.sum(seen.status == 503)) <= 1


def test_what_is_not_answered_is_counted_and_does_not_hang(answering):
    address = answering(lambda number: GOOD if number < 4 else None)
    began = time.monotonic()
    seen = sent(Load(address, [REQUEST], 2, 30.0))
    assert time.monotonic() - began < 20
    assert len(seen.status) == 4
    assert seen.unanswered == 2


def test_the_rate_is_of_successes_in_time():
    seen = Seen(
        np.array([0, 1, 2, 3]),
        np.array([200, 200, 503, 200]),
        np.array([0.01, 0.02, 0.5, 0.03]),
        np.array([0.1, 0.2, 0.6, 2.5]),
        2.0,
        0,
        0.0,
    )
    assert seen.rate() == 1.0
    assert seen.took_ms(100) == pytest.approx(30)
    assert seen.took_ms(50, refused=True) == pytest.approx(500)


def run(out: Path, name: str, *asked: object) -> list[dict]:
    words = [name, "--encoder", "toy", "--items", "300", "--seconds", "0.5", "--rounds", "1"]
    words += [*map(str, asked), "--out", str(out)]
    done = CliRunner().invoke(command, words, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    found = json.loads((out / "results" / f"serving-{name}.json").read_text())
    assert found["command"].startswith(f"python -m benchmarks serving {name} --items 300")
    assert f"## {found['title']}" in (out / "RESULTS.md").read_text()
    return list(found["table"])


def test_every_subcommand_is_there():
    for name in NAMES:
        assert "Example: python -m benchmarks serving" in command.get_command(None, name).help


def test_every_operation_is_asked(tmp_path):
    pytest.importorskip("schemathesis")
    words = ["operations", "--examples", "1", "--out", str(tmp_path)]
    done = CliRunner().invoke(command, words, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    (row,) = json.loads((tmp_path / "results" / "serving-operations.json").read_text())["table"]
    assert row["operations"] >= 36
    assert (row["server errors"], row["answers not documented"]) == (0, 0)


def test_vectors_over_http_beside_a_process(tmp_path):
    one, many, numbers, steady = run(tmp_path, "vectors")
    for row in (one, many):
        assert row["ratio"] == pytest.approx(row["over HTTP/s"] / row["in process/s"])
        assert row["server CPU ms"] > 0 < row["client CPU ms"]
    assert numbers["connections"] == "16, numbers"
    assert steady["p99/p50"] >= 1


def test_words_over_http_beside_the_encoder(tmp_path):
    alone, one, *others = run(tmp_path, "words")
    assert one["over encoder ms"] == pytest.approx(one["p50 ms"] - alone["p50 ms"])
    assert one["times one client"] == 1
    assert [row["clients"] for row in others] == [4, 16, 32]


def test_overload_is_refused_and_the_end_loses_nothing(tmp_path):
    turn, ended = run(tmp_path, "overload", "--seconds", 3)
    assert turn["asked/s"] > turn["peak/s"] > 0
    assert turn["share of peak"] == pytest.approx(turn["goodput/s"] / turn["peak/s"])
    assert " 0 lost" in ended["what"]
