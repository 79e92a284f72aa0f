"""What every catalog must do, whichever database holds it."""

import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from embedstore.catalog import Catalog, CollectionInfo, NewRow
from embedstore.errors import BadFilter, BadItem, Conflict, Corrupt, Invalid, NotFound
from embedstore.types import Item, Space, Vectors

DIM = 8
SPACE = Space("toy", "w", "p", DIM)


def unit(seed: int, count: int = 1) -> Vectors:
    made = np.random.default_rng(seed).standard_normal((count, DIM)).astype(np.float32)
    return made / np.linalg.norm(made, axis=1, keepdims=True)


def half(vectors: Vectors) -> Vectors:
    return vectors.astype(np.float16).astype(np.float32)


def new(key: str, seed: int = 0, **meta: object) -> NewRow:
    return NewRow(Item(key, None, (), meta), unit(seed))


@pytest.fixture
def photos(catalog: Catalog) -> CollectionInfo:
    return catalog.create("photos", SPACE, {"prompts": ["{}"]})


def test_a_collection_keeps_its_space_and_options(catalog: Catalog, photos: CollectionInfo) -> None:
    assert catalog.describe("photos") == photos
    assert (photos.space, photos.options, photos.seq) == (SPACE, {"prompts": ["{}"]}, 0)
    catalog.set_options(photos.id, {"a": 1})
    assert catalog.describe("photos").options == {"a": 1}


def test_a_taken_or_odd_name_is_refused(catalog: Catalog, photos: CollectionInfo) -> None:
    with pytest.raises(Conflict, match="'photos' exists"):
        catalog.create("photos", SPACE, {})
    for name in ("", "a/b", "x" * 65, "ä", "..", "a\n"):
        with pytest.raises(Invalid, match="not allowed"):
            catalog.create(name, SPACE, {})


def test_a_name_that_is_not_there_lists_those_that_are(
    catalog: Catalog, photos: CollectionInfo
) -> None:
    with pytest.raises(NotFound, match="no collection 'photo'; there is 'photos'"):
        catalog.describe("photo")
    with pytest.raises(NotFound):
        catalog.drop("photo")


def test_a_dropped_collection_leaves_nothing_and_its_ids_stay_used(
    catalog: Catalog, photos: CollectionInfo
) -> None:
    row = catalog.put(photos.id, [new("a")]).rows[0]
    catalog.drop("photos")
    assert catalog.collections() == []
    assert len(catalog.vectors_of(row, "image")) == 0
    with pytest.raises(NotFound, match="dropped meanwhile"):
        catalog.put(photos.id, [new("a")])
    with pytest.raises(NotFound, match="dropped meanwhile"):
        catalog.seq(photos.id)
    again = catalog.create("photos", SPACE, {})
    assert again.id != photos.id
    assert catalog.put(again.id, [new("a")]).rows[0] > row


def test_an_item_comes_back_as_it_went_in(catalog: Catalog, photos: CollectionInfo) -> None:
    meta = {"z": 1e300, "a": [1, {"b": None}], "ü": "\x1f\U0001f30a", "f": 1.0, "big": 2**63 - 1}
    texts = ("a caption", "half a pair \ud800, NUL \0")
    path = Path("/photos/caf\udce9.jpg")  # a name that is not UTF-8
    written = catalog.put(
        photos.id, [NewRow(Item("k", path, texts, meta), unit(1), unit(2, 2), "root", "s", "h")]
    )
    row, item = catalog.get(photos.id, "k")
    assert written.rows == [row]
    assert item == Item("k", path, texts, meta)
    assert list(item.meta) == list(meta)
    assert isinstance(item.meta["z"], float)
    assert catalog.items(photos.id, [row]) == {row: item}
    assert catalog.original(photos.id, "k") == path
    np.testing.assert_array_equal(catalog.vectors_of(row, "image"), half(unit(1)))
    np.testing.assert_array_equal(catalog.vectors_of(row, "text"), half(unit(2, 2)))
    assert catalog.stamps(photos.id, "root") == {"k": ("s", "h")}
    assert catalog.count(photos.id) == {"items": 1, "vectors": {"image": 1, "text": 2}}


def test_a_picture_given_as_bytes_is_kept(catalog: Catalog, photos: CollectionInfo) -> None:
    jpeg = b"\xff\xd8\xff\xe0 not a whole picture"
    row = catalog.put(photos.id, [NewRow(Item("k", jpeg), unit(1))]).rows[0]
    assert catalog.original(photos.id, "k") == ("image/jpeg", jpeg)
    assert catalog.image_bytes(photos.id, "k") == jpeg
    assert catalog.get(photos.id, "k")[1].image == jpeg
    assert catalog.items(photos.id, [row])[row].image is None  # searches do not carry pictures


def test_pictures_that_are_not_there_are_said_to_be(
    catalog: Catalog, photos: CollectionInfo, tmp_path: Path
) -> None:
    gone = Item("gone", tmp_path / "gone.jpg")
    catalog.put(photos.id, [NewRow(gone, unit(1)), NewRow(Item("words"), None, unit(2))])
    with pytest.raises(NotFound, match=r"gone\.jpg: No such file"):
        catalog.image_bytes(photos.id, "gone")
    with pytest.raises(NotFound, match="'words' has no picture"):
        catalog.image_bytes(photos.id, "words")


@pytest.mark.parametrize("key", ["absent", "", "nul\0", "half\ud800"])
def test_a_key_that_is_not_there(catalog: Catalog, photos: CollectionInfo, key: str) -> None:
    with pytest.raises(NotFound, match="no item"):
        catalog.get(photos.id, key)
    assert catalog.delete(photos.id, [key]).missing == [key]


def test_replacing_gives_a_new_row_and_a_tombstone(
    catalog: Catalog, photos: CollectionInfo
) -> None:
    first = catalog.put(photos.id, [new("a", 1), new("b", 2)])
    second = catalog.put(photos.id, [new("a", 3)])
    assert second.removed == [first.rows[0]]
    assert second.replaced == {"a"}
    assert second.rows[0] > max(first.rows)
    changes = catalog.changes(photos.id, "image", first.seq)
    assert (changes.seq, list(changes.ids), list(changes.removed)) == (2, second.rows, [1])
    np.testing.assert_array_equal(changes.vectors, half(unit(3)))


def test_of_two_items_with_one_key_the_last_wins(catalog: Catalog, photos: CollectionInfo) -> None:
    written = catalog.put(photos.id, [new("a", 1, v=1), new("b", 2), new("a", 3, v=3)])
    assert written.rows[0] == written.rows[2] != written.rows[1]
    assert catalog.get(photos.id, "a")[1].meta == {"v": 3}
    assert catalog.count(photos.id)["items"] == 2


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (NewRow(Item("bad"), np.full((1, DIM), np.nan, np.float32)), "holds NaN"),
        (NewRow(Item("bad"), np.full((1, DIM), np.inf, np.float32)), "NaN or infinity"),
        (NewRow(Item("bad"), unit(1) * 1.1), r"norm 1\.1"),
        (NewRow(Item("bad"), np.zeros((1, DIM), np.float32)), "norm 0"),
        (NewRow(Item("bad"), unit(1)[:, :3]), r"shape \(1, 3\); expected \(n, 8\)"),
        (NewRow(Item("bad"), unit(1)[0]), r"shape \(8,\)"),
        (NewRow(Item("bad"), None, unit(1) * 2), "text vector has norm 2"),
        (NewRow(Item("bad")), "no vector"),
        (NewRow(Item("bad"), unit(1)[:0]), "no vector"),
        (NewRow(Item("bad", meta=[1]), unit(1)), "metadata is of type list"),  # type: ignore[arg-type]
        (NewRow(Item("bad", meta={"when": {1}}), unit(1)), "field when is of type set"),
        (NewRow(Item("bad", meta={"a": {"b": float("nan")}}), unit(1)), r"field a\.b is nan"),
        (NewRow(Item("bad", meta={"n": 2**63}), unit(1)), "64 bits"),
        (NewRow(Item("bad", meta={"n": [-(2**63) - 1]}), unit(1)), "64 bits"),
        (NewRow(Item("bad", meta={"s": "\0"}), unit(1)), "NUL"),
        (NewRow(Item("bad", meta={"s": ["\udfff"]}), unit(1)), "surrogate"),
        (NewRow(Item("bad", meta={"\0": 1}), unit(1)), "field name"),
        (NewRow(Item("bad", meta={1: 1}), unit(1)), "field name 1"),  # type: ignore[dict-item]
    ],
)
def test_what_cannot_be_stored_is_named_and_nothing_is_stored(
    catalog: Catalog, photos: CollectionInfo, bad: NewRow, why: str
) -> None:
    with pytest.raises(BadItem, match=f"'bad'.*{why}"):
        catalog.put(photos.id, [new("good"), bad])
    assert catalog.seq(photos.id) == (0, 0)
    assert catalog.count(photos.id)["items"] == 0


@pytest.mark.parametrize("key", ["", "a\0b", "half\ud800", "x" * 2_001])
def test_keys_that_cannot_be_stored(catalog: Catalog, photos: CollectionInfo, key: str) -> None:
    with pytest.raises(BadItem, match="key"):
        catalog.put(photos.id, [new(key)])


def test_metadata_nested_too_deep_is_refused(catalog: Catalog, photos: CollectionInfo) -> None:
    deep: object = 1
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(BadItem, match="nested deeper than 50"):
        catalog.put(photos.id, [new("a", deep=deep)])


def test_a_long_key_is_stored(catalog: Catalog, photos: CollectionInfo) -> None:
    rng = np.random.default_rng(0)  # random, so that no index can compress it
    key = "".join(chr(letter) for letter in rng.integers(0x4E00, 0x9FFF, 666))
    catalog.put(photos.id, [new(key)])
    assert catalog.get(photos.id, key)[1].key == key


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
        assert vectors.dtype == np.float32
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
    with pytest.raises(BadFilter, match="unknown field year.*no item has metadata"):
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


OPERATIONS = st.lists(
    st.tuples(
        st.sampled_from(["put", "delete", "purge"]), st.lists(st.sampled_from("abcdef"), max_size=3)
    ),
    max_size=12,
)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(operations=OPERATIONS, reader_stops=st.integers(0, 12))
def test_a_reader_that_applies_changes_holds_what_a_scan_gives(
    catalog: Catalog, operations: list[tuple[str, list[str]]], reader_stops: int
) -> None:
    name = f"law-{len(catalog.collections())}"
    here = catalog.create(name, SPACE, {}).id
    truth: dict[str, Vectors] = {}
    held: dict[int, Vectors] = {}
    since = -1

    def catch_up() -> None:
        nonlocal since
        changes = catalog.changes(here, "image", since)
        if since < changes.purged_seq:  # its deletions may be forgotten: start anew
            held.clear()
            changes = catalog.changes(here, "image", -1)
        for row, vector in zip(changes.ids, changes.vectors, strict=True):
            held[int(row)] = vector
        for row in changes.removed:
            held.pop(int(row), None)
        since = changes.seq

    for step, (operation, keys) in enumerate(operations):
        if operation == "put":
            catalog.put(here, [new(key, step) for key in keys])
            truth.update(dict.fromkeys(keys, half(unit(step))[0]))
        elif operation == "delete":
            catalog.delete(here, keys)
            for key in keys:
                truth.pop(key, None)
        else:
            catalog.purge(here, catalog.seq(here)[0])
        if step == reader_stops:
            catch_up()
    catch_up()
    seq, ids, vectors = catalog.scan(here, "image")
    assert seq == since
    assert sorted(held) == ids.tolist()
    for row, vector in zip(ids, vectors, strict=True):
        np.testing.assert_array_equal(held[int(row)], vector)
    found = {item.key: row for row, item in catalog.items(here, ids.tolist()).items()}
    assert found.keys() == truth.keys()
    for key, row in found.items():
        np.testing.assert_array_equal(held[row], truth[key])


def test_a_damaged_vector_is_never_given_out(catalog: Catalog, photos: CollectionInfo) -> None:
    row = catalog.put(photos.id, [new("fine", 1), new("hurt", 2)]).rows[1]
    with catalog._database.write() as connection:
        connection.exec_driver_sql(f"UPDATE vectors SET crc = crc + 1 WHERE row = {row}")
    for read in (
        lambda: catalog.changes(photos.id, "image", -1),
        lambda: catalog.scan(photos.id, "image"),
        lambda: catalog.vectors_of(row, "image"),
    ):
        with pytest.raises(Corrupt, match="item 'hurt'.*checksum"):
            read()
    assert catalog.check() == ["item 'hurt': a stored image vector fails its checksum"]


def test_a_lost_vector_is_noticed(catalog: Catalog, photos: CollectionInfo) -> None:
    row = catalog.put(photos.id, [new("a", 1), new("b", 2)]).rows[0]
    with catalog._database.write() as connection:
        connection.exec_driver_sql(f"DELETE FROM vectors WHERE row = {row}")
    with pytest.raises(Corrupt, match="doctor"):
        catalog.scan(photos.id, "image")
