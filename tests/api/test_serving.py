"""A real server in a process of its own: what it refuses to be, and how it stops."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from click.testing import CliRunner

import embedstore
from api.cli import main
from api.host_names import hosts
from api.keys import KeyRing
from api.settings import LOOPBACK


@pytest.fixture
def serve(store):
    """Starts servers of the store; gives each process and its address."""
    started = []

    def start(*words: str, program=("-m", "api.cli")) -> tuple[subprocess.Popen, str]:
        asked = ["serve", "--store", str(store.folder), "--port", "0", "--json", *words]
        process = subprocess.Popen(
            [sys.executable, *program, *asked],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )
        started.append(process)
        told = json.loads(process.stdout.readline())
        return process, told["page"].rstrip("/")

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()
        process.stderr.close()


def test_sigterm_finishes_what_was_accepted_and_loses_nothing(serve, store):
    process, address = serve("--log", "json")
    assert httpx.get(f"{address}/health/ready", timeout=60).status_code == 200
    accepted, refused, going = [], [], threading.Event()

    def add(worker: int) -> None:
        for number in range(100_000):
            key = f"{worker}-{number}"
            body = {"items": [{"key": key, "texts": [f"word {key}"]}]}
            try:
                answer = httpx.post(f"{address}/v1/collections/words/items", json=body, timeout=30)
            except httpx.TransportError:  # a connection made at that moment ends without an answer
                refused.append(key)
                return
            if answer.status_code != 200:
                assert answer.status_code == 503
                return
            accepted.append(key)
            going.set()

    with ThreadPoolExecutor(4) as threads:
        workers = [threads.submit(add, worker) for worker in range(4)]
        assert going.wait(60)
        process.send_signal(signal.SIGTERM)
        for each in workers:
            each.result()
    assert process.wait(60) == 0
    assert refused
    with embedstore.open(store.folder, must_exist=True) as after:
        words = after.collection("words")
        for key in accepted:
            assert words.get(key).texts == (f"word {key}",)
    lines = [json.loads(line) for line in process.stderr.read().splitlines()]
    assert {line["route"] for line in lines if "route" in line} == {
        "/health/ready",
        "/v1/collections/{name}/items",
    }
    with pytest.raises(httpx.ConnectError):
        httpx.get(address)


def test_sigterm_waits_for_a_job_no_longer_than_it_may(serve):
    endless = (
        "import time, api.cli, api.job_routes; "
        "api.job_routes.clusters = lambda *_, **__: time.sleep(300); api.cli.main()"
    )
    process, address = serve("--stop-seconds", "2", program=("-c", endless))
    started = httpx.post(f"{address}/v1/collections/words/clusters", json={}, timeout=60)
    where = f"{address}{started.headers['location']}"
    waiting = httpx.post(f"{address}/v1/collections/words/rebuild", timeout=60)
    for _ in range(1000):
        if httpx.get(where).json()["state"] == "running":
            break
    followed = f"{address}{waiting.headers['location']}/events"
    with httpx.stream("GET", followed, timeout=60) as events:
        told = events.iter_lines()
        assert next(told) == "event: waiting"
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert "event: cancelled" in told
    assert process.wait(60) == 0
    assert time.monotonic() - began < 20
    assert "clusters" in process.stderr.read()


def test_a_body_is_refused_while_it_comes_and_not_waited_for(serve):
    _, address = serve("--max-body-mib", "1", "--max-seconds", "3")
    host, port = address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=60) as line:
        line.sendall(
            b"POST /v1/collections/words/search HTTP/1.1\r\nHost: localhost\r\n"
            b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        for _ in range(17):  # one chunk more than 1 MiB; more never comes
            line.sendall(b"10000\r\n" + b" " * 0x10000 + b"\r\n")
        answer = http.client.HTTPResponse(line)
        answer.begin()
        assert answer.status == 413
    with socket.create_connection((host, int(port)), timeout=60) as line:
        line.sendall(
            b"POST /v1/collections/words/search HTTP/1.1\r\nHost: localhost\r\n"
            b"Content-Type: application/json\r\nContent-Length: 10\r\n\r\n{"
        )
        began = time.monotonic()
        answer = http.client.HTTPResponse(line)
        answer.begin()
        assert answer.status == 408
        assert time.monotonic() - began < 20


def test_a_public_address_takes_a_key_that_was_made(serve, store):
    token = KeyRing(store.folder).create("phone", "read")
    _, address = serve("--host", "127.0.0.2")  # not one of the names of loopback
    assert httpx.get(f"{address}/v1/collections", timeout=60).status_code == 401
    headers = {"Authorization": f"Bearer {token}"}
    assert httpx.get(f"{address}/v1/collections", headers=headers, timeout=60).status_code == 200


def refused(store, *words: str, **environment: str) -> str:
    asked = ["serve", "--store", str(store.folder), *words]
    done = CliRunner().invoke(main, asked, env=environment)
    assert done.exit_code == 2, done.output
    return " ".join(done.output.split())


def test_a_name_behind_a_proxy_is_answered_to_and_others_are_not(serve, store):
    key = KeyRing(store.folder).create("proxy", "read")
    _, address = serve("--allowed-host", "Photos.Example")
    for host, status in (("photos.example", 200), ("localhost", 200), ("evil.example", 421)):
        headers = {"Host": host, "Authorization": f"Bearer {key}", "Origin": f"https://{host}"}
        assert httpx.get(f"{address}/v1/collections", headers=headers).status_code == status, host


def test_a_name_that_others_can_use_needs_a_key(store):
    told = refused(store, EMBEDSTORE_ALLOWED_HOST="localhost photos.example")
    assert "--allowed-host photos.example can be reached from other machines" in told
    told = refused(store, "--host", "0.0.0.0", "--allowed-host", "photos.example")
    assert "--host 0.0.0.0 can be reached" in told


@pytest.mark.parametrize("name", ["https://photos.example", "photos.example:443", "*", "a/b", ""])
def test_what_is_no_host_name_is_refused(store, name):
    assert "expected one without scheme" in refused(store, "--allowed-host", name)


@pytest.mark.parametrize(
    ("host", "names", "answers"),
    [
        ("127.0.0.1", (), LOOPBACK),
        ("127.0.0.1", ("photos.example",), LOOPBACK | {"photos.example"}),
        ("0.0.0.0", ("photos.example",), LOOPBACK | {"photos.example"}),
        ("192.168.1.5", ("photos.example",), LOOPBACK | {"photos.example", "192.168.1.5"}),
        ("0.0.0.0", (), None),
    ],
)
def test_names_add_to_loopback_and_restrict_a_public_address(host, names, answers):
    assert hosts({"host": host, "allowed_host": names}) == answers
