"""Filtered searches: whatever the filter, the promised share of the allowed neighbours."""

from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from indexer import FaissIndex, IndexSpec, build, exact_neighbors, neighbor_recall
from indexer import filter_plan as plans
from indexer.filter_plan import plan_filter
from indexer.planner import complete
from indexer.sweep import Half, cheapest
from indexer.truth import DOUBT
from indexer.types import Kind

N, DIM, K, PROMISE = 6000, 32, 10, 0.9
CENTERS = np.random.default_rng(0).standard_normal((30, DIM))
LABELS = np.random.default_rng(1).integers(0, 30, N)


def unit(rows: NDArray[np.float64]) -> NDArray[np.float32]:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


IMAGES = unit(CENTERS[LABELS] + 0.7 * np.random.default_rng(2).standard_normal((N, DIM)))


def texts(count: int, seed: int) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    return unit(CENTERS[rng.integers(0, 30, count)] + 1.5 * rng.standard_normal((count, DIM)))


QUERIES = texts(40, seed=5)
BUILT: dict[str, FaissIndex] = {}


@pytest.fixture(params=["ivf_sq8", "ivf_pq", "ivf_pq8", "hnsw", "cagra"])
def index(request: pytest.FixtureRequest) -> FaissIndex:
    if request.param not in BUILT:
        whole = build(IMAGES, IndexSpec(request.param, DIM, nlist=80))
        asked = texts(200, 6)
        half = Half(asked, exact_neighbors(IMAGES, asked, K)[0])
        BUILT[request.param] = whole.tuned(cheapest(whole, half, PROMISE, DOUBT))
    return BUILT[request.param]


def width(spec: IndexSpec) -> tuple[int, int, int]:
    return spec.nprobe, spec.ef, spec.rerank


def allowed(how: str, share: float, query: NDArray[np.float32]) -> NDArray[np.bool_]:
    rng = np.random.default_rng(7)
    thinned = rng.random(N)
    if how == "random":
        return thinned < share
    if how == "clusters":
        return np.isin(LABELS, rng.permutation(30)[: max(1, round(30 * share))])
    scores = IMAGES @ query
    if how == "neighbourhood":
        return (scores > np.quantile(scores, 1 - 2 * share)) & (thinned < 0.5)
    return (scores < np.quantile(scores, 0.7)) & (thinned < share / 0.7)


@pytest.mark.parametrize("forced", [False, True])
@pytest.mark.parametrize("how", ["random", "clusters", "neighbourhood", "elsewhere"])
@pytest.mark.parametrize("share", [0.5, 0.05, 0.005, 0.0005])
def test_the_promise_holds_under_filters(
    index: FaissIndex, share: float, how: str, forced: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if forced:  # so few rows are scanned otherwise
        monkeypatch.setattr(plans, "SCANNED", 1e9)
    recalls = []
    for query in QUERIES[:, None]:
        mask = allowed(how, share, query[0])
        found, scores = index.search(query, K, mask)
        there = np.flatnonzero(mask)
        true, _ = exact_neighbors(IMAGES[there], query, K)
        true = np.where(true < 0, -1, there[true] if len(there) else -1)
        assert np.count_nonzero(found >= 0) == min(K, len(there))
        assert mask[found[found >= 0]].all()
        assert (np.diff(scores[scores > -np.inf]) <= 0).all()
        recalls.append(neighbor_recall(found, true))
    assert np.mean(recalls) >= PROMISE


def test_rows_that_the_neighbourhood_lacks_are_scanned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plans, "SCANNED", 1e9)
    index = build(IMAGES, IndexSpec("ivf_pq", DIM, nlist=80, nprobe=8, rerank=4))
    mask = allowed("elsewhere", 0.5, QUERIES[0])
    expected = index.scan(QUERIES[:1], K, mask)
    np.testing.assert_array_equal(index.search(QUERIES[:1], K, mask)[0], expected[0])


KINDS = st.sampled_from([kind for kind in get_args(Kind) if kind != "flat"])


@given(KINDS, st.integers(1, 20_000_000), st.floats(0, 1), st.integers(1, 200))
def test_a_plan_fetches_enough_or_scans(kind: str, n: int, share: float, k: int) -> None:
    allowed = max(1, int(share * n))
    spec = complete(IndexSpec(kind, 512), n)
    fetch = plan_filter(spec, n, allowed, k)
    if fetch is not None:
        assert plans.ENOUGH * k < fetch.count * allowed / n <= allowed
        assert fetch.widen >= 1
        costs = plans.fetch_cost(spec, n, allowed / n, fetch), plans.scan_cost(spec, n, allowed)
        assert costs[0] < costs[1]


@pytest.mark.parametrize(
    ("n", "share", "scanned"),
    [
        (1_000_000, 0.5, False),
        (1_000_000, 0.05, False),
        (1_000_000, 0.0005, True),
        (10_000_000, 0.005, False),
        (60_000, 0.005, True),
    ],
)
def test_few_rows_are_scanned_and_many_fetched(n: int, share: float, scanned: bool) -> None:
    spec = complete(IndexSpec("ivf_pq", 512, nprobe=32, rerank=8), n)
    assert (plan_filter(spec, n, int(n * share), 10) is None) == scanned


def test_an_exact_index_always_scans() -> None:
    assert plan_filter(IndexSpec("flat", 512), 10_000_000, 5_000_000, 10) is None
