"""Items kept in memory are what the rows say: for every reader, whoever deleted or replaced."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from embedstore.catalog import Catalog, NewRow, kept_items
from embedstore.errors import NotFound
from embedstore.types import Item, Space

SPACE = Space("toy", "w", "p", 2)
VECTOR = np.array([[1.0, 0.0]], np.float32)


def new(key: str, **meta: object) -> NewRow:
    return NewRow(Item(key, None, (f"a {key}",), meta), VECTOR)


def statements(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Note which rows the catalog asks its database for from now on."""
    asked: list[object] = []
    real = catalog._database.listed

    def listed(values: list[int]) -> object:
        asked.append(list(values))
        return real(values)

    monkeypatch.setattr(catalog._database, "listed", listed)
    return asked


OPERATIONS = st.lists(
    st.tuples(
        st.sampled_from(["put", "delete", "purge", "look"]),
        st.lists(st.sampled_from("abcdef"), min_size=1, max_size=3),
        st.booleans(),
    ),
    max_size=20,
)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(operations=OPERATIONS)
def test_what_is_kept_is_what_is_there(
    catalog: Catalog,
    catalog_location: str | Path,
    operations: list[tuple[str, list[str], bool]],
) -> None:
    here = catalog.create(f"law-{len(catalog.collections())}", SPACE, {}).id
    other = Catalog(catalog_location)
    truth: dict[int, tuple[str, int]] = {}
    rows: list[int] = []
    for step, (operation, keys, by_other) in enumerate(operations):
        actor = other if by_other else catalog
        if operation == "put":
            keys = list(dict.fromkeys(keys))
            written = actor.put(here, [new(key, step=step) for key in keys]).rows
            truth = {row: each for row, each in truth.items() if each[0] not in keys}
            truth |= {row: (key, step) for row, key in zip(written, keys, strict=True)}
            rows += written
        elif operation == "delete":
            actor.delete(here, keys)
            truth = {row: each for row, each in truth.items() if each[0] not in keys}
        elif operation == "purge":
            actor.purge(here, actor.seq(here)[0])
        seq, found = actor.lookup(here, rows)
        assert seq == catalog.seq(here)[0]
        assert {row: (item.key, item.meta["step"]) for row, item in found.items()} == truth
        assert list(found) == [row for row in rows if row in truth]
    other.close()


def test_a_row_is_read_once_until_something_is_deleted(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = catalog.create("photos", SPACE, {}).id
    a, b, c = catalog.put(here, [new("a"), new("b"), new("c")]).rows
    asked = statements(catalog, monkeypatch)
    catalog.lookup(here, [a, b])
    catalog.lookup(here, [b, c])
    catalog.lookup(here, [a, b, c])
    assert asked == [[a, b], [c], []]
    (d,) = catalog.put(here, [new("d")]).rows
    asked.clear()
    assert list(catalog.lookup(here, [a, d])[1]) == [a, d]
    assert asked == [[d]]  # what is added takes nothing away
    catalog.delete(here, ["b"])
    asked.clear()
    assert list(catalog.lookup(here, [a, b])[1]) == [a]
    assert asked == [[], [a, b]]


def test_another_process_that_deletes_is_seen(
    catalog: Catalog, catalog_location: str | Path
) -> None:
    here = catalog.create("photos", SPACE, {}).id
    (row,) = catalog.put(here, [new("a")]).rows
    assert catalog.lookup(here, [row])[1]
    other = Catalog(catalog_location)
    other.delete(here, ["a"])
    other.purge(here, other.seq(here)[0])  # even where the deletion is forgotten
    other.put(here, [new("a")])
    assert catalog.lookup(here, [row]) == (3, {})
    other.drop("photos")
    other.close()
    with pytest.raises(NotFound):
        catalog.lookup(here, [row])


def test_who_changes_the_metadata_of_a_hit_changes_no_other(catalog: Catalog) -> None:
    here = catalog.create("photos", SPACE, {}).id
    (row,) = catalog.put(here, [new("a", tags=["sea"])]).rows
    for _ in range(2):
        meta = dict(catalog.lookup(here, [row])[1][row].meta)
        assert meta == {"tags": ["sea"]}
        meta["tags"].append("changed")


def test_no_more_is_kept_than_is_said(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_items, "ROWS", 3)
    monkeypatch.setattr(kept_items, "COLLECTIONS", 2)
    for name in "xyz":
        here = catalog.create(name, SPACE, {}).id
        items = [*(new(f"{n}") for n in range(5)), new("long", text="w" * kept_items.MOST_TEXT)]
        rows = catalog.put(here, items).rows
        assert len(catalog.lookup(here, rows)[1]) == 6
        assert list(catalog._kept.of(here).rows) == rows[2:5]
    assert [catalog.describe(name).id in catalog._kept._of for name in "xyz"] == [False, True, True]
