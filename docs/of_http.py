"""The reference of the HTTP API, from the application's OpenAPI document."""

import json
import tempfile
from collections.abc import Iterator, Mapping
from typing import Any

import embedstore
from api.app import create_app

_INTRODUCTION = """\
# HTTP API

Written by `python -m docs.generate`; change the code and not this file. The same is served as
`/openapi.json`, with the fields of every body.
"""
_METHODS = ("get", "post", "put", "patch", "delete")

Json = Mapping[str, Any]


def http_reference() -> str:
    """Give the document."""
    with tempfile.TemporaryDirectory() as folder, embedstore.open(folder) as store:
        told = create_app(store).openapi()
    parts = [_INTRODUCTION]
    for path, operations in sorted(told["paths"].items()):
        for method in _METHODS:
            if method in operations:
                parts += _operation(path, method, operations[method])
    return "\n".join(parts)


def _operation(path: str, method: str, told: Json) -> Iterator[str]:
    yield f"## `{method.upper()} {path}`\n"
    words = told.get("description") or told.get("summary", "")
    yield f"{words.strip()}\n"
    yield from _parameters(told.get("parameters", ()))
    for kind, body in told.get("requestBody", {}).get("content", {}).items():
        schema = body.get("schema", {})
        yield f"Body: `{kind}`, {_type(schema)}.\n"
        example = next(iter(schema.get("examples", ())), body.get("example"))
        if example is not None:
            yield f"    {json.dumps(example, ensure_ascii=False)}\n"
    answers = [
        f"| {status} | {_cell(answer.get('description', ''))} |"
        for status, answer in sorted(told["responses"].items())
    ]
    yield "\n".join(["| answer | |\n|---|---|", *answers, ""])


def _parameters(told: Any) -> Iterator[str]:
    rows = [
        f"| `{each['name']}` | {each['in']}, {_type(each.get('schema', {}))}"
        f"{', needed' if each.get('required') else ''} | {_cell(each.get('description', ''))} |"
        for each in told
    ]
    if rows:
        yield "\n".join(["| parameter | | |\n|---|---|---|", *rows, ""])


def _type(schema: Json) -> str:
    if "$ref" in schema:
        return f"`{schema['$ref'].rpartition('/')[2]}`"
    if "anyOf" in schema:
        return " or ".join(_type(each) for each in schema["anyOf"])
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    return str(schema.get("type", "any"))


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
