"""A filter that compares with another type than a field holds says so, where it finds nothing."""

import pytest
from click.testing import CliRunner

from api.cli import main
from embedstore import Collection, Item, Store
from embedstore.filter_hints import type_hint


@pytest.fixture
def goods(photos: Collection) -> Collection:
    metas = [
        {"year": 2020, "price": "80", "tags": ["sea"], "sold": True, "box": {"w": 1}},
        {"year": 2021, "price": "70", "tags": [], "sold": False, "mixed": "1"},
        {"year": 2022, "mixed": 1},
    ]
    photos.add(Item(f"g{n}", texts=(f"goods {n}",), meta=meta) for n, meta in enumerate(metas))
    return photos


@pytest.mark.parametrize(
    ("where", "told"),
    [
        ("year == '2020'", "field year holds numbers: compare with a number without quotes"),
        ("price < 100", 'field price holds text: compare with text, such as price == "100"'),
        ("tags == 'sea'", 'field tags holds lists: write "sea" in tags'),
        ("year > 2000 and tags in ['sea']", 'field tags holds lists: write "sea" in tags'),
        ("'sea' in price", "field price holds text: compare with text"),
        ("sold == 'yes'", 'field sold holds true or false: a comparison with "yes" never holds'),
        ("not (box.w == 'x')", "field box.w holds numbers"),
        ("year == 1999", None),
        ("mixed == 3 or mixed == 'x'", None),
        ("price == null", None),
        ("'hill' in tags", None),
    ],
)
def test_a_comparison_that_never_holds_is_named(
    goods: Collection, where: str, told: str | None
) -> None:
    found = type_hint(goods.catalog, goods.info, where)
    assert found is None if told is None else told in str(found)


def test_the_command_says_so(goods: Collection, store: Store) -> None:
    asked = ["search", "goods", "--target", "text", "--store", str(store.folder)]
    done = CliRunner().invoke(main, [*asked, "--where", "year == '2020'"])
    assert "no hits: field year holds numbers" in done.output
    done = CliRunner().invoke(main, [*asked, "--where", "year == 1999", "--page"])
    assert "a wider --where" in done.output


def test_a_mistyped_field_to_index_is_guessed(goods: Collection, store: Store) -> None:
    asked = ["index-field", "--store", str(store.folder)]
    told = CliRunner().invoke(main, [*asked, "yaer"]).output
    assert "no item has this field yet: did you mean year? `--drop` takes it back" in told
    assert CliRunner().invoke(main, [*asked, "year"]).output == "year: indexed\n"
