"""Pictures corrected by a query bank: every search equals scoring all of them by hand."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import embedstore
from embedstore import Collection, Item, Query, Space, Store
from embedstore.encoders import load
from embedstore.errors import Corrupt
from embedstore.hubness import NEAREST, QueryBank, asked
from embedstore.types import Modality
from indexer import FlatIndex, IndexSpec, build
from indexer.types import Kind

DIM, K = 64, 10
Rows = NDArray[np.float32]


def cone(n: int, axis: int, seed: int, dim: int = DIM) -> Rows:
    """Unit rows around one axis, as the catalog keeps them."""
    rows = np.random.default_rng(seed).standard_normal((n, dim))
    rows[:, axis] += 3.0
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows.astype(np.float16).astype(np.float32)


PICTURES, BANK, TEXTS = cone(400, 0, 1), cone(150, 1, 2), cone(30, 1, 3)


def bank_of(weight: float = 0.5) -> QueryBank:
    return QueryBank("bank", weight, BANK)


def by_hand(pictures: Rows, query: Rows, weight: float) -> Rows:
    best = np.sort(pictures @ BANK.T, axis=1)[:, -NEAREST:]
    scores: Rows = pictures @ query - weight * best.mean(axis=1)
    return scores


def test_the_bias_is_the_mean_of_the_best_scores_with_the_bank() -> None:
    bank = np.eye(3, dtype=np.float32)
    found = QueryBank("b", 0.5, bank).bias(np.array([[0.6, 0.8, 0.0]], np.float32))
    np.testing.assert_allclose(found, [0.5 * 1.4 / 3], atol=2e-4)


@given(st.floats(0.0, 2.0, width=16), st.integers(1, 40))
@settings(max_examples=25, deadline=None)
def test_folding_equals_taking_the_bias_off(weight: float, n: int) -> None:
    bank = bank_of(weight)
    folded = asked(TEXTS, 1.0) @ bank.folded(PICTURES[:n]).T
    np.testing.assert_allclose(
        folded, TEXTS @ PICTURES[:n].T - bank.bias(PICTURES[:n]), rtol=0, atol=1e-5
    )
    untouched = asked(TEXTS, 0.0) @ bank.folded(PICTURES[:n]).T
    np.testing.assert_allclose(untouched, TEXTS @ PICTURES[:n].T, rtol=0, atol=1e-5)


def test_a_picture_has_the_same_bias_alone_and_among_others() -> None:
    alone = np.concatenate([bank_of().bias(row[None]) for row in PICTURES])
    np.testing.assert_allclose(bank_of().bias(PICTURES), alone, rtol=0, atol=2.5e-4)


@pytest.mark.parametrize("kind", ["flat", "ivf_pq", "hnsw"])
def test_every_index_finds_what_scoring_by_hand_finds(kind: Kind) -> None:
    pictures = cone(3000, 0, 4)
    queries = asked(TEXTS, 1.0)
    found, scores = build(bank_of().folded(pictures), IndexSpec(kind, DIM + 1)).search(queries, K)
    expected, _ = FlatIndex(bank_of().folded(pictures)).search(queries, K)
    for text, rows, told in zip(TEXTS, found, scores, strict=True):
        np.testing.assert_allclose(told, by_hand(pictures, text, 0.5)[rows], rtol=0, atol=4e-4)
    common = [len(np.intersect1d(*rows)) / K for rows in zip(found, expected, strict=True)]
    assert np.mean(common) >= (1.0 if kind == "flat" else 0.95)


class Made:
    """An encoder of made vectors: a text names its row."""

    space = Space("made", "w", "p", DIM)
    preprocess = load("toy").preprocess

    def encode_texts(self, texts: list[str]) -> Rows:
        return np.stack([cone(1, 1, int(text))[0] for text in texts])

    def encode_images(self, images: list[object]) -> Rows:
        raise AssertionError(f"{len(images)} pictures were encoded; the tests give vectors")

    def overlong(self, texts: list[str]) -> list[bool]:
        return [False] * len(texts)


@pytest.fixture
def made(store: Store) -> Collection:
    collection = store.create("made", Made())  # type: ignore[arg-type]
    add(collection, range(400))
    return collection


def add(collection: Collection, rows: range, vectors: Rows = PICTURES) -> None:
    items = [Item(f"p{row:04}", meta={"row": row}) for row in rows]
    collection.add_vectors(items, image=vectors[rows.start : rows.stop])


def keep(collection: Collection, weight: float = 0.5) -> None:
    collection.catalog.set_bank(collection.info.id, BANK, weight)


def scores(collection: Collection, **query: object) -> dict[str, float]:
    hits = collection.search(Query(k=1000, **query))  # type: ignore[arg-type]
    return {hit.item.key: hit.score for hit in hits}


def expected(weight: float, rows: list[int], vectors: Rows = PICTURES) -> dict[str, float]:
    told = by_hand(vectors, TEXTS[0], weight)
    return {f"p{row:04}": pytest.approx(told[row], abs=4e-4) for row in rows}


def test_added_replaced_and_deleted_items_are_corrected_as_those_before(made: Collection) -> None:
    keep(made)
    assert scores(made, vector=TEXTS[0]) == expected(0.5, list(range(400)))
    moved = np.concatenate([PICTURES[::-1], cone(20, 0, 9)])
    made.rebuild()
    add(made, range(10), moved)
    add(made, range(400, 420), moved)
    made.delete([f"p{row:04}" for row in range(100, 200)])
    now = {
        **expected(0.5, list(range(10, 100)) + list(range(200, 400))),
        **expected(0.5, list(range(10)) + list(range(400, 420)), moved),
    }
    assert scores(made, vector=TEXTS[0]) == now
    made.compact()
    assert scores(made, vector=TEXTS[0]) == now


@pytest.mark.parametrize("published", [True, False])
def test_a_filter_finds_corrected_pictures(made: Collection, published: bool) -> None:
    keep(made)
    if published:
        made.rebuild()
    found = scores(made, vector=TEXTS[0], where="row >= 20 and row < 60")
    assert found == expected(0.5, list(range(20, 60)))


def test_a_catalog_from_before_banks_gets_their_table(tmp_path: Path) -> None:
    with embedstore.open(tmp_path / "old") as old:
        old.create("made", Made())  # type: ignore[arg-type]
        with old.catalog._database.write() as connection:
            connection.exec_driver_sql("DROP TABLE banks")
            connection.exec_driver_sql("DELETE FROM migrations WHERE name = '0002 query banks'")
    with embedstore.open(tmp_path / "old") as opened:
        keep(opened.collection("made"))
        assert opened.collection("made").describe()["query_bank"] == len(BANK)


def test_a_bank_of_no_weight_changes_nothing(made: Collection) -> None:
    before = [hit.item.key for hit in made.search(Query(vector=TEXTS[0], k=400))]
    keep(made, weight=0.0)
    assert [hit.item.key for hit in made.search(Query(vector=TEXTS[0], k=400))] == before


def test_pictures_are_searched_with_pictures_as_ever(made: Collection) -> None:
    before = scores(made, like="p0007")
    keep(made)
    assert scores(made, like="p0007") == pytest.approx(before, abs=1e-5)


def test_a_mixed_query_loses_its_share(made: Collection) -> None:
    half = {"vector": TEXTS[0], "like": "p0007", "text_weight": 0.5}
    before = scores(made, **half)
    keep(made)
    bias = bank_of(0.25).bias(PICTURES)
    for key, score in scores(made, **half).items():
        assert score == pytest.approx(before[key] - bias[int(key[1:])], abs=4e-4)


def test_another_process_notices_and_a_store_opened_again_gives_the_same(
    made: Collection, store: Store
) -> None:
    with embedstore.open(store.folder) as other:
        there = other.collection("made")
        plain = scores(there, vector=TEXTS[0])
        keep(made)
        corrected = scores(made, vector=TEXTS[0])
        assert scores(there, vector=TEXTS[0]) == corrected != plain
        made.rebuild()
    with embedstore.open(store.folder) as again:
        there = again.collection("made")
        assert scores(there, vector=TEXTS[0]) == pytest.approx(corrected, abs=1e-5)
        assert there.describe()["query_bank"] == len(BANK)
        there.catalog.set_bank(there.info.id, None, 0.5)
        assert scores(there, vector=TEXTS[0]) == pytest.approx(plain, abs=1e-5)


def test_files_of_another_bank_go_with_the_rebuild(made: Collection) -> None:
    made.rebuild()
    for weight in (0.5, 0.25):
        keep(made, weight)
        made.rebuild()
    names = sorted(path.name for path in made.indices.folder.iterdir())
    assert names == [f"image-{made.catalog.bank_name(made.info.id)}", "text"]


def test_a_rebuild_takes_over_the_bank_that_is_kept(made: Collection) -> None:
    keep(made)
    assert scores(made, vector=TEXTS[0]) == expected(0.5, list(range(400)))
    made.catalog.set_bank(made.info.id, BANK[:100], 0.5)
    made.rebuild()
    assert made.describe()["query_bank"] == 100


def test_a_bank_kept_while_an_index_is_built_is_in_force_at_once(
    made: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(made, 0.25)
    assert scores(made, vector=TEXTS[0]) == expected(0.25, list(range(400)))
    real = made.catalog.scan

    def scan(number: int, modality: Modality) -> object:
        if modality == "image":
            keep(made)
        return real(number, modality)

    monkeypatch.setattr(made.catalog, "scan", scan)
    made.rebuild()
    assert scores(made, vector=TEXTS[0]) == expected(0.5, list(range(400)))


def test_a_collection_of_another_space_has_no_bank(made: Collection, store: Store) -> None:
    keep(made)
    moved = store.create("moved", "toy")
    assert moved.describe()["query_bank"] == 0
    with made.catalog._database.write() as connection:
        connection.exec_driver_sql("UPDATE collections SET fingerprint = 'other'")
    assert made.catalog.bank_name(made.info.id) is None
    assert made.catalog.bank(made.info.id) is None


def test_a_damaged_bank_is_told(made: Collection) -> None:
    keep(made)
    with made.catalog._database.write() as connection:
        connection.exec_driver_sql("UPDATE banks SET crc = crc + 1")
    with pytest.raises(Corrupt, match="embedstore calibrate"):
        made.search(Query(vector=TEXTS[0]))
