"""Every operation of the OpenAPI document under made requests: no server error, nothing undocumented.

`EMBEDSTORE_EXAMPLES=200 pytest tests/api/test_every_operation.py` tries more of them.
"""

import json
import os
import time
from pathlib import Path

import hypothesis
import pytest
import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

import embedstore
from api.app import create_app
from api.jobs import Jobs
from embedstore import Item, Store

EXAMPLES = int(os.environ.get("EMBEDSTORE_EXAMPLES", "8"))
DOCUMENT = json.loads((Path(__file__).parents[1] / "golden" / "openapi.json").read_text())
OPERATIONS = [
    (path, method) for path, methods in DOCUMENT["paths"].items() for method in sorted(methods)
]
CHECKS = [
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
THERE = {"name": "words", "key": "one", "model": "toy"}
BUSY = {"Overloaded", "TimedOut"}  # a promise of the service, and not its failure


@pytest.fixture(scope="module")
def schema(tmp_path_factory):
    folder = tmp_path_factory.mktemp("served") / "store"
    with embedstore.open(folder) as store, TestClient(create_app(store)) as client:
        made = schemathesis.openapi.from_asgi("/openapi.json", living(client.app))
        made.renew = lambda: renew(store, client.app.state.jobs)
        yield made


def living(app):
    """The application for clients that begin and end it with every request."""

    async def answered(scope, receive, send) -> None:
        if scope["type"] != "lifespan":
            await app(scope, receive, send)
            return
        for moment in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{moment}.complete"})

    return answered


def renew(store: Store, jobs: Jobs) -> None:
    """Have again what requests may have changed."""
    while not all(job.ended for job in jobs.all()):
        time.sleep(0.01)
    if "words" in [info.name for info in store.collections()]:
        store.drop("words")
    store.create("words", "toy").add(
        [
            Item("one", texts=("a red door",), meta={"year": 2020}),
            Item("two", texts=("a blue door",), meta={"year": 2021}),
        ]
    )


def requests_for(operation) -> st.SearchStrategy:
    """Requests that fit the document and such that do not, for what is there and what is not."""
    there = {
        each.name: THERE[each.name] for each in operation.path_parameters if each.name in THERE
    }
    ways = [{}, {"path_parameters": there}] if there else [{}]
    modes = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
    return st.one_of(
        *(operation.as_strategy(mode, **way) for way in reversed(ways) for mode in modes)
    )


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_every_answer_is_documented_and_none_is_a_server_error(schema, path, method):
    operation = schema[path][method]
    schema.renew()

    @hypothesis.settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @hypothesis.given(requests_for(operation))
    def answered(case) -> None:
        answer = case.call(timeout=120)
        if answer.status_code >= 500:
            assert answer.json()["title"] in BUSY, (case.as_curl_command(), answer.text)
        case.validate_response(answer, checks=CHECKS)

    answered()
