"""A promised recall holds for queries that lie elsewhere than the vectors."""

import numpy as np
import pytest
from numpy.typing import NDArray

from indexer import (
    BadVectors,
    FaissIndex,
    IndexSpec,
    NotReached,
    build,
    exact_neighbors,
    footprint,
    lower_bound,
    neighbor_recall,
    proof,
    settle,
    tune,
)
from indexer.planner import complete
from indexer.truth import DOUBT

N, DIM, K = 2000, 24, 10
KINDS_TRIED = {"flat", "ivf_sq8", "ivf_pq", "ivf_pq_small", "hnsw"}
KINDS = ("ivf_flat", "ivf_sq8", "ivf_pq", "ivf_pq8", "hnsw", "cagra")


def images() -> NDArray[np.float32]:
    """Clusters around one axis."""
    rng = np.random.default_rng(1)
    centers = rng.standard_normal((40, DIM))
    rows = centers[rng.integers(0, 40, N)] + 0.5 * rng.standard_normal((N, DIM))
    rows[:, 0] += 4.0
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def texts(count: int, seed: int) -> NDArray[np.float32]:
    """Queries around another axis."""
    rows = np.random.default_rng(seed).standard_normal((count, DIM))
    rows[:, 1] += 3.0
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


IMAGES = images()
BUILT: dict[str, FaissIndex] = {}


@pytest.fixture(params=KINDS)
def index(request: pytest.FixtureRequest) -> FaissIndex:
    if request.param not in BUILT:
        BUILT[request.param] = build(IMAGES, IndexSpec(request.param, DIM, nlist=60))
    return BUILT[request.param]


def true_recall(index: FaissIndex) -> float:
    fresh = texts(400, seed=999)
    true, _ = exact_neighbors(IMAGES, fresh, K)
    return float(neighbor_recall(index.search(fresh, K)[0], true).mean())


@pytest.mark.parametrize("recall", [0.8, 0.95])
def test_the_bound_holds_for_fresh_queries(index: FaissIndex, recall: float) -> None:
    settled = [
        settle(index, IMAGES, texts(200, seed), recall=recall, k=K) for seed in range(10, 14)
    ]
    assert all(candidate.bound >= recall for _, candidate in settled)
    held = [true_recall(each) >= candidate.bound for each, candidate in settled]
    assert sum(held) >= 3


def test_more_recall_never_means_weaker_parameters(index: FaissIndex) -> None:
    asked = texts(400, 3)
    weak, strong = (settle(index, IMAGES, asked, recall=r, k=K)[0] for r in (0.5, 0.97))
    assert true_recall(strong) >= true_recall(weak)
    widths = [max(each.spec.nprobe, each.spec.ef) for each in (weak, strong)]
    assert widths[0] <= widths[1]
    assert len(index) == len(strong) == N


def test_where_queries_are_too_few_for_a_proof_it_is_told(index: FaissIndex) -> None:
    settled, candidate = settle(index, IMAGES, texts(20, 3), recall=0.99, k=K)
    assert candidate.bound < 0.99  # 10 queries cannot prove it, whatever they find
    assert candidate.recall > 0.9
    assert candidate.spec == settled.spec


def test_trying_often_does_not_prove_what_is_not_so(
    index: FaissIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng, ladder = np.random.default_rng(4), [index.spec] * 30
    monkeypatch.setattr(proof, "stronger", lambda _: ladder)
    monkeypatch.setattr(proof, "measure", lambda *_: rng.random(100) < 0.9)
    asked = texts(200, 3)
    kept = [settle(index, IMAGES, asked, recall=0.9, k=K)[1].bound >= 0.9 for _ in range(60)]
    assert sum(kept) <= 8  # 3 are expected at most


def test_a_query_asked_twice_is_one(index: FaissIndex) -> None:
    asked = texts(150, 3)
    once = settle(index, IMAGES, asked, recall=0.8, k=K)[1]
    often = settle(index, IMAGES, np.repeat(asked, 7, axis=0), recall=0.8, k=K)[1]
    assert (often.bound, often.recall, often.spec) == (once.bound, once.recall, once.spec)
    with pytest.raises(BadVectors, match="1 different queries cannot prove"):
        settle(index, IMAGES, np.repeat(asked[:1], 500, axis=0), recall=0.8, k=K)


def test_tuning_changes_search_parameters_only(index: FaissIndex) -> None:
    before = index.spec
    with pytest.raises(BadVectors, match="expected the same index"):
        index.tuned(IndexSpec("flat", DIM))
    assert index.tuned(before).spec == index.spec == before


def test_the_cheapest_that_keeps_the_promise_is_chosen() -> None:
    told: list[object] = []
    result = tune(IMAGES, texts(200, 5), recall=0.9, k=K, told=told.append)
    assert {each.spec.kind for each in result.candidates} == KINDS_TRIED
    assert told == list(result.candidates)
    assert result.queries == 200
    keep = [each for each in result.candidates if each.bound >= 0.9]
    assert result.kept().cpu_us == min(each.cpu_us for each in keep)
    for each in result.candidates:
        assert each.bytes == footprint(each.spec, N)
        assert each.build_s > 0


def test_memory_is_a_limit() -> None:
    flat, short = (IndexSpec(kind, DIM) for kind in ("flat", "ivf_pq_small"))
    limit = footprint(complete(short, N), N)
    result = tune(IMAGES, texts(200, 5), recall=0.9, memory_bytes=limit)
    assert [each.spec.kind for each in result.candidates] == ["ivf_pq_small"]
    nothing = tune(IMAGES, texts(200, 5), recall=0.9, memory_bytes=limit - 1)
    words = f"nothing fits; allow {footprint(flat, N):,} bytes"
    with pytest.raises(NotReached, match=words):
        nothing.kept()


def test_what_is_reachable_is_said() -> None:
    spec = IndexSpec("ivf_flat", DIM, nlist=60)
    limit = footprint(complete(spec, N), N)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("indexer.sweep._widths", lambda spec: [1])
        result = tune(IMAGES, texts(200, 5), recall=0.9, specs=[spec], memory_bytes=limit)
    assert result.chosen is None
    with pytest.raises(NotReached, match=rf"ivf_flat reaches 0\.\d+ with {limit:,}; allow"):
        result.kept()


@pytest.mark.parametrize("n", [0, 1, 4])
def test_fewer_vectors_than_k(n: int) -> None:
    result = tune(IMAGES[:n], texts(110, 5), k=K)
    assert all(each.recall == 1 for each in result.candidates)
    assert max(each.bound for each in result.candidates) == 1
    unsure = [each for each in result.candidates if each.spec.kind != "flat"]
    doubt = DOUBT / 2 / max(1, len(unsure))
    assert {each.bound for each in unsure} <= {lower_bound(np.ones(55), doubt)}


def test_an_exact_index_keeps_any_promise_and_needs_no_proof() -> None:
    some = tune(IMAGES, texts(4, 5), recall=0.99, k=K)
    assert (some.kept().spec.kind, some.kept().bound, some.kept().recall) == ("flat", 1, 1)
    all_of_them = tune(IMAGES, texts(200, 5), recall=1.0, k=K)
    assert [each.spec.kind for each in all_of_them.candidates] == ["flat"]
    size = footprint(IndexSpec("flat", DIM), N)
    with pytest.raises(NotReached, match=rf"recall 1.0 .* allow {size:,} bytes for an exact"):
        tune(IMAGES, texts(200, 5), recall=1.0, k=K, memory_bytes=size - 1).kept()


@pytest.mark.parametrize(
    ("queries", "recall", "k", "words"),
    [
        (texts(0, 1), 0.5, K, "0 different queries cannot prove"),
        (texts(200, 1)[:, :-1], 0.95, K, rf"shape \(200, {DIM - 1}\), expected \(n, {DIM}\)"),
        (np.full((200, DIM), np.nan), 0.95, K, "queries: row 0 holds NaN"),
        (texts(200, 1), 1.1, K, "recall is 1.1, expected a share"),
        (texts(200, 1), 0.0, K, "recall is 0.0"),
        (texts(200, 1), 0.9, 0, "k is 0"),
    ],
)
def test_bad_questions_are_refused(queries: np.ndarray, recall: float, k: int, words: str) -> None:
    with pytest.raises(BadVectors, match=words):
        tune(IMAGES, queries, recall=recall, k=k)


def test_too_few_queries_prove_nothing_of_many_vectors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("indexer.planner.EXACT_ON_CPU", N - 1)
    with pytest.raises(
        BadVectors, match=r"103 different queries cannot prove recall 0.95, expected at least"
    ):
        tune(IMAGES, texts(103, 1), recall=0.95, k=K)


def test_one_query_settles_nothing(index: FaissIndex) -> None:
    with pytest.raises(BadVectors, match="1 different queries cannot prove recall"):
        settle(index, IMAGES, texts(1, 1), recall=0.9, k=K)
