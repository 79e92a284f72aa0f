"""Fields that have an index: the expressions it holds, and what a filter implies about them.

The database uses an index only where a query repeats its expression letter by letter, so the path
of such a field is a literal, which SQLAlchemy quotes, and not a parameter. What is implied stands
beside the filter and never instead of it: it narrows the rows that are looked at, and the filter
decides. An index therefore cannot change an answer, nor can the lack of one.
"""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Text, bindparam, case, cast, collate, func, or_, select
from sqlalchemy import literal_column as raw
from sqlalchemy.dialects.postgresql import JSONB

from embedstore.catalog.conditions import COMPARE, Both, Compare, Condition, OneOf, Operator, Scalar
from embedstore.catalog.metadata import Path, to_json

Clause = ColumnElement[bool]
LETTERS = 100  # of a text in an index of PostgreSQL, which takes no entry longer than 2,700 bytes
_AT_LEAST: dict[Operator, Operator] = {"<": "<=", ">": ">=", "<=": "<=", ">=": ">=", "==": "=="}


def indexed_expressions(
    path: Path, meta: ColumnElement[str], dialect: str
) -> list[ColumnElement[Any]]:
    """Give what the indexes of a field hold, one expression an index.

    Args:
        path: The field.
        meta: The column that holds the metadata as JSON text.
        dialect: `sqlite` or `postgresql`.
    """
    if dialect == "sqlite":
        return [_extracted(path, meta)]
    return [_plain(path, meta), _words(path, meta)]


def implied(
    condition: Condition, meta: ColumnElement[str], dialect: str, fields: Collection[Path]
) -> Iterator[Clause]:
    """Give what must be true of a row that meets a condition, in words that an index knows.

    Args:
        condition: What is asked.
        meta: The column that holds the metadata as JSON text.
        dialect: `sqlite` or `postgresql`.
        fields: Those that have an index.
    """
    side = _sqlite if dialect == "sqlite" else _postgresql
    match condition:
        case Both(parts, either=False):
            for part in parts:
                yield from implied(part, meta, dialect, fields)
        case Compare(field, op, value) if field in fields and op != "!=" and value is not None:
            yield side(field, meta, op, [value])
        case OneOf(field, values, negated=False) if field in fields and None not in values:
            yield side(field, meta, "==", values)


def _sqlite(path: Path, meta: ColumnElement[str], op: Operator, values: Sequence[Scalar]) -> Clause:
    value = _extracted(path, meta)
    if len(values) > 1:
        listed = func.json_each(to_json(values)).table_valued("value")
        return value.in_(select(listed.c.value))
    # Read by the same function as the field: a cast or a parameter may differ in the last digit
    return _compared(op, value, func.json_extract(to_json(values[0]), "$"))


def _postgresql(
    path: Path, meta: ColumnElement[str], op: Operator, values: Sequence[Scalar]
) -> Clause:
    words = [value[:LETTERS] for value in values if isinstance(value, str)]
    plain = [cast(cast(to_json(each), Text), JSONB) for each in values if not isinstance(each, str)]
    if len(values) > 1:
        found = [_words(path, meta).in_(words)] if words else []
        return or_(*found, _plain(path, meta).in_(plain)) if plain else found[0]
    if plain:
        return _compared(op, _plain(path, meta), plain[0])
    # Beginnings are ordered as the whole, but longer texts may begin alike
    return _compared(_AT_LEAST[op], _words(path, meta), words[0])


def _compared(op: Operator, left: ColumnElement[Any], right: Any) -> Clause:
    clause: Clause = COMPARE[op](left, right)
    return clause


def _extracted(path: Path, meta: ColumnElement[str]) -> ColumnElement[Any]:
    return func.json_extract(meta, _literal("$" + "".join(f'."{name}"' for name in path)))


def _value(path: Path, meta: ColumnElement[str]) -> ColumnElement[Any]:
    value: ColumnElement[Any] = cast(meta, JSONB)
    for name in path:
        value = value.op("->", return_type=JSONB())(cast(_literal(name), Text))
    return value


def _plain(path: Path, meta: ColumnElement[str]) -> ColumnElement[Any]:
    value = _value(path, meta)
    kind = func.jsonb_typeof(value)
    return case((or_(kind == raw("'number'"), kind == raw("'boolean'")), value))


def _words(path: Path, meta: ColumnElement[str]) -> ColumnElement[Any]:
    text = _value(path, meta).op("#>>", return_type=Text())(raw("'{}'"))
    return collate(func.left(text, raw(str(LETTERS)), type_=Text()), "C")


def _literal(text: str) -> ColumnElement[str]:
    return bindparam(None, text, type_=Text(), literal_execute=True, unique=True)
