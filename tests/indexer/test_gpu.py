"""A GPU that is there is used; one that is not, or is too small, is said to be.

Where there is none, faiss's own CPU classes stand in for its GPU ones: what is copied, shared
out, re-scored and refused is then real, and only the kernels are not.
"""

import ctypes
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer import (
    IndexSpec,
    NoDevice,
    VectorSet,
    build,
    explain,
    footprint,
    gpu,
    gpu_count,
    plan,
    planner,
)
from indexer.gpu import GPU_KINDS, free_bytes, k_means_on_gpu, to_cpu, to_gpu, usable
from indexer.lazy import load_faiss
from indexer.planner import GPU_SELECTS, GPU_WORKSPACE, complete, layout, share
from indexer.types import Kind

Maker = Callable[..., np.ndarray]
MANY = 1 << 40

without_gpu = pytest.mark.skipif(gpu_count() > 0, reason="faiss sees a GPU here")
with_gpu = pytest.mark.skipif(gpu_count() == 0, reason=f"no GPU: {explain()}")
has_gpu_build = pytest.mark.skipif(
    not hasattr(load_faiss(), "StandardGpuResources"), reason="this faiss was built without CUDA"
)


class StandIn:
    """What the code asks of faiss's GPU side, and CPU classes in its place."""

    def __init__(self, count: int, free: int | None) -> None:
        self.count, self.free = count, free
        self.scratch: list[int] = []
        self.clones: list[tuple[str, bool, bool, int]] = []
        self._kept: list[Any] = []

    def setTempMemory(self, size: int) -> None:
        self.scratch.append(size)

    def clone(self, resources: list[Any], index: Any, options: Any) -> Any:
        faiss = load_faiss()
        assert len(resources) == self.count
        name = type(index).__name__
        self.clones.append((name, options.useFloat16, options.shard, self.count))
        if self.count == 1:
            return self._one(index, options.useFloat16)
        if not options.shard:
            copies = faiss.IndexReplicas(index.d)
            for _ in resources:
                copies.addIndex(self._one(index, options.useFloat16))
            return copies
        shares = faiss.IndexShards(index.d, True, name == "IndexFlatIP")
        for number in range(self.count):
            one = self._one(index, options.useFloat16)
            if name != "IndexFlatIP":
                one.reset()
                by_id = faiss.InvertedLists.SUBSET_TYPE_ID_MOD
                index.copy_subset_to(one, by_id, self.count, number)
            shares.add_shard(one)
        return shares

    def _one(self, index: Any, halves: bool) -> Any:
        faiss = load_faiss()
        one = faiss.clone_index(index)
        if halves:
            half = faiss.ScalarQuantizer.QT_fp16
            one = faiss.IndexScalarQuantizer(index.d, half, faiss.METRIC_INNER_PRODUCT)
        self._kept.append(one)
        return one


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> Callable[..., StandIn]:
    def install(count: int = 1, free: int | None = None) -> StandIn:
        faiss, made = load_faiss(), StandIn(count, free)
        monkeypatch.setattr(faiss, "get_num_gpus", lambda: made.count)
        monkeypatch.setattr(faiss, "StandardGpuResources", lambda: made)
        monkeypatch.setattr(faiss, "index_cpu_to_gpu_multiple_py", made.clone)
        monkeypatch.setattr(gpu, "free_bytes", lambda: made.free)
        return made

    return install


@without_gpu
def test_a_missing_gpu_is_said_and_refused(unit_rows: Maker) -> None:
    assert explain() == "cpu: faiss sees no GPU (faiss.get_num_gpus() == 0)"
    assert free_bytes() is None
    with pytest.raises(NoDevice, match="no GPU"):
        build(unit_rows(50, 8), IndexSpec("flat", 8, device="gpu"))


@without_gpu
def test_files_made_for_a_gpu_open_without_one() -> None:
    spec = IndexSpec("flat", 8, device="gpu")
    assert usable(spec).device == "cpu"
    assert "its spec says gpu" in explain(spec)


@pytest.mark.parametrize(
    ("count", "spec", "words"),
    [
        (2, None, "gpu: faiss sees 2"),
        (1, IndexSpec("flat", 8, device="gpu"), "gpu: flat is searched on 1 GPU;"),
        (2, IndexSpec("flat", 8, device="gpu"), "gpu: flat is searched on 2 GPUs, a copy or a"),
        (2, IndexSpec("ivf_pq", 8), "cpu: ivf_pq cannot live on a GPU"),
        (2, IndexSpec("flat", 8), "cpu: the spec says cpu; faiss sees 2"),
    ],
)
def test_every_choice_is_explained(
    count: int, spec: IndexSpec | None, words: str, stand_in: Callable[..., StandIn]
) -> None:
    stand_in(count)
    assert explain(spec).startswith(words)


@pytest.mark.parametrize("kind", ["ivf_pq", "ivf_pq_small", "hnsw"])
def test_kinds_that_cannot_live_there_are_refused(
    kind: Kind, unit_rows: Maker, stand_in: Callable[..., StandIn]
) -> None:
    stand_in()
    with pytest.raises(NoDevice, match=f"{kind} cannot live on a GPU"):
        build(unit_rows(50, 8), IndexSpec(kind, 8, device="gpu"))


@pytest.mark.parametrize("kind", GPU_KINDS)
@pytest.mark.parametrize("count", [1, 2])
def test_a_gpu_too_small_is_said(
    kind: Kind, count: int, unit_rows: Maker, stand_in: Callable[..., StandIn]
) -> None:
    spec = complete(IndexSpec(kind, 8, device="gpu"), 500)
    least = share(spec, 500, count) if count > 1 else footprint(spec, 500)
    free = least + GPU_WORKSPACE - 1
    made = stand_in(count, free)
    with pytest.raises(NoDevice) as refused:
        build(unit_rows(500, 8), spec)
    said = str(refused.value)
    for part in (f"{least:,}", f"{footprint(spec, 500):,}", f"{free:,}", "CUDA_VISIBLE_DEVICES="):
        assert part in said
    assert ("build ivf_sq8" in said) == (kind != "ivf_sq8")
    assert made.clones == []


def test_what_faiss_cannot_allocate_is_said(
    unit_rows: Maker, stand_in: Callable[..., StandIn], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: object) -> None:
        raise RuntimeError("out of memory")

    stand_in()
    monkeypatch.setattr(load_faiss(), "index_cpu_to_gpu_multiple_py", full)
    with pytest.raises(NoDevice, match="hold this flat index: out of memory; set CUDA_VISIBLE"):
        build(unit_rows(50, 8), IndexSpec("flat", 8, device="gpu"))


@has_gpu_build
@without_gpu
def test_the_real_calls_reach_a_gpu_that_is_not_there(
    unit_rows: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    faiss = load_faiss()
    monkeypatch.setattr(faiss, "get_num_gpus", lambda: 1)
    with pytest.raises(NoDevice, match=r"GPU 0 does not answer: .*; set CUDA_VISIBLE_DEVICES="):
        free_bytes()
    monkeypatch.setattr(gpu, "free_bytes", lambda: None)
    with pytest.raises(NoDevice, match="Invalid GPU device 0"):
        build(unit_rows(50, 8), IndexSpec("flat", 8, device="gpu"))


class Runtime:
    """CUDA's own calls, as faiss's library passes them on."""

    def __init__(self, free: list[int], failed: int = 0) -> None:
        self.device, self._free, self._failed = 0, free, failed
        self.cudaGetErrorString = lambda code: f"error {code}".encode()

    def cudaGetDevice(self, device: Any) -> int:
        device._obj.value = self.device
        return 0

    def cudaSetDevice(self, device: int) -> int:
        self.device = device
        return 0

    def cudaMemGetInfo(self, free: Any, total: Any) -> int:
        assert isinstance(free._obj, ctypes.c_size_t)
        free._obj.value = self._free[self.device]
        return self._failed


def test_the_fullest_gpu_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = Runtime([5, 3, 7])
    monkeypatch.setattr(load_faiss(), "get_num_gpus", lambda: 3)
    monkeypatch.setattr(gpu, "_cuda_runtime", lambda: runtime)
    assert free_bytes() == 3
    assert runtime.device == 0
    monkeypatch.setattr(gpu, "_cuda_runtime", lambda: Runtime([5, 3, 7], failed=2))
    with pytest.raises(NoDevice, match="GPU 0 does not answer: error 2"):
        free_bytes()
    monkeypatch.setattr(gpu, "_cuda_runtime", object)
    assert free_bytes() is None


@given(
    st.sampled_from(GPU_KINDS),
    st.integers(0, 50_000_000),
    st.integers(1, 8),
    st.integers(0, MANY),
    st.integers(0, MANY),
)
def test_a_copy_on_each_before_a_share_before_none(
    kind: Kind, n: int, gpus: int, one: int, other: int
) -> None:
    spec = complete(IndexSpec(kind, 256, device="gpu"), n)
    rank = {"copies": 2, "shares": 1, None: 0}
    less, more = (rank[layout(spec, n, gpus, free)] for free in sorted((one, other)))
    assert less <= more
    assert gpus > 1 or 1 not in (less, more)
    assert layout(spec, n, gpus, None) == "copies"
    assert spec.nprobe <= GPU_SELECTS


@pytest.mark.parametrize(
    ("n", "free", "kind", "device"),
    [
        (3_000_000, None, "flat", "gpu"),
        (3_000_000, 6 << 30, "flat", "gpu"),
        (3_000_000, 3 << 30, "ivf_sq8", "gpu"),
        (3_000_000, 2 << 30, "ivf_pq", "cpu"),
    ],
)
def test_the_plan_is_what_fits(n: int, free: int | None, kind: Kind, device: str) -> None:
    spec = plan(n, 512, gpus=1, gpu_bytes=free)
    assert (spec.kind, spec.device) == (kind, device)


@pytest.mark.parametrize("kind", GPU_KINDS)
@pytest.mark.parametrize(("count", "shared"), [(1, False), (2, False), (2, True)])
@pytest.mark.parametrize("halves", [False, True])
def test_it_answers_as_the_cpu_does(
    kind: Kind,
    count: int,
    shared: bool,
    halves: bool,
    unit_rows: Maker,
    stand_in: Callable[..., StandIn],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(planner, "HALF_ON_GPU", 1000 if halves else MANY)
    rows, queries = unit_rows(3001, 32), unit_rows(40, 32, seed=1)
    spec = complete(IndexSpec(kind, 32, device="gpu"), len(rows))
    made = stand_in(count, share(spec, 3001, count) + GPU_WORKSPACE if shared else None)
    there = build(rows, spec)
    here = build(rows, complete(IndexSpec(kind, 32), 3001))
    assert [each[1:] for each in made.clones] == [(halves and kind == "flat", shared, count)]
    assert made.scratch == count * [GPU_WORKSPACE]
    for k, allow in ((1, None), (10, None), (300, None), (10, np.arange(3001) % 3 == 0)):
        found, scores = there.search(queries, k, allow)
        expected, expected_scores = here.search(queries, k, allow)
        np.testing.assert_allclose(scores, expected_scores, atol=1e-5)
        assert np.mean(found == expected) > 0.99


@pytest.mark.parametrize("halves", [False, True])
def test_rows_in_float16_on_a_gpu_are_not_called_exact(
    halves: bool,
    tmp_path: Path,
    unit_rows: Maker,
    stand_in: Callable[..., StandIn],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(planner, "HALF_ON_GPU", 40 if halves else MANY)
    stand_in(1)
    held = VectorSet(8)
    held.publish(
        tmp_path, np.arange(50), unit_rows(50, 8), 1, "s", IndexSpec("flat", 8, device="gpu")
    )
    assert held.describe()["exact"] is not halves


def test_a_tuned_index_visits_its_own_cells(
    unit_rows: Maker, stand_in: Callable[..., StandIn]
) -> None:
    rows, queries = unit_rows(3000, 16), unit_rows(20, 16, seed=1)
    spec = complete(IndexSpec("ivf_flat", 16, device="gpu"), 3000)
    stand_in(2)
    wide = build(rows, spec)
    narrow = wide.tuned(IndexSpec("ivf_flat", 16, spec.nlist, nprobe=1, device="gpu"))
    exact, _ = wide.search(queries, 5)
    few, _ = narrow.search(queries, 5)
    again, _ = wide.search(queries, 5)
    np.testing.assert_array_equal(again, exact)
    assert (few != exact).any()


@pytest.mark.parametrize(("k", "nprobe", "there"), [(10, 4, True), (3000, 4, False)])
def test_the_cpu_answers_what_a_gpu_cannot_select(
    k: int, nprobe: int, there: bool, unit_rows: Maker, stand_in: Callable[..., StandIn]
) -> None:
    class Asked(Exception):
        pass

    class Gpu:
        def search(self, *args: object, **rest: object) -> None:
            raise Asked

    stand_in()
    index = build(unit_rows(4000, 8), IndexSpec("ivf_flat", 8, nprobe=nprobe, device="gpu"))
    index._gpu = Gpu()
    if there:
        with pytest.raises(Asked):
            index.search(unit_rows(2, 8), k)
    else:
        assert index.search(unit_rows(2, 8), k)[0].shape == (2, k)


@pytest.mark.parametrize("kind", ["ivf_flat", "ivf_sq8", "ivf_pq"])
@pytest.mark.parametrize("free", [None, 0])
def test_cells_are_found_there_where_it_pays_and_fits(
    kind: Kind,
    free: int | None,
    unit_rows: Maker,
    stand_in: Callable[..., StandIn],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    faiss, rows = load_faiss(), unit_rows(2000, 16)
    monkeypatch.setattr(gpu, "CELLS_WORTH_A_GPU", 10)
    here = build(rows, IndexSpec(kind, 16, nlist=20))
    small = stand_in(2, free)
    build(rows, IndexSpec(kind, 16, nlist=9))
    assert small.clones == []
    there = build(rows, IndexSpec(kind, 16, nlist=20))
    assert len(small.clones) == (1 if free is None else 0)
    cells = [faiss.extract_index_ivf(index.parts["index"]) for index in (here, there)]
    assert cells[1].clustering_index is None
    centroids = [faiss.downcast_index(each.quantizer).reconstruct_n(0, 20) for each in cells]
    np.testing.assert_allclose(centroids[1], centroids[0], atol=1e-6)


def test_what_clustered_is_freed(stand_in: Callable[..., StandIn]) -> None:
    cells = load_faiss().index_factory(8, "IVF2000,Flat")
    made = stand_in()
    with k_means_on_gpu(cells):
        assert cells.clustering_index.thisown is False  # a look at it owns nothing
        assert made._kept[0].thisown is True
    assert cells.clustering_index is None


@has_gpu_build
def test_faiss_still_has_what_is_called() -> None:
    faiss = load_faiss()
    options = faiss.GpuMultipleClonerOptions()
    assert (options.useFloat16, options.shard) == (False, False)
    assert callable(faiss.index_cpu_to_gpu_multiple_py)
    assert callable(faiss.index_gpu_to_cpu)
    assert callable(faiss.StandardGpuResources.setTempMemory)
    assert callable(faiss.GpuParameterSpace.set_index_parameter)
    runtime = gpu._cuda_runtime()
    for name in ("GetDevice", "SetDevice", "MemGetInfo", "GetErrorString"):
        assert hasattr(runtime, f"cuda{name}")
    sq8 = faiss.index_factory(8, "IVF4,SQ8", faiss.METRIC_INNER_PRODUCT)
    fast = faiss.index_factory(8, "RR8,IVF4,PQ4x4fs", faiss.METRIC_INNER_PRODUCT)
    assert faiss.isGpuIndexImplemented(sq8)
    assert not faiss.isGpuIndexImplemented(fast)


@with_gpu
@pytest.mark.parametrize("kind", GPU_KINDS)
@pytest.mark.parametrize("halves", [False, True])
def test_a_gpu_answers_as_the_cpu_does(
    kind: Kind, halves: bool, unit_rows: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planner, "HALF_ON_GPU", 1000 if halves else MANY)
    rows, queries = unit_rows(5000, 32), unit_rows(40, 32, seed=1)
    here = build(rows, IndexSpec(kind, 32))
    there = build(rows, IndexSpec(kind, 32, device="gpu"))
    for k, allow in ((10, None), (3000, None), (10, np.arange(5000) % 3 == 0)):
        expected, scores = here.search(queries, k, allow), there.search(queries, k, allow)
        np.testing.assert_allclose(scores[1], expected[1], atol=1e-4)
        assert np.mean(scores[0] == expected[0]) > 0.99


@with_gpu
@pytest.mark.parametrize("kind", GPU_KINDS)
def test_an_index_takes_what_was_estimated(kind: Kind, unit_rows: Maker) -> None:
    rows = unit_rows(200_000, 256)
    spec = complete(IndexSpec(kind, 256, device="gpu"), len(rows))
    before = free_bytes()
    index = build(rows, spec)
    after = free_bytes()
    assert before is not None
    assert after is not None
    assert len(index) == len(rows)
    assert before - after <= footprint(spec, len(rows)) + GPU_WORKSPACE + (512 << 20)


@with_gpu
def test_cells_found_on_a_gpu_serve_the_cpu(unit_rows: Maker) -> None:
    rows = unit_rows(60_000, 32)
    index = build(rows, IndexSpec("ivf_pq", 32, nlist=1200))
    found, _ = index.search(rows[:200], 1)
    assert np.mean(found[:, 0] == np.arange(200)) > 0.99


@with_gpu
def test_an_index_moves_there_and_back(unit_rows: Maker) -> None:
    spec = IndexSpec("flat", 8)
    index = build(unit_rows(50, 8), spec).parts["index"]
    back = to_cpu(to_gpu(index, spec))
    np.testing.assert_array_equal(back.reconstruct_n(0, 50), index.reconstruct_n(0, 50))
