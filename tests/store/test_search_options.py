"""What a search leaves out and how it spreads: diversity, least scores, least probabilities."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedstore import Collection, Item, Query
from embedstore.diversity import MOST_HITS, candidates, diversified
from embedstore.errors import BadQuery


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


def toward(query: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Unit rows that score so much with a unit query."""
    rng = np.random.default_rng(3)
    other = rng.standard_normal((len(scores), len(query)))
    other = unit(other - (other @ query)[:, None] * query)
    return unit(scores[:, None] * query + np.sqrt(1 - scores**2)[:, None] * other)


@pytest.fixture
def scored(photos: Collection) -> tuple[Collection, np.ndarray]:
    """A hundred pictures that score .00 to .99 with a query."""
    query = unit(np.random.default_rng(2).standard_normal(photos.info.space.dim))
    items = [Item(f"p{row:02}") for row in range(100)]
    photos.add_vectors(items, image=toward(query, np.arange(100) / 100))
    return photos, query


candidate_sets = st.integers(1, 30).flatmap(
    lambda n: st.tuples(
        st.lists(st.floats(-1, 1, width=32), min_size=n, max_size=n),
        st.integers(0, 2**32 - 1),
    )
)


@given(candidate_sets, st.integers(1, 40), st.floats(0, 1))
def test_diversity_keeps_the_first_and_gives_distinct_places(made, k, diversity):
    scores = np.sort(made[0])[::-1]
    vectors = unit(np.random.default_rng(made[1]).standard_normal((len(scores), 4)))
    chosen = diversified(scores, vectors, k, diversity)
    assert chosen[0] == 0
    assert len(chosen) == len(set(chosen)) == min(k, len(scores))
    assert set(chosen) <= set(range(len(scores)))
    assert diversified(scores, vectors, k, 0.0) == list(range(min(k, len(scores))))


def test_diversity_passes_over_copies():
    vectors = unit(np.array([[1, 0.0], [1, 0.001], [1, 0.002], [0, 1.0]]))
    assert diversified(np.array([0.9, 0.89, 0.88, 0.5]), vectors, 2, 0.7) == [0, 3]


def test_a_narrow_band_of_scores_weighs_as_much_as_a_wide_one():
    rng = np.random.default_rng(0)
    scores, vectors = np.sort(rng.random(20))[::-1], unit(rng.standard_normal((20, 8)))
    wide = diversified(scores, vectors, 10, 0.5)
    assert diversified(0.2 + scores / 16, vectors, 10, 0.5) == wide


def test_nothing_to_choose_among_gives_nothing():
    assert diversified(np.empty(0), np.empty((0, 4), np.float32), 3, 0.5) == []
    assert candidates(MOST_HITS) >= MOST_HITS


def test_a_diverse_search_brings_up_what_differs(photos: Collection):
    red, blue = (photos.encoder.encode_texts([word])[0] for word in ("red", "blue"))
    near = unit(np.stack([red] * 5 + [red + 0.8 * blue]) + 0.0)
    photos.add_vectors([Item(f"p{row}") for row in range(6)], image=near)
    plain = [hit.item.key for hit in photos.search("red", k=2)]
    diverse = photos.search("red", k=2, diversity=0.8)
    assert plain == ["p0", "p1"]
    assert [hit.item.key for hit in diverse] == ["p0", "p5"]
    assert [hit.rank for hit in diverse] == [1, 2]


@pytest.mark.parametrize("target", ["image", "text", "both"])
def test_diverse_hits_are_distinct_whatever_is_searched(photos: Collection, target):
    photos.add([Item(f"t{n}", texts=(f"red {n}", f"blue {n}")) for n in range(8)])
    rows = photos.encoder.encode_texts([f"green {n}" for n in range(8)])
    photos.add_vectors([Item(f"i{n}") for n in range(8)], image=rows)
    keys = [hit.item.key for hit in photos.search("red", k=6, target=target, diversity=0.5)]
    assert len(keys) == len(set(keys)) == 6
    plain = photos.search("red", k=6, target=target)
    assert keys[0] == plain[0].item.key


def test_a_least_score_gives_all_that_reach_it(scored):
    photos, query = scored
    found = photos.search(Query(vector=query, k=1000, min_score=0.495))
    assert [hit.item.key for hit in found] == [f"p{row}" for row in range(99, 49, -1)]
    assert [hit.rank for hit in found] == list(range(1, 51))


def test_where_more_reach_it_than_are_wanted_the_best_come(scored):
    photos, query = scored
    found = photos.search(Query(vector=query, k=7, min_score=0.495))
    assert [hit.item.key for hit in found] == [f"p{row}" for row in range(99, 92, -1)]


def test_nothing_may_reach_it(scored):
    photos, query = scored
    assert photos.search(Query(vector=query, min_score=1.5)) == []
    assert photos.search(Query(vector=query, min_score=1.5, diversity=0.5)) == []


def test_a_least_score_is_complete_whatever_the_index(photos: Collection):
    from indexer import IndexSpec

    dim = photos.info.space.dim
    rng = np.random.default_rng(5)
    rows = unit(rng.standard_normal((3000, dim)))
    photos.add_vectors([Item(f"p{row}") for row in range(3000)], image=rows)
    photos.search("red")
    seq, ids, kept = photos.catalog.scan(photos.info.id, "image")
    held = photos.indices._sets["image"]
    careless = IndexSpec("ivf_flat", dim, nlist=64, nprobe=1)
    fingerprint = photos.info.space.fingerprint
    held.publish(photos.indices.folder / "image", ids, kept, seq, fingerprint, careless)
    query = unit(rng.standard_normal(dim))
    least = float(np.sort(kept @ query)[-200])
    assert len(photos.search(Query(vector=query, k=1000))) < 3000
    found = photos.search(Query(vector=query, k=1000, min_score=least - 1e-6))
    assert len(found) == 200


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"k": 0}, "k is 0"),
        ({"diversity": -0.1}, "diversity is -0.1; expected 0 to 1"),
        ({"diversity": math.nan}, "diversity is nan"),
        ({"diversity": 0.5, "k": MOST_HITS + 1}, "k is 1001 with diversity"),
        ({"min_score": math.nan}, "min_score is nan"),
        ({"min_score": math.inf}, "min_score is inf"),
        ({"min_score": 0.2, "target": "both"}, "choose target image or text"),
        ({"min_probability": 1.5}, "min_probability is 1.5; expected 0 to 1"),
        ({"min_probability": math.nan}, "min_probability is nan"),
        ({"min_probability": 0.5, "target": "text"}, "words that look for pictures"),
        ({"min_probability": 0.5, "without": ("sea",)}, "words that look for pictures"),
        (
            {"min_probability": 0.5},
            r"not measured.* run `embedstore calibrate --collection photos`",
        ),
    ],
)
def test_the_impossible_is_refused_in_one_line(photos: Collection, changes, told):
    with pytest.raises(BadQuery, match=told) as error:
        photos.search(replace(Query("red"), **changes))
    assert "\n" not in str(error.value)


def test_an_empty_collection_gives_nothing(photos: Collection):
    assert photos.search("red", diversity=0.5, min_score=0.1) == []
