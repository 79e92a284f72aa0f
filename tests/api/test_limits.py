"""Limits of size, time, number and rate; headers and origins."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from anyio import to_thread
from fastapi.testclient import TestClient

from api.app import create_app
from api.keys import KeyRing
from api.limits import Limits, Rate

SEARCH = "/v1/collections/words/search"


def test_a_bucket_gives_a_burst_and_then_the_rate():
    now = 0.0
    rate = Rate(2.0, clock=lambda: now)
    assert [rate.take("a") for _ in range(5)] == [0, 0, 0, 0, 1]
    assert rate.take("b") == 0
    now = 0.5
    assert [rate.take("a") for _ in range(2)] == [0, 1]
    now = 1000.0
    assert [rate.take("a") for _ in range(5)] == [0, 0, 0, 0, 1]
    assert Rate(0.0).take("a") == 0
    slow = Rate(0.1, clock=lambda: now)
    assert [slow.take("a") for _ in range(2)] == [0, 10]


def test_a_key_in_a_hurry_is_told_when_to_come_back(store):
    token = KeyRing(store.folder).create("phone", "read")
    headers = {"Authorization": f"Bearer {token}"}
    with TestClient(create_app(store, limits=Limits(rate=0.5))) as client:
        assert client.get("/v1/collections", headers=headers).status_code == 200
        answer = client.get("/v1/collections", headers=headers)
    assert answer.status_code == 429
    assert answer.json()["title"] == "RateLimited"
    assert 1 <= int(answer.headers["retry-after"]) <= 2


def test_a_large_body_is_refused_before_it_is_read_whole(store):
    def endless():
        for _ in range(1000):
            yield b" " * 2**16

    with TestClient(create_app(store, limits=Limits(body_bytes=2**18))) as client:
        told = {"Content-Length": str(2**18 + 1)}
        assert client.post(SEARCH, headers=told, content=b"{}").status_code == 413
        answer = client.post(SEARCH, content=endless())
    assert answer.status_code == 413
    assert "262144 bytes" in answer.json()["detail"]


@pytest.fixture
def slow(store, monkeypatch):
    """Searches wait until they are let go; how many run."""
    go, running = threading.Event(), threading.Semaphore(0)
    collection = store.collection("words")
    search = collection.search

    def waits(*asked):
        running.release()
        go.wait(10)
        return search(*asked)

    monkeypatch.setattr(collection, "search", waits)
    yield go, running
    go.set()


def test_an_answer_that_does_not_begin_in_time_is_refused(store, slow):
    go, _ = slow
    with TestClient(create_app(store, limits=Limits(seconds=1.0))) as client:
        began = time.monotonic()
        answer = client.post(SEARCH, json={"text": "x"})
        assert answer.status_code == 503
        assert answer.json()["title"] == "TimedOut"
        assert time.monotonic() - began < 8
        go.set()
        assert client.post(SEARCH, json={"text": "x"}).status_code == 200


def test_more_requests_than_may_wait_are_refused_at_once(store, slow):
    go, running = slow
    with (
        TestClient(create_app(store, limits=Limits(waiting=2))) as client,
        ThreadPoolExecutor(2) as threads,
    ):
        waiting = [threads.submit(client.post, SEARCH, json={"text": "x"}) for _ in range(2)]
        for _ in waiting:
            assert running.acquire(timeout=10)
        refused = client.post(SEARCH, json={"text": "x"})
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
        go.set()
        assert [each.result().status_code for each in waiting] == [200, 200]
        assert client.post(SEARCH, json={"text": "x"}).status_code == 200


def test_stuck_searches_keep_no_one_else_from_an_answer(store, slow):
    go, running = slow
    stuck = 60  # more than the threads that a service has by itself
    with TestClient(create_app(store)) as client, ThreadPoolExecutor(stuck + 1) as threads:
        searches = [threads.submit(client.post, SEARCH, json={"text": "x"}) for _ in range(stuck)]
        for _ in searches:
            assert running.acquire(timeout=5)
        for path in ("/health/live", "/health/ready", "/metrics", "/v1/collections"):
            assert threads.submit(client.get, path).result(5).status_code == 200, path
        assert not any(each.done() for each in searches)
        go.set()
        assert {each.result().status_code for each in searches} == {200}


def test_whoever_is_let_in_may_wait_for_the_encoder(store, monkeypatch):
    go, encoder = threading.Event(), store.collection("words").encoder
    encode = encoder.encode_texts
    monkeypatch.setattr(encoder, "encode_texts", lambda texts: go.wait(20) and encode(texts))
    with TestClient(create_app(store)) as client, ThreadPoolExecutor(120) as threads:
        asked = [threads.submit(client.post, SEARCH, json={"text": f"{n}"}) for n in range(120)]
        while client.app.state.encoders.waiting().get("toy", 0) < 100:
            assert not any(each.done() for each in asked)
            time.sleep(0.01)
        go.set()
        assert {each.result().status_code for each in asked} == {200}


def test_probes_have_threads_that_no_request_takes(store, slow):
    go, running = slow
    with TestClient(create_app(store)) as client, ThreadPoolExecutor(4) as threads:
        limiter = client.portal.call(to_thread.current_default_thread_limiter)
        client.portal.call(setattr, limiter, "total_tokens", 1)
        search = threads.submit(client.post, SEARCH, json={"text": "x"})
        assert running.acquire(timeout=5)
        for path in ("/health/live", "/health/ready", "/metrics"):
            assert threads.submit(client.get, path).result(5).status_code == 200, path
        assert not search.done()
        go.set()


def test_every_answer_has_the_headers_that_bound_a_browser(client):
    for path in ("/", "/v1/collections", "/v1/nothing"):
        headers = client.get(path).headers
        assert "default-src 'self'" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cross-origin-resource-policy"] == "same-origin"


def test_other_origins_are_let_in_only_where_they_are_named(store):
    asked = {
        "Origin": "https://photos.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization",
    }
    with TestClient(create_app(store)) as client:
        assert "access-control-allow-origin" not in client.options(SEARCH, headers=asked).headers
    allowed = create_app(store, origins=["https://photos.example"], hosts={"testserver"})
    with TestClient(allowed) as client:
        answer = client.options(SEARCH, headers=asked)
        assert answer.headers["access-control-allow-origin"] == "https://photos.example"
        found = client.post(SEARCH, json={"text": "x"}, headers={"Origin": asked["Origin"]})
        assert found.status_code == 200
        assert "cross-origin-resource-policy" not in found.headers
        other = client.options(SEARCH, headers=asked | {"Origin": "https://evil.example"})
        assert "access-control-allow-origin" not in other.headers
