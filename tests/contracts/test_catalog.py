"""What every catalog keeps, and what it refuses, whichever database holds it."""

from pathlib import Path

import numpy as np
import pytest

from embedstore.catalog import Catalog, CollectionInfo, NewRow
from embedstore.errors import BadItem, Conflict, Invalid, NotFound
from embedstore.types import IN_CATALOG, Item, Space, Vectors

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
    assert catalog.change_options(photos, lambda kept: {**kept, "a": 1}) == {
        "prompts": ["{}"],
        "a": 1,
    }
    assert catalog.describe("photos").options == {"prompts": ["{}"], "a": 1}


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
    with pytest.raises(NotFound, match="dropped meanwhile"):
        catalog.quarantine_put(photos.id, None, "a", None, "late")
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
    assert catalog.size(photos.id) == 1


def test_a_picture_given_as_bytes_is_kept(catalog: Catalog, photos: CollectionInfo) -> None:
    jpeg = b"\xff\xd8\xff\xe0 not a whole picture"
    row = catalog.put(photos.id, [NewRow(Item("k", jpeg), unit(1))]).rows[0]
    assert catalog.original(photos.id, "k") == ("image/jpeg", jpeg)
    assert catalog.get(photos.id, "k")[1].image == jpeg
    assert catalog.items(photos.id, [row])[row].image == IN_CATALOG  # a hit carries no bytes


def test_an_item_of_words_has_no_picture(catalog: Catalog, photos: CollectionInfo) -> None:
    catalog.put(photos.id, [NewRow(Item("words"), None, unit(2))])
    with pytest.raises(NotFound, match="'words' has no picture"):
        catalog.original(photos.id, "words")


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
    with pytest.raises(BadItem, match=f"'bad'.*{why}"):
        catalog.check_row(photos.id, bad)
    catalog.check_row(photos.id, new("good"))
    assert catalog.seq(photos.id) == (0, 0)
    assert catalog.count(photos.id)["items"] == 0


@pytest.mark.parametrize("key", ["", "a\0b", "half\ud800", "x" * 2_001])
def test_keys_that_cannot_be_stored(catalog: Catalog, photos: CollectionInfo, key: str) -> None:
    with pytest.raises(BadItem, match="key"):
        catalog.put(photos.id, [new(key)])
    with pytest.raises(BadItem, match="key"):
        catalog.check_row(photos.id, new(key))


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
