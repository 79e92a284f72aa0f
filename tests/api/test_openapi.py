"""The OpenAPI document: what clients are generated from changes only on purpose.

Renew the golden file with `python tests/api/test_openapi.py`, and read what changed.
"""

import json
import tempfile
from pathlib import Path

import pytest

import embedstore
from api.app import create_app

GOLDEN = Path(__file__).parents[1] / "golden" / "openapi.json"
RENEW = (
    f"the document changed; if it was meant to, run `python {Path(__file__).name}` in its folder"
)


def described() -> dict:
    with tempfile.TemporaryDirectory() as folder, embedstore.open(folder) as store:
        return create_app(store).openapi()


@pytest.fixture(scope="module")
def document() -> dict:
    return described()


def operations(document: dict):
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method} {path}", operation


def test_the_document_is_the_golden_one(document):
    assert document == json.loads(GOLDEN.read_text()), RENEW


def test_every_error_is_typed_with_an_example(document):
    checked = 0
    for name, operation in operations(document):
        if "/v1/" not in name:
            continue
        for status, response in operation["responses"].items():
            if status < "400":
                continue
            told = response["content"]["application/problem+json"]
            assert told["schema"] == {"$ref": "#/components/schemas/Problem"}, (name, status)
            assert told["example"]["status"] == int(status), (name, status)
            checked += 1
    assert checked > 200


def test_every_operation_says_what_it_does_under_a_name_of_its_own(document):
    names = [operation["operationId"] for _, operation in operations(document)]
    assert len(names) == len(set(names))
    for name, operation in operations(document):
        assert operation.get("description"), name
        if "/v1/" in name:
            assert {"401", "422", "500", "503"} <= operation["responses"].keys(), name


def test_every_reference_leads_somewhere(document):
    text = json.dumps(document)
    for part in text.split('"#/components/schemas/')[1:]:
        assert part.split('"')[0] in document["components"]["schemas"]


def test_the_document_is_served(client, document):
    assert client.get("/openapi.json").json() == document


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps(described(), indent=1, sort_keys=True) + "\n")
