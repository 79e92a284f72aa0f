"""SQL answers every filter as plain Python does, on each database."""

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from embedstore.catalog import Catalog, NewRow
from embedstore.catalog.conditions import (
    Both,
    Compare,
    Condition,
    Contains,
    Exists,
    Not,
    OneOf,
    matches,
)
from embedstore.catalog.filters import parse
from embedstore.catalog.metadata import spell
from embedstore.types import Item, Space

SPACE = Space("toy", "w", "p", 2)
VECTOR = np.array([[1.0, 0.0]], np.float32)
FIELDS = [("a",), ("b",), ("odd näme",), ("a", "b"), ("a", "0"), ("meta",), ("x.y", "[0]"), ("'",)]
EVERY_FIELD = {"a": {"b": 1, "0": 1}, "b": 1, "odd näme": 1, "meta": 1, "x.y": {"[0]": 1}, "'": 1}

texts = st.sampled_from(
    ["", "a", "A", "b", "é", "z", "Z", "true", "1", "ü%", "🌊", "￿", "a'b", '"', "\\"]
)
numbers = st.one_of(
    st.integers(-3, 3),
    st.integers(-(2**63), 2**63 - 1),
    st.sampled_from([2**53, 2**53 + 1]),
    st.floats(-3, 3, width=16),
    st.floats(allow_nan=False, allow_infinity=False),
)
scalars = st.one_of(st.none(), st.booleans(), numbers, texts)
values = st.one_of(scalars, st.lists(st.one_of(scalars, st.lists(scalars, max_size=2)), max_size=3))
objects = st.dictionaries(st.sampled_from(["0", "b"]), values, max_size=2)
metas = st.fixed_dictionaries(
    {},
    optional={
        "a": st.one_of(values, objects),
        "b": values,
        "odd näme": values,
        "meta": values,
        "x.y": st.one_of(values, st.fixed_dictionaries({}, optional={"[0]": values})),
        "'": values,
    },
)

fields = st.sampled_from(FIELDS)
ordered = st.builds(
    Compare, fields, st.sampled_from(["<", "<=", ">", ">="]), st.one_of(numbers, texts)
)
leaves = st.one_of(
    st.builds(Compare, fields, st.sampled_from(["==", "!="]), scalars),
    ordered,
    st.builds(OneOf, fields, st.lists(scalars, min_size=1, max_size=3).map(tuple), st.booleans()),
    st.builds(Contains, fields, scalars, st.booleans()),
    st.builds(Exists, fields),
)
conditions = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.builds(Both, st.lists(inner, min_size=2, max_size=3).map(tuple), st.booleans()),
    ),
    max_leaves=5,
)


def written(condition: Condition) -> str:
    match condition:
        case Compare(field, op, literal):
            return f"{spell(field)} {op} {literal!r}"
        case OneOf(field, literals, negated):
            return (
                f"{spell(field)} {'not in' if negated else 'in'} [{', '.join(map(repr, literals))}]"
            )
        case Contains(field, literal, negated):
            return f"{literal!r} {'not in' if negated else 'in'} {spell(field)}"
        case Exists(field):
            return f"exists({spell(field)})"
        case Not(part):
            return f"not ({written(part)})"
        case Both(parts, either):
            return (" or " if either else " and ").join(f"({written(part)})" for part in parts)


@given(condition=conditions)
def test_a_written_condition_is_read_back(condition: Condition) -> None:
    assert parse(written(condition)) == condition


@pytest.fixture
def collection(catalog: Catalog) -> int:
    made = catalog.create("law", SPACE, {})
    catalog.put(made.id, [NewRow(Item("every field", meta=EVERY_FIELD), VECTOR)])
    return made.id


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    stored=st.lists(metas, min_size=1, max_size=8),
    asked=st.lists(conditions, min_size=1, max_size=8),
)
@example(stored=[{"a": ["x", "y"]}], asked=[Compare(("a", "0"), "==", "x"), Exists(("a", "0"))])
@example(stored=[{"b": 0.1 + 0.2}], asked=[Compare(("b",), "==", 0.1 + 0.2)])
@example(stored=[{"b": "Z"}, {"b": "a"}], asked=[Compare(("b",), "<", "a")])
@example(
    stored=[{"b": value} for value in (7, 0.25, "7", None, True, False, [7])] + [{}],
    asked=[OneOf(("b",), (7, "7", None, False, 0.25), negated) for negated in (False, True)],
)
@example(stored=[{"b": True}], asked=[Compare(("b",), "==", 1), Contains(("b",), True)])
def test_sql_answers_as_python_does(
    catalog: Catalog, collection: int, stored: list[dict[str, Any]], asked: list[Condition]
) -> None:
    rows = catalog.put(
        collection, [NewRow(Item(str(n), meta=meta), VECTOR) for n, meta in enumerate(stored)]
    ).rows
    for condition in asked:
        expected = {row for row, meta in zip(rows, stored, strict=True) if matches(condition, meta)}
        found = set(catalog.allowed(collection, written(condition)).tolist())
        assert found & set(rows) == expected, written(condition)


@pytest.mark.parametrize("word", ["in", "not in"])
def test_a_filter_may_list_as_many_values_as_its_length_allows(
    catalog: Catalog, collection: int, word: str
) -> None:
    listed, other = catalog.put(
        collection, [NewRow(Item(str(n), meta={"b": n}), VECTOR) for n in (999, 1_000)]
    ).rows
    text = f"b {word} [{','.join(map(str, range(1_000)))}]"
    found = catalog.allowed(collection, text).tolist()
    assert (listed in found, other in found) == (word == "in", word == "not in")


def test_a_filter_may_have_as_many_parts_as_its_length_allows(
    catalog: Catalog, collection: int
) -> None:
    assert len(catalog.allowed(collection, "b<0 or " * 570 + "b==1")) == 1
