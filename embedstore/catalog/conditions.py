"""What a filter means: conditions over metadata, and their plain evaluation.

Logic has two values. A comparison with a field that is missing, or that holds another type than
the literal, is False; so is `!=`: `year != 2020` finds items that have a number there, but not
2020. `not (year == 2020)` finds all the rest too. `field == null` is True where the field holds
null, `field != null` where it holds anything else; `exists(field)` where it is there at all.
Whole and broken numbers are one type, booleans are no numbers, text is compared by code point.
"""

import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from embedstore.catalog.metadata import Path

Scalar = str | int | float | bool | None
Operator = Literal["==", "!=", "<", "<=", ">", ">="]
Kind = Literal["null", "boolean", "number", "string", "array", "object"]

COMPARE: dict[Operator, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_MISSING = object()


@dataclass(frozen=True)
class Compare:
    """`field op literal`."""

    field: Path
    op: Operator
    literal: Scalar


@dataclass(frozen=True)
class OneOf:
    """`field in [literals]`; negated: the field is comparable with one, and equals none."""

    field: Path
    literals: tuple[Scalar, ...]
    negated: bool = False


@dataclass(frozen=True)
class Contains:
    """`literal in field`, where the field holds a list; negated: a list without it."""

    field: Path
    literal: Scalar
    negated: bool = False


@dataclass(frozen=True)
class Exists:
    """`exists(field)`."""

    field: Path


@dataclass(frozen=True)
class Not:
    """`not condition`."""

    part: "Condition"


@dataclass(frozen=True)
class Both:
    """`and` of all parts, `or` where `either`."""

    parts: tuple["Condition", ...]
    either: bool = False


Condition = Compare | OneOf | Contains | Exists | Not | Both


def kind_of(value: object) -> Kind:
    """Name the JSON type of a value."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "string"
        case Mapping():
            return "object"
        case _:
            return "array"


def matches(condition: Condition, meta: Mapping[str, Any]) -> bool:
    """Say whether metadata meets a condition; SQL answers the same."""
    match condition:
        case Not(part):
            return not matches(part, meta)
        case Both(parts, either):
            told = (matches(part, meta) for part in parts)
            return any(told) if either else all(told)
    value = _value(condition.field, meta)
    if value is _MISSING:
        return False
    match condition:
        case Exists():
            return True
        case Compare(_, op, literal):
            return _compares(value, op, literal)
        case OneOf(_, literals, negated):
            if not negated:
                return any(_compares(value, "==", literal) for literal in literals)
            return any(_comparable(value, literal) for literal in literals) and not any(
                _compares(value, "==", literal) for literal in literals
            )
        case Contains(_, literal, negated):
            is_list = isinstance(value, list | tuple)
            return is_list and negated != any(_compares(part, "==", literal) for part in value)


def compared_fields(condition: Condition) -> Iterator[Path]:
    """Give the fields that a condition looks into; those it only tests for are left out."""
    match condition:
        case Not(part):
            yield from compared_fields(part)
        case Both(parts):
            for part in parts:
                yield from compared_fields(part)
        case Compare(field) | OneOf(field) | Contains(field):
            yield field


def _compares(value: Any, op: Operator, literal: Scalar) -> bool:
    if literal is None:
        return (value is None) == (op == "==")
    return kind_of(value) == kind_of(literal) and bool(COMPARE[op](value, literal))


def _comparable(value: Any, literal: Scalar) -> bool:
    return literal is None or kind_of(value) == kind_of(literal)


def _value(path: Path, meta: Any) -> Any:
    value = meta
    for name in path:
        if not isinstance(value, Mapping) or name not in value:
            return _MISSING
        value = value[name]
    return value
