"""An index that promises recall for real queries, and keeps the promise."""

import logging
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import embedstore
from embedstore import Collection, Item, Query
from embedstore.encoders import load
from embedstore.errors import BadQuery, Invalid
from embedstore.promise import Promise, promise_of
from embedstore.tuning import tune
from indexer import FaissIndex, IndexSpec, build, footprint, neighbor_recall

N, CAPTIONED = 3_000, 400


def unit(rng: np.random.Generator, n: int, dim: int, towards: float = 0.0) -> np.ndarray:
    centres = np.random.default_rng(1).standard_normal((40, dim))
    rows = centres[rng.integers(40, size=n)] + rng.standard_normal((n, dim))
    rows[:, 0] += towards  # words lie in a cone of their own
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture
def photos(tmp_path: Path) -> Iterator[Collection]:
    with embedstore.open(tmp_path / "store") as store:
        made = store.create("photos", load("toy"))
        rng, dim = np.random.default_rng(2), made.info.space.dim
        pictures, words = unit(rng, N, dim), unit(rng, CAPTIONED, dim, towards=4.0)
        named = [Item(f"{n}", texts=(f"caption {n}",)) for n in range(CAPTIONED)]
        plain = [Item(f"{n}") for n in range(CAPTIONED, N)]
        made.add_vectors(named, image=pictures[:CAPTIONED], text=words)
        made.add_vectors(plain, image=pictures[CAPTIONED:])
        yield made


@pytest.fixture
def approximate(monkeypatch: pytest.MonkeyPatch) -> None:
    """Too few rows for the planner to approximate anything by itself."""

    def candidates(n: int, dim: int, gpus: int = 0) -> list[IndexSpec]:
        return [IndexSpec("ivf_sq8", dim)]

    monkeypatch.setattr(sys.modules["indexer.tune"], "candidates", candidates)


def measured(photos: Collection, k: int = 10) -> float:
    """Give the share of the exact neighbours of fresh queries that the index finds."""
    queries = unit(np.random.default_rng(9), 200, photos.info.space.dim, towards=4.0)
    photos.indices.refresh()
    held = photos.indices._sets["image"]
    found, exact = held.search(queries, k).ids, held.search(queries, k, exact=True).ids
    return float(neighbor_recall(found, exact).mean())


def test_a_small_collection_is_exact_and_an_index_of_captions_is_uncalibrated(
    photos: Collection,
) -> None:
    photos.rebuild()
    assert photos.describe()["index"]["image"]["promise"] == "exact"
    assert "exact" in str(photos.explain("words")[0])


def test_a_tuned_index_keeps_its_promise_and_tells_the_evidence(
    photos: Collection, approximate: None
) -> None:
    told = []
    found = tune(photos, recall=0.8, k=5, told=told.append)
    assert told == list(found.tuning.candidates)
    assert found.index["kind"] == "ivf_sq8"
    promise = photos.describe()["index"]["image"]["promise"]
    assert (promise["recall"], promise["k"], promise["source"]) == (0.8, 5, "captions")
    assert promise["kept"]
    assert promise["bound"] >= 0.8
    assert promise["queries"] == CAPTIONED
    assert promise["seq"] == photos.catalog.seq(photos.info.id)[0]
    assert measured(photos, 5) >= promise["bound"] - 0.03  # another sample of queries
    (explained,) = photos.explain("words")
    assert explained.promise == promise
    assert f"{promise['bound']:.3f} of the 5 exact neighbours" in str(explained)
    (complete,) = photos.explain(Query("words", min_score=0.1))
    assert complete.promise == "exact"


def test_every_rebuild_measures_again_and_a_new_process_keeps_the_promise(
    photos: Collection, approximate: None, tmp_path: Path
) -> None:
    tune(photos, recall=0.8, k=5)
    rng = np.random.default_rng(3)
    grown = [Item(f"more {n}") for n in range(N)]
    photos.add_vectors(grown, image=unit(rng, N, photos.info.space.dim, towards=1.0))
    with embedstore.open(tmp_path / "store") as other:
        again = other.collection("photos")
        again.rebuild()
        promise = again.describe()["index"]["image"]["promise"]
        assert promise["seq"] == 3
        assert promise["kept"]
        assert again.describe()["index"]["image"]["published"] == 2 * N


def test_a_promise_that_breaks_moves_to_another_kind(photos: Collection) -> None:
    pictures = photos.catalog.scan(photos.info.id, "image")[2].astype(np.float32)
    weak = build(pictures, IndexSpec("ivf_pq", pictures.shape[1], nlist=8))
    stored = promise_of(photos.catalog, photos.info.id, "image")
    assert stored is not None
    promise = replace(stored, recall=0.98)
    kept: FaissIndex = promise.keeper(7, lambda queries: queries)(weak, pictures)
    assert kept.spec.kind == "flat" or kept.evidence["kept"]


def test_an_index_that_outgrows_its_memory_moves_to_another_kind(
    photos: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    smaller = [IndexSpec("ivf_pq", photos.info.space.dim)]
    monkeypatch.setattr(sys.modules["indexer.tune"], "candidates", lambda *_: smaller)
    pictures = photos.catalog.scan(photos.info.id, "image")[2].astype(np.float32)
    spec = IndexSpec("ivf_sq8", pictures.shape[1])
    stored = promise_of(photos.catalog, photos.info.id, "image")
    assert stored is not None
    promise = replace(stored, recall=0.5, memory_bytes=footprint(spec, N) * 2 // 3)
    kept = promise.keeper(7, lambda queries: queries)(build(pictures, spec), pictures)
    assert footprint(kept.spec, N) <= promise.memory_bytes
    assert kept.evidence["kept"]


def test_that_an_exact_index_was_fastest_binds_no_larger_collection(photos: Collection) -> None:
    stored = promise_of(photos.catalog, photos.info.id, "image")
    assert stored is not None
    flat = replace(stored, kind="flat")
    assert flat.spec(1_000_000, 128) is None
    small = replace(flat, memory_bytes=10_000_000).spec(40_000, 128)
    assert small is not None
    assert footprint(small, 40_000) <= 10_000_000


def test_a_promise_that_nothing_keeps_is_told_as_broken(
    photos: Collection, caplog: pytest.LogCaptureFixture
) -> None:
    pictures = photos.catalog.scan(photos.info.id, "image")[2].astype(np.float32)
    index = build(pictures, IndexSpec("ivf_sq8", pictures.shape[1]))
    stored = promise_of(photos.catalog, photos.info.id, "image")
    assert stored is not None
    promise = replace(stored, recall=0.999, memory_bytes=1)
    with caplog.at_level(logging.WARNING):
        kept = promise.keeper(7, lambda queries: queries)(index, pictures)
    assert not kept.evidence["kept"]
    assert "embedstore tune" in caplog.text


@pytest.mark.parametrize(
    ("terms", "said"),
    [
        ({"recall": 1.1}, "recall is 1.1; expected above 0"),
        ({"recall": float("nan")}, "recall is nan"),
        ({"k": 0}, "k is 0; expected 1 to 1000"),
        ({"memory_bytes": 0}, "memory is 0 bytes"),
        ({"queries": ["one", "two"]}, "2 queries; expected at least 100"),
        ({"modality": "text"}, "no real queries to tune the text index"),
    ],
)
def test_terms_that_make_no_sense_are_refused(photos: Collection, terms: dict, said: str) -> None:
    with pytest.raises(Invalid, match=said):
        tune(photos, **terms)


def test_an_exact_index_keeps_what_is_asked_and_info_tells_the_terms(tmp_path: Path) -> None:
    with embedstore.open(tmp_path / "few") as store:
        few = store.create("few", load("toy"))
        rng, dim = np.random.default_rng(2), few.info.space.dim
        items = [Item(f"{n}", texts=(f"caption {n}",)) for n in range(124)]
        few.add_vectors(items, image=unit(rng, 124, dim), text=unit(rng, 124, dim))
        assert few.describe()["tuned"] == {}
        for recall in (0.99, 1.0):
            assert tune(few, recall=recall).tuning.kept().bound == 1
            told = few.describe()
            assert told["index"]["image"]["promise"] == "exact"
            assert told["tuned"]["image"]["recall"] == recall
        with pytest.raises(Invalid, match=r"k is 500 and .* 124 image vectors; expected 1 to 124"):
            tune(few, k=500)
        promise = promise_of(store.catalog, few.info.id, "image")
        assert promise is not None
        assert promise.spec(10_000_000, dim) == IndexSpec("flat", dim)


def test_a_memory_that_nothing_fits_names_what_would_do(photos: Collection) -> None:
    with pytest.raises(Invalid, match=r"no index keeps recall 0.9 .* within 10 bytes"):
        tune(photos, recall=0.9, memory_bytes=10)
    assert promise_of(photos.catalog, photos.info.id, "image").kind is None  # nothing was kept


def test_without_captions_or_queries_nothing_is_promised(tmp_path: Path) -> None:
    with embedstore.open(tmp_path / "other") as store:
        bare = store.create("bare", load("toy"))
        with pytest.raises(Invalid, match="is empty, there is nothing to tune"):
            tune(bare)
        bare.add_vectors(
            [Item("one")], image=unit(np.random.default_rng(4), 1, bare.info.space.dim)
        )
        with pytest.raises(Invalid, match="--queries FILE"):
            tune(bare)
        assert promise_of(store.catalog, bare.info.id, "image") is None
        with pytest.raises(BadQuery, match="empty"):
            bare.explain("")


def test_a_caption_of_many_items_is_one_question(tmp_path: Path) -> None:
    rng = np.random.default_rng(6)
    with embedstore.open(tmp_path / "shop") as store:
        shop = store.create("shop", load("toy"))
        dim = shop.info.space.dim
        words = unit(rng, 3, dim)[np.arange(CAPTIONED) % 3]
        items = [Item(f"{n}", texts=(f"kind {n % 3}",)) for n in range(CAPTIONED)]
        shop.add_vectors(items, image=unit(rng, CAPTIONED, dim), text=words)
        assert promise_of(store.catalog, shop.info.id, "image") is None
        with pytest.raises(Invalid, match="captions of their own"):
            tune(shop)


def test_an_index_is_rebuilt_where_it_was_measured(
    photos: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = promise_of(photos.catalog, photos.info.id, "image")
    assert stored is not None
    there = replace(stored, kind="ivf_sq8", device="gpu")
    assert there.stored().asked["device"] == "gpu"
    for gpus, device in ((1, "gpu"), (0, "cpu")):  # a catalog may move to another machine
        monkeypatch.setattr("indexer.gpu.gpu_count", lambda gpus=gpus: gpus)
        assert there.spec(100_000, 512) == IndexSpec("ivf_sq8", 512, device=device)


def test_captions_tune_again_after_a_query_log_and_the_log_where_there_are_none(
    photos: Collection, approximate: None, tmp_path: Path
) -> None:
    log = [f"what people ask {n}" for n in range(200)]
    assert tune(photos, recall=0.7, queries=log, source="log.txt").promise.source == "log.txt"
    assert tune(photos, recall=0.7).promise.source == "captions"
    with embedstore.open(tmp_path / "other") as store:
        bare = store.create("bare", load("toy"))
        rows = unit(np.random.default_rng(4), 300, bare.info.space.dim)
        bare.add_vectors([Item(f"{n}") for n in range(300)], image=rows)
        tune(bare, recall=0.7, queries=log, source="log.txt")
        again = tune(bare, recall=0.8).promise
        assert (again.source, again.recall, len(again.queries)) == ("log.txt", 0.8, 200)


def test_a_query_log_promises_for_captions_too(photos: Collection, approximate: None) -> None:
    log = [f"what people ask {n}" for n in range(300)]
    found = tune(photos, recall=0.7, k=3, queries=log, source="log.txt", modality="text")
    assert photos.describe()["index"]["text"]["promise"] == found.index["promise"]
    stored = promise_of(photos.catalog, photos.info.id, "text")
    assert stored is not None
    assert (stored.source, len(stored.queries)) == ("log.txt", 300)
    assert isinstance(stored, Promise)
