"""Query expansion: an option of a collection, measured before it is kept."""

import numpy as np
import pytest

from embedstore import Collection, Item, Query
from embedstore.expansion import HITS, POWER, WEIGHT, expanded


def unit(*values: float) -> np.ndarray:
    row = np.array(values, np.float32)
    return row / np.linalg.norm(row)


def test_the_query_moves_by_the_power_of_each_score() -> None:
    query, found = unit(1, 0, 0), np.stack([unit(3, 4, 0), unit(-1, 0, 1)])
    moved = query + WEIGHT * 0.6**POWER * found[0]
    np.testing.assert_allclose(expanded(query, found), moved / np.linalg.norm(moved), atol=1e-6)


def test_without_hits_the_query_stays() -> None:
    query = unit(1, 2, 3)
    np.testing.assert_allclose(expanded(query, np.empty((0, 3), np.float32)), query, atol=1e-6)


@pytest.fixture
def expanding(photos: Collection) -> Collection:
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((60, photos.info.space.dim)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    photos.add_vectors([Item(f"p{row:02}") for row in range(60)], image=rows)
    return photos


def switch(photos: Collection, on: bool) -> None:
    options = {**photos.info.options, "expand": on}
    photos.catalog.change_options(photos.info, lambda _: options)


def test_a_search_asks_again_with_the_expanded_query(expanding: Collection) -> None:
    query = Query(text="a red car", k=60)
    plain = {hit.item.key: hit.score for hit in expanding.search(query)}
    best = list(plain)[:HITS]
    switch(expanding, on=True)
    rows = np.concatenate(
        [
            expanding.catalog.vectors_of(expanding.catalog.get(expanding.info.id, key)[0], "image")
            for key in best
        ]
    )
    words = expanding.encoder.encode_texts(["a red car"])[0]
    moved = expanded(words, rows)
    for hit in expanding.search(query):
        row = expanding.catalog.get(expanding.info.id, hit.item.key)[0]
        own = expanding.catalog.vectors_of(row, "image")[0]
        assert hit.score == pytest.approx(float(own @ moved), abs=1e-3)


def test_other_searches_stay_as_they_are(expanding: Collection) -> None:
    asked = [
        Query(like="p03", k=20),
        Query(text="a red car", like="p03", k=20),
        Query(text="a red car", target="both", k=20),
    ]
    before = [expanding.search(query) for query in asked]
    switch(expanding, on=True)
    assert [expanding.search(query) for query in asked] == before


def test_an_empty_collection_is_searched_in_vain(photos: Collection) -> None:
    switch(photos, on=True)
    assert photos.search("a red car") == []
