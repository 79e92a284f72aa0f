"""The reference of the HTTP API, from the application's OpenAPI document."""

import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import embedstore
from api.app import create_app
from api.documented import EVERYWHERE
from docs.examples import EXAMPLES

_INTRODUCTION = """\
# HTTP API

Written by `python -m docs.generate`; change the code and not this file. The same is served as
`/openapi.json`, with the fields of every answer. Every answer from 400 on is a problem
(RFC 9457) with `title`, `detail`, `request_id`, and `errors` that name wrong fields. Every route
under `/v1` may answer so:
"""
_BOUNDS = {"maximum", "maxItems"}
_METHODS = ("get", "post", "put", "patch", "delete")

Json = Mapping[str, Any]


def http_reference() -> str:
    """Give the document."""
    with tempfile.TemporaryDirectory() as folder, embedstore.open(folder) as store:
        told = create_app(store).openapi()
    schemas = told["components"]["schemas"]
    everywhere = ((status, answer["description"]) for status, answer in EVERYWHERE.items())
    parts = [_INTRODUCTION, _answers(everywhere)]
    for path, operations in sorted(told["paths"].items()):
        for method in _METHODS:
            if method in operations:
                parts += _operation(path, method, operations[method], schemas)
    return "\n".join(parts)


def _operation(path: str, method: str, told: Json, schemas: Json) -> Iterator[str]:
    yield f"## `{method.upper()} {path}`\n"
    words = told.get("description") or told.get("summary", "")
    yield f"{words.strip()}\n"
    yield from _parameters(told.get("parameters", ()))
    for kind, body in told.get("requestBody", {}).get("content", {}).items():
        yield f"Body: `{kind}`.\n"
        yield from _fields(body["schema"], schemas)
    if example := EXAMPLES.get((method, path)):
        yield f"{_indented(example)}\n"
    yield _answers(
        (status, answer["description"])
        for status, answer in sorted(told["responses"].items())
        if not (path.startswith("/v1/") and int(status) in EVERYWHERE)
    )


def _answers(told: Iterable[tuple[object, str]]) -> str:
    rows = [f"| {status} | {_cell(words)} |" for status, words in told]
    return "\n".join(["| answer | |\n|---|---|", *rows, ""])


def _fields(schema: Json, schemas: Json) -> Iterator[str]:
    """Tell the fields of a body; those of an object inside a list are told under it."""
    whole = schemas[schema["$ref"].rpartition("/")[2]]
    rows = [
        f"| `{name}` | {_type(field)}{_bounds(field)} | {_meaning(field, name in needed)} |"
        for needed in [whole.get("required", ())]
        for name, field in whole["properties"].items()
    ]
    yield "\n".join(["| field | | |\n|---|---|---|", *rows, ""])
    for name, field in whole["properties"].items():
        for part in _objects(field):
            yield f"Each of `{name}` that is an object:\n"
            yield from _fields({"$ref": part}, schemas)


def _objects(field: Json) -> Iterator[str]:
    """Give the references to objects in the lists of a field."""
    for each in (field, *field.get("anyOf", ())):
        items = each.get("items", {})
        yield from (part["$ref"] for part in (items, *items.get("anyOf", ())) if part.get("$ref"))


def _meaning(field: Json, needed: bool) -> str:
    default = field.get("default")
    words = [field.get("description", "")]
    if needed:
        words.insert(0, "needed." if words[0] else "needed")
    elif default not in (None, [], {}):
        words.append(f"(default {json.dumps(default)})")
    if examples := field.get("examples"):
        words.append(f"for example `{json.dumps(examples[0], ensure_ascii=False)}`")
    return _cell(" ".join(words))


def _bounds(field: Json) -> str:
    """Say how large a number may be, and how many there may be of a list."""
    told = next((each for each in (field, *field.get("anyOf", ())) if _BOUNDS & each.keys()), {})
    low = told.get("minimum", told.get("minItems"))
    high = told.get("maximum", told.get("maxItems"))
    if high is None:
        return ""
    return f", {high:g} at most" if low is None else f", {low:g} to {high:g}"


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines())


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
    if "enum" in schema or "const" in schema:
        return " or ".join(f"`{each}`" for each in schema.get("enum", [schema.get("const")]))
    if schema.get("format") == "base64":
        return "base64"
    if "contentMediaType" in schema or schema.get("format") == "binary":
        return "file"
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    return str(schema.get("type", "any"))


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
