"""Health, metrics, request ids and the log."""

import io
import json
import logging
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from api import health
from api.app import create_app
from api.jobs import Jobs
from api.telemetry_log import JsonLines
from embedstore import Item
from embedstore.errors import BadQuery, Corrupt

ROOT = Path(__file__).parents[2]
SEARCH = "/v1/collections/words/search"


def value(client: TestClient, name: str, **labels: str) -> float:
    for line in client.get("/metrics").text.splitlines():
        found = re.fullmatch(rf"{name}(?:\{{(.*)\}})? (\S+)", line)
        if found and dict(re.findall(r'(\w+)="([^"]*)"', found[1] or "")) == labels:
            return float(found[2])
    return 0.0


def test_the_service_is_ready_while_its_encoders_give_what_they_gave(client, store, monkeypatch):
    assert client.get("/health/live").json() == {"status": "live"}
    monkeypatch.setattr(health, "TRUSTED_SECONDS", -1.0)
    assert client.get("/health/ready").status_code == 200
    encoder = store.collection("words").encoder
    encode = encoder.encode_texts
    for broken in (lambda texts: -encode(texts), lambda texts: encode(texts) * np.nan):
        monkeypatch.setattr(encoder, "encode_texts", broken)
        answer = client.get("/health/ready")
        told = {"status": "not ready", "encoders": {"toy": "not ready"}}
        assert (answer.status_code, answer.json()) == (503, told)
    monkeypatch.setattr(encoder, "encode_texts", encode)
    assert client.get("/health/ready").status_code == 200


@pytest.fixture
def missing(store, tmp_path):
    """A collection whose encoder is gone; the name that it has at the door."""
    toy = store.collection("words").info.space
    space = replace(toy, encoder=str(tmp_path / "gone"), weights="gone")
    store.catalog.create("broken", space, {"prompts": ["{}"]})
    return f"space-{space.fingerprint}"


def test_one_missing_encoder_is_named_and_other_collections_are_served(
    client, store, missing, tmp_path, caplog
):
    answer = client.get("/health/ready")
    told = {"status": "degraded", "encoders": {"toy": "ready", missing: "not ready"}}
    assert (answer.status_code, answer.json()) == (200, told)
    asked = {"text": "red"}
    assert client.post(SEARCH, json=asked).status_code == 200
    items = {"items": [{"key": "new", "texts": ["x"]}]}
    for path, body in (("search", asked), ("items", items), ("ask", {"question": "x"})):
        gone = client.post(f"/v1/collections/broken/{path}", json=body)
        assert (gone.status_code, gone.json()["title"]) == (503, "NoEncoder")
        assert f"the encoder {missing} of collection 'broken'" in gone.json()["detail"]
        assert str(tmp_path) not in gone.text
    assert str(tmp_path / "gone") in caplog.text


def test_a_closed_catalog_is_not_ready(store, monkeypatch):
    def gone() -> None:
        raise health.EmbedStoreError("/secret/path")

    monkeypatch.setattr(store, "collections", gone)
    with TestClient(create_app(store)) as client:
        answer = client.get("/health/ready")
    assert answer.status_code == 503
    assert "secret" not in answer.text


def test_health_needs_no_key_and_metrics_do(store):
    with TestClient(create_app(store, api_key="secret")) as client:
        assert client.get("/health/live").status_code == 200
        assert client.get("/health/ready").status_code == 200
        assert client.get("/metrics").status_code == 401


def test_metrics_tell_of_requests_stages_and_collections(client):
    route = {"method": "POST", "route": "/v1/collections/{name}/search", "status": "200"}
    before = value(client, "embedstore_request_seconds_count", **route)
    stages = {
        each: value(client, "embedstore_stage_seconds_count", stage=each)
        for each in ("encode", "index", "items")
    }
    client.post(SEARCH, json={"text": "red"})
    assert value(client, "embedstore_request_seconds_count", **route) == before + 1
    for name, count in stages.items():
        assert value(client, "embedstore_stage_seconds_count", stage=name) == count + 1
    assert value(client, "embedstore_items", collection="words") == 2
    assert value(client, "embedstore_quarantined", collection="words") == 0
    text = {"collection": "words", "modality": "text"}
    assert value(client, "embedstore_index_rows", **text) == 2
    assert value(client, "embedstore_index_promised_recall", **text) == 1
    assert value(client, "embedstore_requests_in_flight") == 1  # this one


def test_a_promise_and_its_last_check_are_told(client, store, monkeypatch):
    collection = store.collection("words")
    told = dict(collection.describe())
    image = dict(told["index"]["image"])
    image |= {
        "promise": {"recall": 0.95, "bound": 0.961},
        "checked": {"mean": 0.97, "searches": 12},
    }
    text = told["index"]["text"] | {"promise": "uncalibrated"}
    monkeypatch.setattr(
        collection, "describe", lambda: told | {"index": {"image": image, "text": text}}
    )
    where = {"collection": "words", "modality": "image"}
    assert value(client, "embedstore_index_promised_recall", **where) == 0.95
    assert value(client, "embedstore_index_recall_bound", **where) == 0.961
    assert value(client, "embedstore_index_checked_recall", **where) == 0.97
    assert value(client, "embedstore_index_checked_searches", **where) == 12
    assert 'promised_recall{collection="words",modality="text"}' not in client.get("/metrics").text


def test_what_waits_for_an_encoder_is_told_and_what_is_refused_is_counted(
    client, store, monkeypatch
):
    client.post(SEARCH, json={"text": "red"})
    queue = client.app.state.encoders.of("toy")
    assert value(client, "embedstore_encoding_queue", encoder="toy") == 0
    go, encoding, most = threading.Event(), threading.Event(), queue._most_waiting

    def stuck(_: object) -> None:
        encoding.set()
        go.wait(60)
        raise ZeroDivisionError

    monkeypatch.setattr(queue._real, "encode_texts", stuck)
    before = value(client, "embedstore_requests_refused_total", reason="Overloaded")
    with ThreadPoolExecutor(most + 1) as threads:
        begun = [threads.submit(queue.encode_texts, ["x"])]
        assert encoding.wait(60)
        begun += [threads.submit(queue.encode_texts, ["x"]) for _ in range(most)]
        while queue.waiting < most:
            time.sleep(0.001)
        assert value(client, "embedstore_encoding_queue", encoder="toy") == most
        refused = client.post(SEARCH, json={"text": "red"})
        assert (refused.status_code, refused.json()["title"]) == (503, "Overloaded")
        go.set()
        for each in begun:
            with pytest.raises(ZeroDivisionError):
                each.result()
    after = value(client, "embedstore_requests_refused_total", reason="Overloaded")
    assert after == before + 1


def test_looks_into_caches_are_counted(client, store):
    def looks(cache: str) -> list[float]:
        name = "embedstore_cache_lookups_total"
        return [value(client, name, cache=cache, result=each) for each in ("hit", "miss")]

    stream = io.BytesIO()
    Image.new("RGB", (32, 24), "red").save(stream, "PNG")
    store.collection("words").add([Item("picture", stream.getvalue())])
    before = {each: looks(each) for each in ("filter", "thumbnail")}
    for _ in range(3):
        client.post(SEARCH, json={"text": "red", "where": "year == 2020"})
        client.get("/v1/collections/words/thumbnails/picture")
    for cache, (hits, misses) in before.items():
        assert looks(cache) == [hits + 2, misses + 1], cache


def test_refusals_are_counted_by_reason(store):
    with TestClient(create_app(store, api_key="secret")) as client:
        client.headers["Authorization"] = "Bearer secret"
        before = value(client, "embedstore_requests_refused_total", reason="Unauthorized")
        client.get("/v1/collections", headers={"Authorization": "Bearer wrong"})
        after = value(client, "embedstore_requests_refused_total", reason="Unauthorized")
    assert after == before + 1


@pytest.mark.parametrize("path", ["/v1/collections", "/v1/nothing"])
def test_a_request_keeps_its_id_or_is_given_one(client, path):
    given = client.get(path, headers={"X-Request-Id": "mine-1"})
    assert given.headers["x-request-id"] == "mine-1"
    for wrong in ("a b", "x" * 65, "<script>"):
        made = client.get(path, headers={"X-Request-Id": wrong}).headers["x-request-id"]
        assert re.fullmatch("[0-9a-f]{32}", made)


def test_an_unexpected_error_has_an_id_and_all_headers(client, store, monkeypatch):
    def broken(*_: object) -> None:
        raise RuntimeError("/secret/path")

    monkeypatch.setattr(store.collection("words"), "search", broken)
    answer = client.post(SEARCH, json={"text": "x"}, headers={"X-Request-Id": "mine"})
    assert (answer.status_code, answer.headers["x-request-id"]) == (500, "mine")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "secret" not in answer.text


def test_the_log_of_errors_names_routes_and_no_keys(client, store, monkeypatch, caplog):
    for error in (RuntimeError("broken"), Corrupt("damaged")):
        monkeypatch.setattr(store.collection("words"), "get", Mock(side_effect=error))
        assert client.get("/v1/collections/words/items/private-key").status_code == 500
    assert caplog.text.count("GET /v1/collections/{name}/items/{key:path}") == 2
    assert "private" not in caplog.text


def test_the_log_has_what_clients_are_not_told_and_not_their_own_slips(store, caplog):
    jobs = Jobs()
    for error in (Corrupt("/secret/file is damaged"), BadQuery("private words"), KeyError("odd")):
        job = jobs.start("made", "words", Mock(side_effect=error))
        jobs._works[job.id].result(10)
        assert "secret" not in str(jobs.get(job.id).error)
    jobs.close(10)
    assert "/secret/file is damaged" in caplog.text
    assert "KeyError: 'odd'" in caplog.text
    assert "private" not in caplog.text
    told = " ".join((ROOT / "docs" / "how-to" / "serve.md").read_text("utf-8").split())
    assert "A line for an error is for whoever runs the server: it may name files" in told


def test_a_line_for_each_request_tells_nothing_of_what_was_asked(client):
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    log = logging.getLogger("embedstore.requests")
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        client.get("/v1/collections/words/items/private-key?where=private-filter")
        client.post(SEARCH, json={"text": "private words"}, headers={"X-Request-Id": "mine"})
        client.request("PRIVATE", "/private/path")
    finally:
        log.removeHandler(handler)
        log.setLevel(logging.NOTSET)
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line["status"] for line in lines] == [404, 200, 404]
    assert lines[1]["route"] == "/v1/collections/{name}/search"
    assert lines[1]["request"] == "mine"
    assert lines[2]["method"] == "other"
    assert "private" not in stream.getvalue().lower()
