"""What is deleted is in no file of the store once it is compacted, wherever it was used."""

import json
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import text

import embedstore
from embedstore import Collection, Item, Query, Store
from embedstore.calibration import calibrate
from embedstore.encoders import load
from embedstore.encoders.toy import ToyEncoder
from embedstore.hubness import LEAST_QUERIES
from embedstore.tuning import tune
from indexer import IndexSpec

N = 240


class Other(ToyEncoder):
    """Toy under another name: the same vectors, in another space."""

    def __init__(self) -> None:
        super().__init__()
        self.space = replace(self.space, encoder="other", weights="other")


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float16).astype("<f4")


@pytest.fixture
def album(store: Store, monkeypatch: pytest.MonkeyPatch) -> Collection:
    """Pictures with a caption each, the first of which go one day; tuning approximates."""
    monkeypatch.setattr(
        sys.modules["indexer.tune"], "candidates", lambda n, dim, gpus: [IndexSpec("ivf_sq8", dim)]
    )
    made = store.create("album", load("toy"))
    rng, dim = np.random.default_rng(0), made.info.space.dim
    own = rng.standard_normal((N, dim))
    pictures, captions = unit(own), unit(own + rng.standard_normal((N, dim)))
    items = [Item(f"p{row:03}", texts=(f"unmistakable {row:03}",)) for row in range(N)]
    made.add_vectors(items, image=pictures, text=captions)
    return made


def marks(album: Collection, keys: list[str]) -> list[bytes]:
    """Give what can be told of items in bytes: keys, words, and vectors in every form stored."""
    found = []
    for key in keys:
        row, item = album.catalog.get(album.info.id, key)
        found += [key.encode(), item.texts[0].encode()]
        for modality in ("image", "text"):
            (vector,) = album.catalog.vectors_of(row, modality)
            found += [vector.astype("<f2").tobytes(), vector.tobytes()]
    return found


def everything(store: Store) -> bytes:
    files = [path for path in store.folder.rglob("*") if path.is_file()]
    return b"".join(path.read_bytes() for path in files)


def gone(store: Store, album: Collection, keys: list[str]) -> list[bytes]:
    """Delete items, compact, and give what is still found of them."""
    told = marks(album, keys)
    album.delete(keys)
    album.compact()
    held = everything(store)
    return [mark for mark in told if mark in held]


def test_a_bank_and_a_promise_lose_the_captions_of_what_is_deleted(
    store: Store, album: Collection
) -> None:
    tune(album, recall=0.5, k=5)
    calibrate(album, hubs="on", expand="off")
    album.search("unmistakable")
    keys = [f"p{row:03}" for row in range(10)]
    assert gone(store, album, keys) == []
    told = album.describe()
    assert told["query_bank"] == N - 10
    assert told["index"]["image"]["promise"]["queries"] == N - 10
    assert told["index"]["image"]["promise"]["kept"]
    album.compact()
    assert album.describe()["query_bank"] == N - 10


def test_a_bank_that_lost_captions_corrects_and_tells_probabilities_everywhere(
    store: Store, album: Collection
) -> None:
    calibrate(album, hubs="on", expand="off")
    with embedstore.open(store.folder) as elsewhere:
        opened = elsewhere.collection("album")
        before = opened.search("unmistakable", k=3)
        album.delete(["p001"])
        album.compact()
        for each in (album, opened):
            hits = each.search(Query("unmistakable", k=3, min_probability=0.0))
            assert {hit.probability is None for hit in [*before, *hits]} == {False}
        bank = album.catalog.bank(album.info.id)
        assert bank is not None
        (captions,) = (album.catalog.scan(album.info.id, "text")[2],)
        np.testing.assert_array_equal(np.sort(bank.vectors, 0), np.sort(captions, 0))


def test_a_bank_with_too_few_captions_left_is_dropped_and_a_promise_not_measured(
    store: Store, album: Collection, caplog: pytest.LogCaptureFixture
) -> None:
    tune(album, recall=0.5, k=5, memory_bytes=1 << 20)
    calibrate(album, hubs="on", expand="off")
    assert gone(store, album, [f"p{row:03}" for row in range(N - LEAST_QUERIES + 1)]) == []
    told = album.describe()
    assert told["query_bank"] == 0
    assert told["index"]["image"]["promise"] == "uncalibrated"
    assert told["index"]["image"]["kind"] == "ivf_sq8"
    assert "run `embedstore calibrate --collection album` again" in caplog.text
    assert "uncalibrated until `embedstore tune --queries FILE`" in caplog.text


def test_a_bank_and_a_promise_of_given_queries_stay(album: Collection) -> None:
    words = [f"query {row}" for row in range(LEAST_QUERIES)]
    words[0] = "unmistakable 000"
    tune(album, recall=0.5, k=5, queries=words, source="captions")
    calibrate(album, words, hubs="on", expand="off")
    name = album.catalog.bank_name(album.info.id)
    album.delete(["p000"])
    album.compact()
    assert album.catalog.bank_name(album.info.id) == name
    assert album.describe()["index"]["image"]["promise"]["queries"] == LEAST_QUERIES


def test_a_store_of_an_older_version_forgets_captions_as_well(
    store: Store, album: Collection
) -> None:
    calibrate(album, hubs="on", expand="off")
    _, _, captions = album.catalog.scan(album.info.id, "text")
    asked = {"source": "captions", "recall": 0.5, "k": 5, "memory_bytes": None, "kind": "ivf_sq8"}
    with album.catalog._database.write() as connection:
        connection.execute(text("ALTER TABLE banks DROP COLUMN of_captions"))
        connection.execute(text("DELETE FROM migrations WHERE name LIKE '0005%'"))
        connection.execute(
            text("INSERT INTO promises VALUES (:id, 'image', :fingerprint, :asked, :queries, 1)"),
            {
                "id": album.info.id,
                "fingerprint": album.info.space.fingerprint,
                "asked": json.dumps(asked),
                "queries": captions.tobytes(),
            },
        )
    with embedstore.open(store.folder) as newer:
        opened = newer.collection("album")
        assert gone(newer, opened, ["p000", "p001"]) == []
        assert opened.describe()["query_bank"] == N - 2
        assert opened.describe()["index"]["image"]["promise"]["recall"] == 0.5


def test_an_unfinished_move_to_another_encoder_forgets_too(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = store.create("words", load("toy"))
    made.add(Item(f"w{row}", texts=(f"word {row}",)) for row in range(5))

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    other = Other()
    with monkeypatch.context() as patch, suppress(KeyboardInterrupt):
        patch.setattr(store.catalog, "succeed", stop)
        embedstore.re_embed(store, "words", other, workers=0)
    vector = other.encode_texts(["word 3"])[0].astype("<f2").astype("<f4").tobytes()
    (heir,) = (store.folder / "index").iterdir()
    assert vector in b"".join(path.read_bytes() for path in heir.rglob("index-*"))
    made.delete(["w3"])
    made.compact()
    assert vector not in everything(store)
    assert embedstore.re_embed(store, "words", other, workers=0).switched


def test_thumbnails_pictures_and_metadata_are_gone(store: Store, picture) -> None:
    made: Collection = store.create("photos", load("toy"))
    path: Path = picture("uniquely-named.jpg", "red")
    secret = Item("one", path.read_bytes(), ("a caption",), {"field": "peculiar value"})
    made.add([secret, Item("two", picture("b.jpg", "blue"))])
    small = made.thumbnail("one", 32)
    made.catalog.quarantine_put(made.info.id, "peculiar folder", "one", None, "peculiar reason")
    made.rebuild()
    told = [b"peculiar", b"a caption", path.read_bytes(), small]
    held = everything(store)
    assert [mark for mark in told if mark not in held] == []
    made.delete(["one"])
    made.compact()
    held = everything(store)
    assert [mark for mark in told if mark in held] == []
    assert made.describe()["quarantined"] == 0
