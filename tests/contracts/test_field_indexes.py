"""Indexes on metadata fields: used where they help, and without any part in the answer."""

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from embedstore.catalog import Catalog, NewRow
from embedstore.catalog.filters import parse
from embedstore.catalog.metadata import spell
from embedstore.errors import BadFilter, NotFound
from embedstore.types import Item, Space

SPACE = Space("toy", "w", "p", 2)
VECTOR = np.array([[1.0, 0.0]], np.float32)
VALUES = (
    *(7, 8, -1, 0.1 + 0.2, 7.0, 2**53 + 1, "7", "a", "Z", "é", "x" * 150, "x" * 150 + "y"),
    *(None, True, False, [7], {"b": 7}),
)
ASKED = [
    f"a {op} {literal!r}"
    for op in ("==", "!=", "<", "<=", ">", ">=")
    for literal in (7, 0.1 + 0.2, 2**53 + 1, "7", "a", "x" * 150)
] + [
    "a == true",
    "a == null",
    "a in [7, 8]",
    "a in ['7', 'Z', 8, true]",
    "a in ['a', 'é']",
    "a in [7, null]",
    "a not in [7, 8]",
    "a >= 7 and a < 8",
    "a >= 7 or a == 'a'",
    "not (a == 7)",
    "not (a >= 7 and a < 8)",
    "7 in a",
    "exists(a) and a.b == 7",
]


def put(catalog: Catalog, number: int, metas: list[Any]) -> list[int]:
    new = [NewRow(Item(str(n), meta=meta), VECTOR) for n, meta in enumerate(metas)]
    return list(catalog.put(number, new).rows)


def answers(catalog: Catalog, number: int, asked: list[str]) -> list[list[int]]:
    catalog._answers.clear()  # as a process that has not asked before
    return [catalog.allowed(number, where).tolist() for where in asked]


def plan(catalog: Catalog, number: int, where: str) -> str:
    """How the database finds the rows of a filter that was not asked before."""
    from sqlalchemy import event

    told = []

    def remember(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if "FROM items" in statement:
            told.append((statement, parameters))

    engine = catalog._database._engine
    event.listen(engine, "before_cursor_execute", remember)
    answers(catalog, number, [where])
    event.remove(engine, "before_cursor_execute", remember)
    statement, parameters = told[-1]
    explain = "EXPLAIN QUERY PLAN" if catalog.dialect == "sqlite" else "EXPLAIN"
    with catalog._database.snapshot() as connection:
        found = connection.exec_driver_sql(f"{explain} {statement}", parameters).all()
    return "\n".join(str(tuple(line)) for line in found)


def test_answers_are_the_same_with_and_without_an_index(catalog: Catalog) -> None:
    number = catalog.create("a", SPACE, {}).id
    other = catalog.create("other", SPACE, {}).id
    metas = [{"a": value} for value in VALUES] + [{}]
    put(catalog, number, metas * 2)
    put(catalog, other, metas)
    before = answers(catalog, number, ASKED), answers(catalog, other, ASKED)
    assert catalog.index_field("a") == "a"
    assert catalog.index_field("a.b") == "a.b"
    assert catalog.indexed_fields() == ["a", "a.b"]
    assert (answers(catalog, number, ASKED), answers(catalog, other, ASKED)) == before
    rows = put(catalog, number, [{"a": 7}])
    assert rows[0] in catalog.allowed(number, "a == 7")
    assert answers(catalog, number, ["a == 7"])[0][-1] == rows[0]
    assert catalog.drop_field_index("a") == "a"
    assert catalog.indexed_fields() == ["a.b"]
    assert answers(catalog, other, ASKED) == before[1]


@pytest.mark.parametrize(
    "where",
    [
        "year == 1950",
        "year > 1997",
        "year <= 3",
        "1950 <= year < 1955",
        "year in [1950, 1960, 1970]",
        "year == 1950 and not (tag == 'x')",
        "tag == 'tag 1950'",
        "tag < 'tag 10'",
        "tag in ['tag 10', 'tag 11']",
        "year == 1950.5",
    ],
)
def test_the_database_uses_the_index(catalog: Catalog, where: str) -> None:
    number = catalog.create("a", SPACE, {}).id
    put(catalog, number, [{"year": n, "tag": f"tag {n}", "n": n} for n in range(2_000)])
    catalog.index_field("year")
    catalog.index_field("tag")
    assert "items_by_field_" in plan(catalog, number, where)
    assert "items_by_field_" not in plan(catalog, number, "n == 7")


letters = st.characters(min_codepoint=32, exclude_characters='"\\', exclude_categories=["Cs"])
hostile = st.lists(  # the filter language reads other blanks as blanks
    st.text(letters.filter(lambda one: one == " " or not one.isspace()), min_size=1, max_size=12),
    min_size=1,
    max_size=3,
).map(tuple)


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(path=hostile)
@example(path=("'); DROP TABLE items; --",))
@example(path=("%s %(a)s %%", ":a ?", "$1"))
@example(path=("__[POSTCOMPILE_param_1]", "{}", "a.b[0]"))
@example(path=("''", "'", "é🌊"))
def test_a_field_name_is_data(catalog: Catalog, path: tuple[str, ...]) -> None:
    holder = catalog.create(f"n{len(catalog.collections())}", SPACE, {}).id
    meta: Any = 7
    for name in reversed(path):
        meta = {name: meta}
    rows = put(catalog, holder, [meta, {}])
    field = spell(path)
    assert parse(f"exists({field})").field == path
    assert catalog.index_field(field) == field
    assert answers(catalog, holder, [f"{field} == 7", f"{field} in [7, 8]"]) == [rows[:1]] * 2
    assert "items_by_field_" in plan(catalog, holder, f"{field} == 7") or (
        catalog.dialect == "postgresql"  # which reads a handful of items whole
    )
    assert catalog.drop_field_index(field) == field


@pytest.mark.parametrize(
    "text", ["", "a b", "1", "a) or exists(b", "meta", "a == 1", 'meta["a\\"b"]', "a, b"]
)
def test_what_is_no_field_gets_no_index(catalog: Catalog, text: str) -> None:
    with pytest.raises(BadFilter):
        catalog.index_field(text)
    assert catalog.indexed_fields() == []


def test_an_index_that_is_not_there_cannot_be_dropped(catalog: Catalog) -> None:
    catalog.index_field("year")
    assert catalog.index_field("meta.year") == "year"
    with pytest.raises(NotFound, match="field tag has no index; those that have: year"):
        catalog.drop_field_index("tag")


def test_long_values_are_stored_in_an_indexed_field(catalog: Catalog) -> None:
    number = catalog.create("a", SPACE, {}).id
    catalog.index_field("a")
    noise = "".join(map(chr, np.random.default_rng(0).integers(200, 5_000, 9_000)))
    rows = put(catalog, number, [{"a": noise}, {"a": [noise]}, {"a": {"b": noise}}, {"a": 1e300}])
    assert catalog.allowed(number, "a > 1e299").tolist() == rows[3:]
    assert catalog.allowed(number, "a > 'a'").tolist() == rows[:1]
