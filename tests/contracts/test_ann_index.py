"""Every index against its law: the exact numpy index."""

from typing import get_args

import numpy as np
import pytest
from numpy.typing import NDArray

from indexer import FaissIndex, FlatIndex, IndexSpec, build, explain, gpu_count, planner
from indexer.gpu import gpu_kinds
from indexer.lazy import load_faiss
from indexer.types import Kind

N, DIM, K = 4000, 48, 10
KINDS = get_args(Kind)
NO_GPU = pytest.mark.skipif(gpu_count() == 0, reason=f"no GPU: {explain()}")
NO_CAGRA = pytest.mark.skipif("cagra" not in gpu_kinds(), reason="CAGRA takes faiss-gpu-cuvs")
SPECS = [pytest.param(IndexSpec(kind, DIM), id=kind) for kind in KINDS] + [
    pytest.param(
        IndexSpec(kind, DIM, device="gpu"),
        id=f"{kind}-gpu",
        marks=[NO_GPU, NO_CAGRA] if kind == "cagra" else NO_GPU,
    )
    for kind in planner.GPU_KINDS
]
EXACT = {"flat"}
FLOOR = 0.95


def cone(n: int, axis: int, seed: int) -> NDArray[np.float32]:
    """Unit rows around one axis: images and texts lie in two cones."""
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((n, DIM)) / np.sqrt(1 + np.arange(DIM))
    rows[:, axis] += 2.0
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows.astype(np.float16).astype(np.float32)


IMAGES, TEXTS = cone(N, 0, seed=1), cone(60, 1, seed=2)
ORACLE = FlatIndex(IMAGES)
BUILT: dict[IndexSpec, FaissIndex] = {}


@pytest.fixture(params=SPECS)
def index(request: pytest.FixtureRequest) -> FaissIndex:
    if request.param not in BUILT:
        BUILT[request.param] = build(IMAGES, request.param)
    return BUILT[request.param]


def allowed(share: float) -> NDArray[np.bool_]:
    return np.random.default_rng(3).random(N) < share


@pytest.mark.parametrize("share", [None, 0.5, 0.05, 0.005])
@pytest.mark.parametrize("queries", [1, 60])
def test_finds_what_the_oracle_finds(index: FaissIndex, share: float | None, queries: int) -> None:
    mask = None if share is None else allowed(share)
    expected, expected_scores = ORACLE.search(TEXTS[:queries], K, mask)
    found, scores = index.search(TEXTS[:queries], K, mask)
    if index.spec.kind in EXACT:
        np.testing.assert_allclose(scores, expected_scores, atol=1e-5)
    common = [len(np.intersect1d(*rows)) / K for rows in zip(expected, found, strict=True)]
    floor = 1.0 if index.spec.kind in EXACT or share == 0.005 else FLOOR
    assert np.mean(common) >= floor


@pytest.mark.parametrize("share", [None, 0.5, 0.05, 0.005, 0.0])
@pytest.mark.parametrize("k", [1, K, 300])
def test_never_returns_fewer_than_there_are(index: FaissIndex, share: float | None, k: int) -> None:
    mask = np.ones(N, dtype=bool) if share is None else allowed(share)
    found, scores = index.search(TEXTS, k, None if share is None else mask)
    there = min(k, int(mask.sum()))
    assert found.shape == scores.shape == (len(TEXTS), k)
    for row in found[:, :there]:
        assert len(set(row)) == there
        assert mask[row].all()
    assert (found[:, there:] == -1).all()
    assert np.isneginf(scores[:, there:]).all()


@pytest.mark.parametrize("share", [None, 0.5, 0.05, 0.0])
@pytest.mark.parametrize("k", [1, K, 300])
@pytest.mark.parametrize("queries", [1, 60])
def test_a_scan_is_the_oracle(index: FaissIndex, share: float | None, k: int, queries: int) -> None:
    mask = None if share is None else allowed(share)
    expected, expected_scores = ORACLE.scan(TEXTS[:queries], k, mask)
    found, scores = index.scan(TEXTS[:queries], k, mask)
    np.testing.assert_allclose(scores, expected_scores, atol=1e-5)
    assert (np.sort(found) == np.sort(expected)).mean() > 0.999  # scores may tie


def test_scores_are_exact_and_descend(index: FaissIndex) -> None:
    found, scores = index.search(TEXTS, K)
    true = np.einsum("qkd,qd->qk", IMAGES[found], TEXTS)
    np.testing.assert_allclose(scores, true, atol=1e-5)
    assert (np.diff(scores, axis=1) <= 0).all()


def test_gives_back_its_rows(index: FaissIndex) -> None:
    positions = np.array([N - 1, 0, 17, 17])
    np.testing.assert_array_equal(index.rows(positions), IMAGES[positions])
    assert index.rows(positions[:0]).shape == (0, DIM)


def test_a_part_is_an_exact_copy(index: FaissIndex) -> None:
    positions = np.arange(3, N, 17)
    part = index.part(positions)
    found, scores = part.search(TEXTS, K)
    expected, expected_scores = FlatIndex(IMAGES[positions]).search(TEXTS, K)
    np.testing.assert_allclose(scores, expected_scores, atol=1e-5)
    assert (np.sort(found) == np.sort(expected)).mean() > 0.999  # scores may tie
    np.testing.assert_array_equal(part.rows(np.arange(5)), IMAGES[positions[:5]])


def test_knows_itself(index: FaissIndex) -> None:
    assert len(index) == N
    assert index.spec.kind in KINDS
    assert index.spec.dim == DIM


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("n", [0, 1, 5, 70])
def test_few_vectors_make_an_exact_index_in_silence(
    spec: IndexSpec, n: int, capfd: pytest.CaptureFixture[str]
) -> None:
    few = build(IMAGES[:n], spec)
    found, scores = few.search(TEXTS, 5)
    expected, expected_scores = FlatIndex(IMAGES[:n]).search(TEXTS, 5)
    np.testing.assert_allclose(scores, expected_scores, atol=1e-5)
    assert ((found >= 0) == (expected >= 0)).all()
    assert capfd.readouterr() == ("", "")


def test_the_oracle_breaks_ties_by_position() -> None:
    twice = FlatIndex(np.concatenate([IMAGES[:200], IMAGES[:200]]))
    found, scores = twice.search(TEXTS[:3], 6)
    ordered = [sorted(zip(-s, f, strict=True)) for s, f in zip(scores, found, strict=True)]
    assert [[position for _, position in row] for row in ordered] == found.tolist()
    assert (found[:, 1] == found[:, 0] + 200).all()


@pytest.mark.parametrize("kind", ["ivf_flat", "ivf_sq8", "ivf_pq", "ivf_pq_small", "ivf_pq8"])
@pytest.mark.parametrize("share", [None, 0.5])
def test_cells_that_hold_too_few_are_made_up_for(kind: Kind, share: float | None) -> None:
    narrow = build(IMAGES, IndexSpec(kind, DIM, nlist=100, nprobe=1))
    mask = None if share is None else allowed(share)
    found, scores = narrow.search(TEXTS, 500, mask)
    expected, expected_scores = ORACLE.search(TEXTS, 500, mask)
    assert (np.sort(found) == np.sort(expected)).mean() > FLOOR
    np.testing.assert_allclose(scores, expected_scores, atol=1e-2)


@pytest.mark.parametrize("kind", ["ivf_flat", "ivf_sq8", "ivf_pq"])
def test_a_graph_finds_the_cells_that_a_scan_finds(
    kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = IndexSpec(kind, DIM, nlist=100, nprobe=20)
    scanned = build(IMAGES, spec).search(TEXTS, K)
    monkeypatch.setattr(planner, "GRAPH_OF_CELLS", 100)
    graph = build(IMAGES, spec)
    faiss = load_faiss()
    cells = faiss.extract_index_ivf(graph.parts["index"])
    assert isinstance(faiss.downcast_index(cells.quantizer), faiss.IndexHNSW)
    found, _ = graph.search(TEXTS, K)
    assert np.mean([np.isin(*rows).mean() for rows in zip(found, scanned[0], strict=True)]) > 0.9
