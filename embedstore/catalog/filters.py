"""Filters as users write them: a small part of Python's expressions.

    year >= 2020 and author == "NASA" and "sea" in tags
    camera.model in ["X100", "M6"] and not exists(gps)
    2000 <= year < 2010 or meta["odd name"] == 1

Python's own parser reads the text; only the nodes named here are accepted, nothing is evaluated.
"""

import ast
import difflib
import json
import math
from collections.abc import Collection, Sequence

from embedstore.catalog.conditions import (
    Both,
    Compare,
    Condition,
    Contains,
    Exists,
    Not,
    OneOf,
    Operator,
    Scalar,
)
from embedstore.catalog.filter_slips import slip
from embedstore.catalog.metadata import WHOLE, Path, storable
from embedstore.errors import BadFilter

LENGTH = 4_000
DEPTH = 50
NAMES_SHOWN = 20

_OPERATORS: dict[type[ast.cmpop], Operator] = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
}
_MIRRORED: dict[Operator, Operator] = {
    "==": "==",
    "!=": "!=",
    "<": ">",
    "<=": ">=",
    ">": "<",
    ">=": "<=",
}
_CONSTANTS = {"true": True, "false": False, "null": None}


def parse(text: str) -> Condition:
    """Read a filter.

    Raises:
        BadFilter: The text is no filter; the message says where.
    """
    if len(text) > LENGTH:
        raise BadFilter(f"the filter has {len(text):,} characters; expected at most {LENGTH:,}")
    return _Reader(text).condition()


def check_fields(asked: Collection[str], known: Collection[str]) -> None:
    """Refuse fields that no item has.

    Args:
        asked: Fields of a condition, as `metadata.spell` writes them.
        known: Fields that exist.

    Raises:
        BadFilter: Names the field, the nearest known one, and the others.
    """
    for name in sorted(set(asked) - set(known)):
        near = difflib.get_close_matches(name, known, n=1)
        guess = f"did you mean {near[0]}? " if near else ""
        shown = sorted(known)[:NAMES_SHOWN]
        more = f" and {len(known) - len(shown)} more" if len(known) > len(shown) else ""
        there = f"fields are {', '.join(shown)}{more}" if shown else "no item has metadata"
        raise BadFilter(f"unknown field {name} in the filter: {guess}{there}")


OPERATORS = "expected ==, !=, <, <=, >, >=, in, not in, exists(field), and, or, not"


class _Reader:
    """Turns Python's syntax tree into a condition, or says where it cannot."""

    def __init__(self, text: str) -> None:
        # Python takes a leading blank for indentation and a line's end for the end
        self.text = "".join(" " if letter.isspace() else letter for letter in text).rstrip()

    def condition(self) -> Condition:
        stripped = self.text.lstrip()
        self.start = len(self.text) - len(stripped)
        if not stripped:
            raise BadFilter('the filter is empty; expected one such as year >= 2020 and tag == "a"')
        try:
            tree = ast.parse(stripped, mode="eval")
        except SyntaxError as error:
            place = self.start + error.offset if error.offset else len(self.text) + 1
            told = f"{error.msg}; {slip(stripped)}{OPERATORS}"
            raise self._fault(place, told) from error
        except (ValueError, RecursionError, MemoryError) as error:
            raise self._fault(
                1, "cannot be read; it is nested too deep or holds odd letters"
            ) from error
        return self._condition(tree.body, 0)

    def _condition(self, node: ast.expr, depth: int) -> Condition:
        if depth > DEPTH:
            raise self._refusal(node, f"nested deeper than {DEPTH}")
        match node:
            case ast.BoolOp(op, values):
                parts = tuple(self._condition(value, depth + 1) for value in values)
                return Both(parts, isinstance(op, ast.Or))
            case ast.UnaryOp(ast.Not(), operand):
                return Not(self._condition(operand, depth + 1))
            case ast.Compare(left, ops, comparators):
                sides = [left, *comparators]
                pairs = zip(sides, ops, comparators, strict=False)
                parts = tuple(self._pair(*pair) for pair in pairs)
                return parts[0] if len(parts) == 1 else Both(parts)
            case ast.Call(ast.Name("exists"), [field], []):
                return Exists(self._field(field))
        raise self._refusal(node, "expected a comparison such as year >= 2020, or exists(field)")

    def _pair(self, left: ast.expr, op: ast.cmpop, right: ast.expr) -> Condition:
        if isinstance(op, ast.In | ast.NotIn):
            return self._membership(left, right, isinstance(op, ast.NotIn))
        sign = _OPERATORS.get(type(op))
        if sign is None:
            raise self._refusal(right, "`is` is not known here; use == or !=")
        if _is_literal(left):
            left, right, sign = right, left, _MIRRORED[sign]
        literal = self._literal(right)
        if sign not in ("==", "!=") and (literal is None or isinstance(literal, bool)):
            raise self._refusal(right, f"{json.dumps(literal)} has no order; use == or !=")
        return Compare(self._field(left), sign, literal)

    def _membership(self, left: ast.expr, right: ast.expr, negated: bool) -> Condition:
        if _is_literal(left):
            return Contains(self._field(right), self._literal(left), negated)
        if not isinstance(right, ast.List | ast.Tuple | ast.Set) or not right.elts:
            raise self._refusal(right, 'expected a list of literals after `in`, such as ["a", "b"]')
        literals = tuple(self._literal(element) for element in right.elts)
        return OneOf(self._field(left), literals, negated)

    def _literal(self, node: ast.expr) -> Scalar:
        match node:
            case ast.Name(name) if name in _CONSTANTS:
                return _CONSTANTS[name]
            case ast.UnaryOp(
                ast.USub() | ast.UAdd() as sign, ast.Constant(int() | float() as value)
            ):
                number = -value if isinstance(sign, ast.USub) else value
                return self._storable(node, number)
            case ast.Constant(str() | int() | float() | None as value):
                return self._storable(node, value)
        raise self._refusal(node, 'expected a literal: "text", a number, true, false or null')

    def _storable(self, node: ast.expr, value: Scalar) -> Scalar:
        if isinstance(value, str) and not storable(value):
            raise self._refusal(
                node, "this text holds NUL or half a surrogate pair, as no field can"
            )
        if isinstance(value, float) and not math.isfinite(value):
            raise self._refusal(node, "this number is too large")
        if isinstance(value, int) and not -WHOLE <= value < WHOLE:
            raise self._refusal(node, "this whole number has more than 64 bits, as no field can")
        return value

    def _field(self, node: ast.expr) -> Path:
        path: list[str] = []
        inner = node
        while True:
            match inner:
                case ast.Attribute(value, name):
                    path.append(name)
                    inner = value
                case ast.Subscript(value, ast.Constant(str() as name)):
                    path.append(name)
                    inner = value
                case ast.Name(name) if name not in _CONSTANTS:
                    return self._named(node, [name, *reversed(path)])
                case _:
                    raise self._refusal(inner, 'expected a field, such as year or meta["odd name"]')

    def _named(self, node: ast.expr, names: Sequence[str]) -> Path:
        path = tuple(names[1:] if names[0] == "meta" else names)
        if not path:
            raise self._refusal(node, 'meta alone is no field; expected meta["name"]')
        if len(path) > DEPTH:
            raise self._refusal(node, f"nested deeper than {DEPTH}")
        for name in path:
            # SQLite's JSON paths have no way to write these
            if not name or not storable(name) or any(c < " " or c in '"\\' for c in name):
                raise self._refusal(node, f"a field named {name!r} cannot be used in a filter")
        return path

    def _refusal(self, node: ast.AST, reason: str) -> BadFilter:
        before = self.text.lstrip().encode()[: getattr(node, "col_offset", 0)]
        return self._fault(self.start + len(before.decode()) + 1, reason)

    def _fault(self, position: int, reason: str | None) -> BadFilter:
        return BadFilter(
            f"filter, position {position}: {reason}; the filter is {self.text[:200]!r}"
        )


def _is_literal(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant | ast.UnaryOp) or (
        isinstance(node, ast.Name) and node.id in _CONSTANTS
    )
