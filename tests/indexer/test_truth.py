"""Exact neighbours, the share that was found, and its bound."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer import BadVectors, FlatIndex, exact_neighbors, lower_bound, neighbor_recall, truth


@given(st.integers(0, 40), st.integers(1, 12), st.integers(0, 5), st.integers(0, 99))
def test_multiplying_finds_what_the_oracle_finds(n: int, k: int, asked: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows, queries = (rng.standard_normal((m, 4)).astype(np.float16) for m in (n, asked))
    wide = queries.astype(np.float32)
    expected = FlatIndex(rows.astype(np.float32)).search(wide, k)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(truth, "ROWS_AT_ONCE", 7)
        patch.setattr(truth, "QUERIES_AT_ONCE", 2)
        found = exact_neighbors(rows, queries, k)
    np.testing.assert_allclose(found[1], expected[1], atol=1e-5)
    assert ((found[0] >= 0) == (expected[0] >= 0)).all()
    for query, row, scores in zip(wide, *found, strict=True):
        there = row[row >= 0]
        assert len(set(there)) == min(n, k)
        np.testing.assert_allclose(rows[there] @ query, scores[: len(there)], atol=2e-2)


@pytest.mark.parametrize(
    ("queries", "k", "words"),
    [
        (np.ones((1, 4)), 0, "k is 0"),
        (np.ones((1, 5)), 1, r"expected \(n, 4\)"),
        (np.full((1, 4), np.nan), 1, "row 0 holds NaN"),
    ],
)
def test_bad_questions_are_refused(queries: np.ndarray, k: int, words: str) -> None:
    with pytest.raises(BadVectors, match=words):
        exact_neighbors(np.ones((3, 4), np.float32), queries, k)


def test_recall_counts_what_exists() -> None:
    true = np.array([[1, 2, 3], [4, 5, -1], [6, 7, 8], [-1, -1, -1]])
    found = np.array([[3, 2, 1], [5, 9, -1], [0, -1, -1], [-1, -1, -1]])
    assert neighbor_recall(found, true).tolist() == [1.0, 0.5, 0.0, 1.0]


@pytest.mark.parametrize(
    ("mean", "count", "bound"),
    [(1.0, 52, 0.95054), (1.0, 1000, 0.99730), (0.95, 500, 0.93141), (0.5, 10, 0.26927)],
)
def test_bounds_worked_by_hand(mean: float, count: int, bound: float) -> None:
    assert lower_bound(np.full(count, mean)) == pytest.approx(bound, abs=1e-5)


def test_nothing_asked_bounds_nothing() -> None:
    assert lower_bound(np.empty(0)) == 0
    assert lower_bound(np.zeros(9)) == pytest.approx(0, abs=1e-12)


@given(st.floats(0.01, 0.999))
def test_the_queries_needed_are_needed(recall: float) -> None:
    for doubt in (0.05, 0.01):
        needed = truth.queries_needed(recall, doubt)
        assert lower_bound(np.ones(needed), doubt) >= recall - 1e-12
        assert lower_bound(np.ones(needed - 1), doubt) < recall


@given(st.floats(0, 1), st.integers(1, 500), st.floats(1e-6, 0.4), st.floats(1e-6, 0.4))
def test_less_doubt_bounds_lower(mean: float, count: int, one: float, other: float) -> None:
    recalls = np.full(count, mean)
    less, more = (lower_bound(recalls, doubt) for doubt in sorted((one, other)))
    assert less - 1e-12 <= more <= mean + 1e-9


def test_a_mean_is_below_its_bound_as_seldom_as_said() -> None:
    rng = np.random.default_rng(0)
    for true in (0.8, 0.95):
        bounds = [lower_bound(rng.random(400) < true, 0.05) for _ in range(2_000)]
        assert np.mean(np.array(bounds) > true) < 0.07
