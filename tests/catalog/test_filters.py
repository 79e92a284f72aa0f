"""Reading filters: what is refused, and how the refusal helps."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedstore.catalog.conditions import Both, Compare, Contains, Exists, Not, OneOf, matches
from embedstore.catalog.filters import parse
from embedstore.errors import BadFilter


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("year >= 2020", Compare(("year",), ">=", 2020)),
        ("2020 <= year", Compare(("year",), ">=", 2020)),
        (
            "  a == -1\n and b == true ",
            Both((Compare(("a",), "==", -1), Compare(("b",), "==", True))),
        ),
        ("a == None or a == null", Both((Compare(("a",), "==", None),) * 2, either=True)),
        ("camera.model == 'X'", Compare(("camera", "model"), "==", "X")),
        ('meta["odd name"]["b"].c < 1.5', Compare(("odd name", "b", "c"), "<", 1.5)),
        ("meta.year == 1", Compare(("year",), "==", 1)),
        ('meta["meta"] == 1', Compare(("meta",), "==", 1)),
        ('tag in ["a", "b"]', OneOf(("tag",), ("a", "b"))),
        ('tag not in ("a",)', OneOf(("tag",), ("a",), negated=True)),
        ('"sea" in tags', Contains(("tags",), "sea")),
        ('"sea" not in tags', Contains(("tags",), "sea", negated=True)),
        ("not exists(gps.lat)", Not(Exists(("gps", "lat")))),
        (
            "2000 <= year < 2010",
            Both((Compare(("year",), ">=", 2000), Compare(("year",), "<", 2010))),
        ),
    ],
)
def test_what_a_filter_means(text: str, meaning: object) -> None:
    assert parse(text) == meaning


@pytest.mark.parametrize(
    ("text", "position", "reason"),
    [
        ("year >", 7, "invalid syntax"),
        ("a == 1 and", 11, "invalid syntax"),
        ("   year = 2", 9, "invalid syntax"),
        ("a == b", 6, "expected a literal"),
        ("a == 1 and b + 1 == 2", 12, "expected a field"),
        ("'ä' == 1", 8, "expected a field"),
        ("é == 1 and x is None", 17, "`is` is not known"),
        ("a", 1, "expected a comparison"),
        ("1 == 1", 6, "expected a field"),
        ("a < true", 5, "true has no order"),
        ("a >= null", 6, "null has no order"),
        ("a in []", 6, "expected a list"),
        ("a in b", 6, "expected a list"),
        ("a in [b]", 7, "expected a literal"),
        ("a == [1]", 6, "expected a literal"),
        ("exists('a')", 8, "expected a field"),
        ("exists(a, b)", 1, "expected a comparison"),
        ("__import__('os').system('x')", 1, "expected a comparison"),
        ("a == f'{b}'", 6, "expected a literal"),
        ("a == b'x'", 6, "expected a literal"),
        ("a == 1j", 6, "expected a literal"),
        ("a == 1e999", 6, "too large"),
        ("a == 9223372036854775808", 6, "64 bits"),
        ("a == '\\x00'", 6, "NUL"),
        ("a == '\\ud800'", 6, "surrogate"),
        ("meta == 1", 1, "meta alone"),
        ('meta["a\\"b"] == 1', 1, "cannot be used"),
        ('meta[""] == 1', 1, "cannot be used"),
        ("meta[0] == 1", 1, "expected a field"),
        ("(lambda: 1)() == 1", 1, "expected a field"),
        ("a[b] == 1", 1, "expected a field"),
    ],
)
def test_what_is_no_filter_is_refused_where_it_goes_wrong(
    text: str, position: int, reason: str
) -> None:
    with pytest.raises(BadFilter, match=f"position {position}: .*{reason}"):
        parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "not " * 999 + "a == 1",
        "(" * 1_900 + "a == 1" + ")" * 1_900,
        "-" * 3_900 + "1 == a",
        "a" + ".b" * 1_900 + " == 1",
        "a" + "[1]" * 1_300 + " == 1",
        "a == 1" + " and a == 1" * 400,
        "not (" * 60 + "a == 1" + ")" * 60,
    ],
)
def test_a_filter_too_deep_or_too_long_is_refused(text: str) -> None:
    with pytest.raises(BadFilter):
        parse(text)


@pytest.mark.parametrize(
    ("text", "here"),
    [
        ("year = 2020", "write == for equal"),
        ("year == 1 && a == 2", "write `and`"),
        ("a == 1 OR b == '&&'", "write `or`"),
        ("NOT a == 1", "write `not`"),
        ("a <> 1", "write != for unlike"),
        ("a =< 1", "write <= for at most"),
        ("tags contains 'sea'", 'write "sea" in tags'),
        ("name like '%sea%'", "parts of a text cannot be looked for"),
    ],
)
def test_habits_from_elsewhere_are_told_what_to_write_here(text: str, here: str) -> None:
    with pytest.raises(BadFilter, match=re.escape(f"{here}")):
        parse(text)


def test_a_slip_inside_quotes_is_none() -> None:
    with pytest.raises(BadFilter, match="invalid syntax; expected =="):
        parse("a == 'x = y && z' 5")


def test_length_and_emptiness_are_told() -> None:
    with pytest.raises(BadFilter, match="4,001 characters; expected at most 4,000"):
        parse("a" * 4_001)
    with pytest.raises(BadFilter, match="empty"):
        parse(" \n")


@given(
    st.one_of(
        st.text(max_size=60),
        st.text("ab1\"'()[]<>=!.-,{}:#\\ \nnotandorinexists", max_size=60),
    )
)
def test_any_text_is_a_filter_or_a_bad_filter(text: str) -> None:
    try:
        condition = parse(text)
    except BadFilter:
        return  # any other error fails this test
    assert matches(condition, {"a": 1}) in (True, False)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("year != 2020", [2021]),
        ("not (year == 2020)", [2021, "2020", None, "missing"]),
        ("year == null", [None]),
        ("year != null", [2020, 2021, "2020"]),
        ("year in [2020, null]", [2020, None]),
        ("year not in [2020]", [2021]),
        ("year not in [2020, '1999']", [2021, "2020"]),
        ("exists(year)", [2020, 2021, "2020", None]),
        ("year > 2020", [2021]),
        ("year == 2020.0", [2020]),
    ],
)
def test_missing_fields_and_other_types_compare_as_false(text: str, found: list[object]) -> None:
    metas = [{"year": 2020}, {"year": 2021}, {"year": "2020"}, {"year": None}, {}]
    condition = parse(text)
    assert [meta.get("year", "missing") for meta in metas if matches(condition, meta)] == found
