"""Metadata of items: JSON text that both databases hold alike, and the names of its fields."""

import json
import math
from collections.abc import Mapping
from keyword import iskeyword
from typing import Any

from embedstore.errors import BadItem

Path = tuple[str, ...]
DEPTH = 50
KEY_BYTES = 2_000  # an index of PostgreSQL takes no longer entry
WHOLE = 2**63  # JSON numbers beyond it are rounded by SQLite and not by PostgreSQL
RESERVED = {"meta", "exists", "true", "false", "null"}  # words of the filter language

# SQLite finds fields by their raw letters, so these must not be escaped
to_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def encode(key: str, meta: object) -> tuple[str, set[Path]]:
    """Give metadata as JSON text, with the path of every field in it.

    Args:
        key: Of the item, for messages.
        meta: A JSON object.

    Raises:
        BadItem: Not a JSON object, or one that a database cannot hold exactly: NaN, whole numbers
            beyond 64 bits, NUL or half a surrogate pair in a string, nested deeper than 50.
    """
    if not isinstance(meta, Mapping):
        raise BadItem(f"item {key!r}: metadata is {_kind(meta)}; expected a JSON object")
    copy = dict(meta)
    fields: set[Path] = set()
    try:
        _visit((), copy, fields, 0)
    except ValueError as error:
        raise BadItem(f"item {key!r}: metadata {error}") from error
    return to_json(copy), fields


def spell(path: Path) -> str:
    """Write a field as filters do: `camera.model`, or `meta["odd name"]`."""
    if path[0] not in RESERVED and all(_is_word(name) for name in path):
        return ".".join(path)
    return "meta" + "".join(f"[{json.dumps(name, ensure_ascii=False)}]" for name in path)


def storable(text: str) -> bool:
    """Say whether both databases can hold a text: no NUL, no half of a surrogate pair."""
    if "\0" in text:
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def plain(text: str) -> str:
    """Write what a database cannot hold as escapes; for messages, not for data."""
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")


def _visit(path: Path, value: Any, fields: set[Path], depth: int) -> None:
    if depth > DEPTH:
        raise ValueError(f"is nested deeper than {DEPTH} at {spell(path[:3])}...; expected less")
    if isinstance(value, dict):
        for name, part in value.items():
            if not isinstance(name, str) or not storable(name):
                raise ValueError(f"has the field name {name!r}; expected text without NUL")
            inner = (*path, name)
            fields.add(inner)
            _visit(inner, part, fields, depth + 1)
    elif isinstance(value, list | tuple):
        for part in value:
            _visit(path, part, set(), depth + 1)  # what is inside a list is no field
    else:
        fault = _fault(value)
        if fault is not None:
            raise ValueError(f"field {spell(path)} {fault}")


def _fault(value: Any) -> str | None:
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, str):
        return None if storable(value) else "holds NUL or half a surrogate pair; expected text"
    if isinstance(value, int):
        inside = -WHOLE <= value < WHOLE
        return None if inside else f"is {value}; expected a whole number of 64 bits, or text"
    if isinstance(value, float):
        return None if math.isfinite(value) else f"is {value}; expected a finite number or null"
    return f"is {_kind(value)}; expected a JSON value"


def _is_word(name: str) -> bool:
    # Python folds other letters to a normal form, so only ASCII names are sure to be found
    return name.isascii() and name.isidentifier() and not iskeyword(name)


def _kind(value: object) -> str:
    return f"of type {type(value).__name__}"
