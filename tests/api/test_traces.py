"""Traces: of requests and their stages where they are switched on, of nothing that was asked."""

import http.server
import sys
import threading

import pytest
from click.testing import CliRunner
from fastapi.testclient import TestClient
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from api import telemetry_traces
from api.app import create_app
from api.cli import EXIT_CODES, main

SEARCH = "/v1/collections/words/search"
FOREIGN = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}


@pytest.fixture
def exported():
    return InMemorySpanExporter()


@pytest.fixture
def traced(store, exported):
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exported))
    app = create_app(store, traces=provider)
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client
    provider.shutdown()


def test_a_request_is_a_span_with_its_stages_inside(traced, exported):
    told = traced.post(SEARCH, json={"text": "private words"}, headers={"X-Request-Id": "mine"})
    assert told.status_code == 200
    *stages, request = exported.get_finished_spans()
    assert request.name == "POST /v1/collections/{name}/search"
    assert dict(request.attributes) == {
        "http.request.method": "POST",
        "http.route": "/v1/collections/{name}/search",
        "http.response.status_code": 200,
        "embedstore.request_id": "mine",
    }
    assert {stage.name for stage in stages} == {"encode", "index", "items"}
    for stage in stages:
        assert stage.parent.span_id == request.context.span_id
        assert stage.context.trace_id == request.context.trace_id
        assert request.start_time - 1e6 <= stage.start_time <= stage.end_time <= request.end_time


def test_a_trace_that_the_client_began_goes_on(traced, exported):
    traced.get("/v1/collections", headers=FOREIGN)
    (request,) = exported.get_finished_spans()
    assert f"{request.context.trace_id:032x}" == FOREIGN["traceparent"].split("-")[1]
    traced.get("/v1/collections", headers={"traceparent": "rubbish"})
    assert exported.get_finished_spans()[1].parent is None


def test_a_trace_tells_nothing_of_what_was_asked(traced, exported, store, monkeypatch):
    def broken(*_: object) -> None:
        raise RuntimeError("/private/path")

    monkeypatch.setattr(store.collection("words"), "get", broken)
    assert traced.get("/v1/collections/words/items/private?where=private").status_code == 500
    traced.request("PRIVATE", "/private")
    spans = exported.get_finished_spans()
    assert [span.name for span in spans] == [
        "GET /v1/collections/{name}/items/{key:path}",
        "other none",
    ]
    assert not spans[0].status.is_ok
    assert "private" not in "".join(span.to_json() for span in spans)


def test_nothing_is_traced_unless_it_is_switched_on(client, traced, exported):
    assert client.post(SEARCH, json={"text": "red"}).status_code == 200
    assert exported.get_finished_spans() == ()


def test_without_the_extra_the_error_says_what_to_install(store, monkeypatch):
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    asked = ["serve", "--store", str(store.folder), "--port", "0", "--traces", "http://localhost:1"]
    done = CliRunner().invoke(main, asked)
    assert done.exit_code == EXIT_CODES["Unavailable"], done.output
    assert "pip install 'embedstore[otel]'" in done.output


def test_a_collector_gets_them(store):
    got = []

    class Collector(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Stay silent."""

    with http.server.HTTPServer(("127.0.0.1", 0), Collector) as collector:
        threading.Thread(target=collector.serve_forever).start()
        provider = telemetry_traces.provider(f"http://127.0.0.1:{collector.server_port}")
        with TestClient(create_app(store, traces=provider)) as client:
            client.get("/v1/collections")
        provider.shutdown()
        collector.shutdown()
    ((path, body),) = got
    assert path == "/v1/traces"
    assert b"/v1/collections" in body
