"""A promise is checked on what is asked, and measured anew when the askers change."""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import embedstore
from embedstore import Collection, Item, Query
from embedstore import watch as watching
from embedstore.encoders import load
from embedstore.errors import StorageFull
from embedstore.tuning import tune
from indexer import IndexSpec, neighbor_recall, queries_to_prove

N, CAPTIONED, RECALL, K = 3_000, 400, 0.8, 5
ENOUGH = 2 * queries_to_prove(RECALL)


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Collection]:
    """Forty clusters of pictures; captions lie at their centres, where one cell answers."""

    def candidates(n: int, dim: int, gpus: int = 0) -> list[IndexSpec]:
        return [IndexSpec("ivf_sq8", dim, nlist=40)]

    monkeypatch.setattr(sys.modules["indexer.tune"], "candidates", candidates)
    monkeypatch.setattr(watching, "_RESTS", 0.0)
    monkeypatch.setattr(watching, "_LOOKS_AGAIN", 0.0)
    with embedstore.open(tmp_path / "store") as store:
        made = store.create("photos", load("toy"))
        rng, dim = np.random.default_rng(2), made.info.space.dim
        centres = rng.standard_normal((40, dim))
        pictures = unit(centres[np.arange(N) % 40] + 1.2 * rng.standard_normal((N, dim)))
        words = unit(
            centres[np.arange(CAPTIONED) % 40] + 0.1 * rng.standard_normal((CAPTIONED, dim))
        )
        named = [Item(f"{n}", texts=(f"caption {n}",)) for n in range(CAPTIONED)]
        made.add_vectors(named, image=pictures[:CAPTIONED], text=words)
        made.add_vectors([Item(f"{n}") for n in range(CAPTIONED, N)], image=pictures[CAPTIONED:])
        yield made


def between_clusters(photos: Collection, count: int) -> np.ndarray:
    """Queries that many cells answer together."""
    return unit(np.random.default_rng(5).standard_normal((count, photos.info.space.dim)))


def found_of(photos: Collection, queries: np.ndarray) -> float:
    held = photos.indices._sets["image"]
    exact = held.search(queries, K, exact=True).ids
    return float(neighbor_recall(held.search(queries, K).ids, exact).mean())


def ask(photos: Collection, queries: np.ndarray) -> None:
    for query in queries:
        photos.search(Query(vector=query, k=3))
        photos.indices._watch.close()


def told(photos: Collection) -> dict:
    return photos.describe()["index"]["image"]


def test_checks_are_told_and_a_kept_promise_stays(photos: Collection) -> None:
    tune(photos, recall=RECALL, k=K)
    before = told(photos)["promise"]
    assert "checked" not in told(photos)
    captions = photos.catalog.some_captions(photos.info.id, CAPTIONED, 3)
    ask(photos, captions[: ENOUGH + 5])
    checked = told(photos)["checked"]
    assert checked["searches"] == ENOUGH  # the last ones
    assert checked["mean"] >= RECALL
    assert told(photos)["promise"] == before


def test_a_promise_that_others_questions_break_is_renewed_with_them(photos: Collection) -> None:
    tune(photos, recall=RECALL, k=K)
    strange = between_clusters(photos, 300)
    assert found_of(photos, strange) < RECALL - 0.1
    ask(photos, strange[:ENOUGH])
    photos.indices.close()
    promise = told(photos)["promise"]
    assert promise["source"] == "searches"
    assert promise["queries"] == ENOUGH
    assert promise["kept"]
    assert found_of(photos, strange[ENOUGH:]) >= RECALL
    assert "checked" not in told(photos)


def test_one_search_asked_for_ever_breaks_no_promise(photos: Collection) -> None:
    tune(photos, recall=RECALL, k=K)
    before = told(photos)["promise"]
    [worst] = between_clusters(photos, 1)
    ask(photos, np.repeat(worst[None], ENOUGH + 5, axis=0))
    assert told(photos)["checked"]["searches"] == 1
    assert told(photos)["promise"] == before


def test_only_approximate_searches_by_words_are_checked(photos: Collection) -> None:
    photos.rebuild()  # exact: so few rows are not approximated unless tuned
    ask(photos, between_clusters(photos, 3))
    assert "checked" not in told(photos)
    tune(photos, recall=RECALL, k=K)
    photos.search(Query(like="5"))
    photos.search(Query(vector=between_clusters(photos, 1)[0], min_score=0.9))
    photos.indices._watch.close()
    assert "checked" not in told(photos)


def test_a_check_rests_a_hundred_times_as_long_as_it_took(
    photos: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    tune(photos, recall=RECALL, k=K)
    monkeypatch.setattr(watching, "_RESTS", 1e6)
    ask(photos, between_clusters(photos, 4))
    assert told(photos)["checked"]["searches"] == 1


def test_a_catalog_that_cannot_be_written_leaves_the_index(
    photos: Collection, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    tune(photos, recall=RECALL, k=K)
    before = told(photos)["promise"]

    def full(*_: object) -> None:
        raise StorageFull("the disk is full")

    monkeypatch.setattr(photos.catalog, "set_promise", full)
    ask(photos, between_clusters(photos, ENOUGH))
    assert "could not renew the promise of 'photos': the disk is full" in caplog.text
    assert told(photos)["promise"] == before
