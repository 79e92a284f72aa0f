"""How every catalog is read: vectors, changes, filters, pages, and what many writers leave."""

import threading
from pathlib import Path

import numpy as np
import pytest

from embedstore.catalog import Catalog, CollectionInfo, NewRow, field_sample
from embedstore.errors import BadFilter, Corrupt
from embedstore.types import Item, Space, Vectors

DIM = 8
SPACE = Space("toy", "w", "p", DIM)


def unit(seed: int, count: int = 1) -> Vectors:
    made = np.random.default_rng(seed).standard_normal((count, DIM)).astype(np.float32)
    return made / np.linalg.norm(made, axis=1, keepdims=True)


def new(key: str, seed: int = 0, **meta: object) -> NewRow:
    return NewRow(Item(key, None, (), meta), unit(seed))


@pytest.fixture
def photos(catalog: Catalog) -> CollectionInfo:
    return catalog.create("photos", SPACE, {})


def test_scan_and_changes_agree(catalog: Catalog, photos: CollectionInfo) -> None:
    catalog.put(photos.id, [new("a", 1), NewRow(Item("b"), unit(2, 3), unit(3, 2))])
    catalog.put(photos.id, [NewRow(Item("c"), None, unit(4))])
    for modality, owners in (("image", "abbb"), ("text", "bbc")):
        seq, ids, vectors = catalog.scan(photos.id, modality)
        changes = catalog.changes(photos.id, modality, -1)
        rows = {catalog.get(photos.id, key)[0]: key for key in "abc"}
        assert "".join(rows[row] for row in ids) == owners
        assert (seq, changes.seq) == (2, 2)
        np.testing.assert_array_equal(changes.ids, ids)
        np.testing.assert_array_equal(changes.vectors, vectors)
        assert vectors.dtype == np.float16
        assert list(changes.seqs) == sorted(changes.seqs)
        assert len(changes.removed) == len(changes.removed_seqs) == 0
        assert catalog.waiting(photos.id, modality, 0) == len(ids)
    assert catalog.waiting(photos.id, "image", 1) == 0


def test_a_collection_sees_only_its_own(catalog: Catalog, photos: CollectionInfo) -> None:
    other = catalog.create("other", SPACE, {})
    row = catalog.put(photos.id, [new("a", 1, year=1)]).rows[0]
    assert catalog.seq(other.id) == (0, 0)
    assert catalog.scan(other.id, "image")[1].tolist() == []
    assert catalog.items(other.id, [row]) == {}
    assert catalog.delete(other.id, ["a"]).rows == []
    assert catalog.fields(other.id) == []
    assert catalog.allowed(other.id, None).tolist() == []
    assert catalog.get(photos.id, "a")[0] == row


def test_lookup_keeps_the_order_asked_and_leaves_out_what_is_gone(
    catalog: Catalog, photos: CollectionInfo
) -> None:
    rows = catalog.put(photos.id, [new(key) for key in "abcd"]).rows
    catalog.delete(photos.id, ["b"])
    seq, found = catalog.lookup(photos.id, np.array([rows[3], rows[1], rows[0], 999]))
    assert seq == 2
    assert [item.key for item in found.values()] == ["d", "a"]
    assert catalog.lookup(photos.id, []) == (2, {})


def test_purge_forgets_deletions_and_says_so(catalog: Catalog, photos: CollectionInfo) -> None:
    catalog.put(photos.id, [new("a"), new("b")])
    catalog.delete(photos.id, ["a"])
    catalog.delete(photos.id, ["b"])
    catalog.purge(photos.id, 2)
    assert catalog.seq(photos.id) == (3, 2)
    assert list(catalog.changes(photos.id, "image", 1).removed_seqs) == [3]
    catalog.purge(photos.id, 1)
    assert catalog.changes(photos.id, "image", 1).purged_seq == 2
    catalog.purge(photos.id, 99)
    assert catalog.seq(photos.id) == (3, 3)
    assert catalog.changes(photos.id, "image", 0).removed.tolist() == []


def test_allowed_is_kept_up_to_date(catalog: Catalog, photos: CollectionInfo) -> None:
    rows = catalog.put(photos.id, [new(str(n), n, n=n) for n in range(6)]).rows
    first = catalog.allowed(photos.id, "n >= 3")
    assert first.tolist() == rows[3:]
    assert catalog.allowed(photos.id, "n >= 3") is first
    catalog.put(photos.id, [new("7", 7, n=0)])
    assert catalog.allowed(photos.id, "n >= 3") is first  # a commit that changes no answer
    added = catalog.put(photos.id, [new("4", 7, n=9), new("3", 7, n=1)]).rows
    assert catalog.allowed(photos.id, "n >= 3").tolist() == [rows[5], added[0]]
    catalog.delete(photos.id, ["5"])
    catalog.purge(photos.id, 99)
    assert catalog.allowed(photos.id, "n >= 3").tolist() == [added[0]]
    with pytest.raises(ValueError, match="read-only"):
        catalog.allowed(photos.id, "n >= 3")[0] = 1


def test_pages_follow_each_other(catalog: Catalog, photos: CollectionInfo) -> None:
    catalog.put(photos.id, [new(f"{n}", n, n=n) for n in range(7)])
    seen, after = [], 0
    while page := catalog.page(photos.id, after, 2, "n != 3"):
        seen += [item.key for item in page.values()]
        after = max(page)
    assert seen == ["0", "1", "2", "4", "5", "6"]


def test_an_unknown_field_names_its_neighbours(catalog: Catalog, photos: CollectionInfo) -> None:
    with pytest.raises(BadFilter, match=r"unknown field year.*no item has metadata"):
        catalog.allowed(photos.id, "year == 1")
    catalog.put(photos.id, [new("a", year=1, camera={"model": "X"})])
    assert catalog.fields(photos.id) == ["camera", "camera.model", "year"]
    with pytest.raises(BadFilter, match=r"unknown field yaer.*did you mean year\?.*camera\.model"):
        catalog.allowed(photos.id, "yaer == 1")
    assert catalog.allowed(photos.id, "exists(yaer)").tolist() == []


def test_a_field_added_by_another_process_is_known(
    catalog: Catalog, photos: CollectionInfo, catalog_location: str | Path
) -> None:
    other = Catalog(catalog_location)
    catalog.put(photos.id, [new("a", year=1)])
    assert len(other.allowed(photos.id, "year == 1")) == 1
    other.close()


def test_stamps_are_renewed_without_a_commit(catalog: Catalog, photos: CollectionInfo) -> None:
    catalog.put(photos.id, [NewRow(Item("a"), unit(1), None, "root", "old", "hash"), new("b")])
    catalog.touch(photos.id, [("a", "new")])
    catalog.touch(photos.id, [])
    assert catalog.stamps(photos.id, "root") == {"a": ("new", "hash")}
    assert catalog.seq(photos.id)[0] == 1


def test_quarantine_remembers_the_last_reason(catalog: Catalog, photos: CollectionInfo) -> None:
    catalog.quarantine_put(photos.id, "root", "a", "s1", "cut short")
    catalog.quarantine_put(photos.id, "root", "a", "s2", "odd name \udcff\0")
    catalog.quarantine_put(photos.id, None, "b", None, "too large")
    a, b = catalog.quarantine(photos.id)
    assert (a.key, a.corpus, a.stamp, a.reason) == ("a", "root", "s2", "odd name \\udcff\\0")
    assert (b.key, b.reason) == ("b", "too large")
    catalog.quarantine_clear(photos.id, ["a", "absent"])
    assert catalog.quarantine(photos.id) == [b]


def test_quarantine_keeps_the_failures_that_still_stand(
    catalog: Catalog, photos: CollectionInfo
) -> None:
    for corpus, key in (("root", "a"), ("root", "b"), ("other", "c"), (None, "d")):
        catalog.quarantine_put(photos.id, corpus, key, None, "cut short")
    catalog.quarantine_keep(photos.id, "root", (f"{n}" for n in range(50_000)))
    assert [each.key for each in catalog.quarantine(photos.id)] == ["c", "d"]
    catalog.quarantine_keep(photos.id, "other", ["c"])
    catalog.quarantine_keep(photos.id, None, [])
    assert [each.key for each in catalog.quarantine(photos.id)] == ["c"]


@pytest.mark.parametrize("key", ["nul\0", "half\ud800", "ü" * 5_000])
def test_a_key_that_cannot_be_stored_can_be_quarantined(
    catalog: Catalog, photos: CollectionInfo, key: str
) -> None:
    catalog.quarantine_put(photos.id, "root", key, None, "its key")
    catalog.quarantine_keep(photos.id, "root", [key])
    assert len(catalog.quarantine(photos.id)) == 1
    catalog.quarantine_clear(photos.id, [key])
    assert catalog.quarantine(photos.id) == []


def test_writers_take_turns_and_none_is_lost(catalog: Catalog, photos: CollectionInfo) -> None:
    seqs: list[int] = []

    def write(name: int) -> None:
        for n in range(5):
            seqs.append(catalog.put(photos.id, [new(f"{name}-{n}"), new(f"shared {n}")]).seq)

    threads = [threading.Thread(target=write, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seqs) == list(range(1, 21))
    assert catalog.count(photos.id)["items"] == 25
    changes = catalog.changes(photos.id, "image", -1)
    assert list(changes.ids) == sorted(changes.ids)


def test_a_sound_catalog_has_no_faults(catalog: Catalog, photos: CollectionInfo) -> None:
    catalog.put(photos.id, [new("a")])
    catalog.delete(photos.id, ["a"])
    catalog.put(photos.id, [new("b")])
    catalog.vacuum()
    assert catalog.check() == []
    assert catalog.get(photos.id, "b")


def test_a_damaged_vector_is_never_given_out(catalog: Catalog, photos: CollectionInfo) -> None:
    row = catalog.put(photos.id, [new("fine", 1), new("hurt", 2)]).rows[1]
    with catalog._database.write() as connection:
        connection.exec_driver_sql(f"UPDATE vectors SET crc = crc + 1 WHERE row = {row}")
    for read in (
        lambda: catalog.changes(photos.id, "image", -1),
        lambda: catalog.scan(photos.id, "image"),
        lambda: catalog.vectors_of(row, "image"),
    ):
        with pytest.raises(Corrupt, match=r"item 'hurt'.*checksum"):
            read()
    assert catalog.check() == ["item 'hurt': a stored image vector fails its checksum"]


def test_a_lost_vector_is_noticed(catalog: Catalog, photos: CollectionInfo) -> None:
    row = catalog.put(photos.id, [new("a", 1), new("b", 2)]).rows[0]
    with catalog._database.write() as connection:
        connection.exec_driver_sql(f"DELETE FROM vectors WHERE row = {row}")
    with pytest.raises(Corrupt, match="doctor"):
        catalog.scan(photos.id, "image")


def test_fields_tell_kind_number_values_and_ends(catalog: Catalog, photos: CollectionInfo) -> None:
    metas = [
        {"year": 2000 + at, "old": at < 2, "tags": ["a", "a", at], "deep": {"odd name": "x" * at}}
        for at in range(1, 41)
    ]
    metas += [{"year": "unknown"}, {"deep": {"odd name": "y" * 200}, "none": None, "parts": [{}]}]
    catalog.put(photos.id, [new(str(at), **meta) for at, meta in enumerate(metas)])
    told = catalog.sample_fields(photos.id)
    assert (told.items, told.looked_at) == (42, 42)
    held = {each.name: each for each in told.fields}
    assert set(held) == {"year", 'meta["deep"]["odd name"]', "old", "tags", "parts"}
    assert [each.items for each in told.fields] == [41, 41, 40, 40, 1]
    year, deep, old, tags, parts = told.fields
    assert (year.kind, year.distinct, year.least, year.most) == ("number", 40, 2001, 2040)
    assert [count for _, count in year.values] == [1] * 24
    assert (deep.kind, deep.distinct, deep.least) == ("string", 41, None)
    assert (old.kind, old.values) == ("boolean", ((False, 39), (True, 1)))
    assert (tags.kind, tags.distinct, tags.values[0]) == ("array", 41, ("a", 40))
    assert (parts.distinct, parts.values) == (0, ())
    for each in told.fields:  # the name is what a filter takes
        assert catalog.allowed(photos.id, f"exists({each.name})").size == each.items


def test_the_sample_is_spread_over_the_whole_collection(
    catalog: Catalog, photos: CollectionInfo
) -> None:
    other = catalog.create("other", SPACE, {})
    for at in range(10):  # by turns, so that row ids of both lie between each other
        catalog.put(photos.id, [new(f"{at}-{n}", year=10 * at + n) for n in range(10)])
        catalog.put(other.id, [new(str(at), foreign=at)])
    for most, looked in ((7, 7), (50, 50), (99, 50), (100, 100), (1000, 100)):
        told = catalog.sample_fields(photos.id, most)
        (year,) = told.fields
        assert (told.items, told.looked_at, year.items) == (100, looked, looked)
        assert (year.least, year.most) == (0, 100 - 100 // looked if looked != 7 else 90)
    assert catalog.sample_fields(catalog.create("empty", SPACE, {}).id).fields == ()


def test_odd_and_endless_metadata_is_looked_at_within_bounds(
    catalog: Catalog, photos: CollectionInfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = {
        'q"q': 1,
        "back\\slash": 1,
        "": 1,
        "no\u00a0break": 1,
        "fine": "10\u00a0km",
        "km": "10 km",
    }
    rows = [new(f"odd-{n}", **odd) for n in range(3)]
    catalog.put(photos.id, rows)
    held = {each.name: each for each in catalog.sample_fields(photos.id).fields}
    assert set(held) == {"fine", "km"}  # what a filter can spell
    assert (held["fine"].values, held["km"].values) == ((), (("10 km", 3),))
    for name, most in (("LEAVES", 5), ("LETTERS", 10)):
        monkeypatch.setattr(field_sample, name, most)
        assert catalog.sample_fields(photos.id).looked_at == 1
        monkeypatch.undo()
    monkeypatch.setattr(field_sample, "PATHS", 1)
    assert len(catalog.sample_fields(photos.id).fields) == 1


def test_a_list_goes_by_row_and_stops_at_its_limit(
    catalog: Catalog, photos: CollectionInfo
) -> None:
    from sqlalchemy import event

    told: list[tuple[str, object]] = []
    engine = catalog._database._engine
    other = catalog.create("other", SPACE, {})
    for turn in range(20):
        catalog.put([photos, other][turn % 2].id, [new(f"{turn}-{at}", at) for at in range(5)])
    catalog.put(photos.id, [new("0-0", 9)])
    event.listen(
        engine,
        "before_cursor_execute",
        lambda _c, _u, text, values, *_: told.append((text, values)),
    )
    seen: list[int] = []
    while page := catalog.page(photos.id, max(seen, default=0), 7):
        seen += page
    assert seen == sorted(seen)
    assert len(seen) == 50
    statement, parameters = next(each for each in told if "FROM items" in each[0])
    if catalog.dialect == "sqlite":  # which would sort the whole collection for one page
        with catalog._database.snapshot() as connection:
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
        assert "ORDER BY" not in str(plan)
