"""Conditions as SQL for each database; every literal and name is a bound parameter."""

import json
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Protocol

from sqlalchemy import (
    REAL,
    Boolean,
    ColumnElement,
    Text,
    and_,
    cast,
    collate,
    exists,
    false,
    func,
    literal,
    literal_column,
    not_,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import JSONB

from embedstore.catalog.conditions import (
    COMPARE,
    Both,
    Compare,
    Condition,
    Contains,
    Exists,
    Kind,
    Not,
    OneOf,
    Operator,
    Scalar,
    kind_of,
)
from embedstore.catalog.metadata import Path, to_json

Clause = ColumnElement[bool]


def to_sql(condition: Condition, meta: ColumnElement[str], dialect: str) -> Clause:
    """Give a condition as a clause that is true or false, never NULL.

    Args:
        condition: What is asked.
        meta: The column that holds the metadata as JSON text.
        dialect: `sqlite` or `postgresql`.
    """
    match condition:
        case Not(part):
            return not_(to_sql(part, meta, dialect))
        case Both(parts, either):
            clauses = [to_sql(part, meta, dialect) for part in parts]
            return or_(*clauses) if either else and_(*clauses)
    leaf = (_Sqlite if dialect == "sqlite" else _PostgreSQL)(meta, condition.field)
    return func.coalesce(_leaf(condition, leaf), false())


def _leaf(condition: Compare | OneOf | Contains | Exists, field: "_Field") -> Clause:
    match condition:
        case Exists():
            return field.exists()
        case Compare(_, op, value):
            return _compare(field, op, value)
        case OneOf(_, values, negated):
            equal = or_(*_equalities(field, values))
            if not negated:
                return equal
            comparable = field.exists() if None in values else or_(*_types(field, values))
            return and_(comparable, not_(equal))
        case Contains(_, value, negated):
            found = field.contains(value)
            return and_(field.is_a("array"), not_(found) if negated else found)


def _compare(field: "_Field", op: Operator, value: Scalar) -> Clause:
    if value is None:
        return field.is_a("null") if op == "==" else not_(field.is_a("null"))
    return and_(field.is_a(kind_of(value)), field.compared(op, value))


def _equalities(field: "_Field", values: Sequence[Scalar]) -> Iterator[Clause]:
    # One clause a kind, not a value: SQLite takes no expression deeper than 1,000
    for kind in _kinds(values):
        if kind == "null":
            yield field.is_a(kind)
        else:
            alike = [value for value in values if kind_of(value) == kind]
            yield and_(field.is_a(kind), field.one_of(alike))


def _types(field: "_Field", values: Sequence[Scalar]) -> Iterator[Clause]:
    return (field.is_a(kind) for kind in _kinds(values))


def _kinds(values: Sequence[Scalar]) -> list[Kind]:
    return list(dict.fromkeys(kind_of(value) for value in values))


class _Field(Protocol):
    """One field of the metadata, in one database's SQL; NULL where it is missing."""

    def exists(self) -> Clause: ...
    def is_a(self, kind: Kind) -> Clause: ...
    def compared(self, op: Operator, value: Scalar) -> Clause: ...
    def one_of(self, values: Sequence[Scalar]) -> Clause: ...
    def contains(self, value: Scalar) -> Clause: ...


class _Sqlite:
    """With json_type and json_extract; the path is one parameter."""

    KINDS: ClassVar[dict[Kind, tuple[str, ...]]] = {
        "null": ("null",),
        "boolean": ("true", "false"),
        "number": ("integer", "real"),
        "string": ("text",),
        "array": ("array",),
        "object": ("object",),
    }

    def __init__(self, meta: ColumnElement[str], path: Path) -> None:
        self.meta = meta
        self.path = "$" + "".join(f'."{name}"' for name in path)
        self.type = func.json_type(meta, self.path)

    def exists(self) -> Clause:
        return self.type.is_not(None)

    def is_a(self, kind: Kind) -> Clause:
        return self.type.in_(self.KINDS[kind])

    def compared(self, op: Operator, value: Scalar) -> Clause:
        return _operated(op, func.json_extract(self.meta, self.path), self._bound(value))

    def one_of(self, values: Sequence[Scalar]) -> Clause:
        listed = func.json_each(to_json(values)).table_valued("value")
        return func.json_extract(self.meta, self.path).in_(select(listed.c.value))

    def contains(self, value: Scalar) -> Clause:
        part = func.json_each(self.meta, self.path).table_valued("type", "value")
        alike = part.c.type.in_(self.KINDS[kind_of(value)])
        equal = alike if value is None else and_(alike, part.c.value == self._bound(value))
        return exists(select(literal(1)).select_from(part).where(equal))

    def _bound(self, value: Scalar) -> ColumnElement[Any]:
        # SQLite reads decimals in its own way; the same text gives the same number on both sides
        return cast(literal(repr(value)), REAL) if isinstance(value, float) else literal(value)


class _PostgreSQL:
    """With JSONB; `->` by name, because paths would take "0" for a place in a list."""

    def __init__(self, meta: ColumnElement[str], path: Path) -> None:
        value: ColumnElement[Any] = cast(meta, JSONB)
        for name in path:
            value = value.op("->", return_type=JSONB())(cast(name, Text))
        self.value = value
        self.type = func.jsonb_typeof(value)

    def exists(self) -> Clause:
        return self.type.is_not(None)

    def is_a(self, kind: Kind) -> Clause:
        return self.type == kind

    def compared(self, op: Operator, value: Scalar) -> Clause:
        if isinstance(value, str):
            text = self.value.op("#>>", return_type=Text())(literal_column("'{}'"))
            return _operated(op, collate(text, "C"), value)
        return _operated(op, self.value, _jsonb(value))

    def one_of(self, values: Sequence[Scalar]) -> Clause:
        return self.value.in_(select(func.jsonb_array_elements(_jsonb(values))))

    def contains(self, value: Scalar) -> Clause:
        return self.value.op("@>", return_type=Boolean())(_jsonb([value]))


def _operated(op: Operator, left: ColumnElement[Any], right: Any) -> Clause:
    clause: Clause = COMPARE[op](left, right)
    return clause


def _jsonb(value: object) -> ColumnElement[Any]:
    return cast(cast(json.dumps(value), Text), JSONB)
