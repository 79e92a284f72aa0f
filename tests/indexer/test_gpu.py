"""A GPU that is there is used; one that is not, or is too small, is said to be.

Where there is none, faiss's own CPU classes stand in for its GPU ones: what is copied, shared
out, re-scored and refused is then real, and only the kernels are not.
"""

import ctypes
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
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
    tune,
)
from indexer.gpu import (
    GPU_KINDS,
    free_bytes,
    gpu_kinds,
    holds,
    k_means_on_gpu,
    to_cpu,
    to_gpu,
    usable,
)
from indexer.lazy import load_faiss
from indexer.planner import (
    CAGRA_SELECTS,
    GPU_CODES,
    GPU_SELECTS,
    GPU_WORKSPACE,
    LEAST_CAGRA,
    complete,
    gpus_used,
    layout,
    rotated,
    share,
    sub_quantizers,
    workspace,
)
from indexer.types import Kind

Maker = Callable[..., np.ndarray]
MANY = 1 << 40

without_gpu = pytest.mark.skipif(gpu_count() > 0, reason="faiss sees a GPU here")
with_gpu = pytest.mark.skipif(gpu_count() == 0, reason=f"no GPU: {explain()}")
has_gpu_build = pytest.mark.skipif(
    not hasattr(load_faiss(), "StandardGpuResources"), reason="this faiss was built without CUDA"
)
has_cagra = pytest.mark.skipif(
    not hasattr(load_faiss(), "GpuIndexCagra"), reason="CAGRA takes faiss-gpu-cuvs"
)
REAL_KINDS = [pytest.param(kind, marks=has_cagra if kind == "cagra" else ()) for kind in GPU_KINDS]


class StandIn:
    """What the code asks of faiss's GPU side, and CPU classes in its place."""

    def __init__(self, count: int, free: int | None) -> None:
        self.count, self.free = count, free
        self.scratch: list[int] = []
        self.clones: list[tuple[str, bool, bool, int]] = []
        self.widths: list[int] = []
        self.degrees: list[tuple[int, int]] = []
        self._kept: list[Any] = []

    def setTempMemory(self, size: int) -> None:
        self.scratch.append(size)

    def clone(self, resources: list[Any], index: Any, options: Any) -> Any:
        faiss = load_faiss()
        assert options.use_cuvs is False
        name = type(index).__name__
        assert len(resources) == (1 if name == "IndexHNSWCagra" else self.count)
        if name == "IndexPreTransform":  # its rotation stays on the CPU
            inner = faiss.downcast_index(index.index)
            turned = faiss.IndexPreTransform(
                index.chain.at(0), self.clone(resources, inner, options)
            )
            self._kept.append(turned)
            return turned
        self.clones.append((name, options.useFloat16, options.shard, len(resources)))
        if len(resources) == 1:
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
        # faiss takes a copy of a cagra for a plain HNSW.
        cagra = isinstance(index, faiss.IndexHNSWCagra)
        one = index if cagra else faiss.clone_index(index)
        if halves and isinstance(index, faiss.IndexFlatIP):
            half = faiss.ScalarQuantizer.QT_fp16
            one = faiss.IndexScalarQuantizer(index.d, half, faiss.METRIC_INNER_PRODUCT)
        self._kept.append(one)
        return one

    def cagra(self, resources: Any, dim: int, metric: int, config: Any) -> "Cagra":
        assert (resources, metric) == (self, load_faiss().METRIC_INNER_PRODUCT)
        self.degrees.append((config.graph_degree, config.intermediate_graph_degree))
        return Cagra(dim, config.graph_degree)

    def cagra_params(self, itopk_size: int) -> Any:
        self.widths.append(itopk_size)
        return load_faiss().SearchParametersHNSW(efSearch=itopk_size)


class Cagra:
    """A graph of exact neighbours, and CAGRA's own way of making an HNSW one of it."""

    def __init__(self, dim: int, degree: int) -> None:
        self.dim, self.degree = dim, degree

    def train(self, rows: np.ndarray) -> None:
        assert (rows.dtype, rows.shape[1], rows.flags.c_contiguous) == (np.float32, self.dim, True)
        self.rows = rows

    def copyTo(self, graph: Any) -> None:
        faiss = load_faiss()
        assert (graph.ntotal, graph.base_level_only) == (0, False)
        graph.keep_max_size_level0, graph.init_level0 = True, False
        graph.add(self.rows)  # to the upper levels alone
        graph.init_level0 = True
        near = np.argsort(-self.rows @ self.rows.T, axis=1)[:, 1 : self.degree + 1]
        starts = faiss.vector_to_array(graph.hnsw.offsets)[:-1].astype(np.int64)
        links = graph.hnsw.neighbors
        lowest = starts[:, None] + np.arange(self.degree)
        faiss.rev_swig_ptr(links.data(), links.size())[lowest] = near


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> Callable[..., StandIn]:
    def install(count: int = 1, free: int | None = None, cuvs: bool = True) -> StandIn:
        faiss, made = load_faiss(), StandIn(count, free)
        monkeypatch.setattr(faiss, "get_num_gpus", lambda: made.count)
        monkeypatch.setattr(faiss, "StandardGpuResources", lambda: made)
        monkeypatch.setattr(faiss, "index_cpu_to_gpu_multiple_py", made.clone)
        monkeypatch.setattr(gpu, "free_bytes", lambda: made.free)
        if cuvs:
            monkeypatch.setattr(faiss, "GpuIndexCagra", made.cagra, raising=False)
            monkeypatch.setattr(faiss, "GpuIndexCagraConfig", SimpleNamespace, raising=False)
            monkeypatch.setattr(faiss, "SearchParametersCagra", made.cagra_params, raising=False)
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
        (1, IndexSpec("cagra", 8, device="gpu"), "gpu: cagra is searched on 1 GPU;"),
        (2, IndexSpec("cagra", 8, device="gpu"), "gpu: cagra is searched on 1 GPU of 2;"),
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


@without_gpu
def test_a_cagra_takes_a_faiss_that_has_it(
    unit_rows: Maker, stand_in: Callable[..., StandIn]
) -> None:
    stand_in(cuvs=False)
    spec = IndexSpec("cagra", 8, device="gpu")
    if hasattr(load_faiss(), "GpuIndexCagra"):
        assert gpu_kinds() == GPU_KINDS
        return
    assert "cagra" not in gpu_kinds()
    with pytest.raises(NoDevice, match="it takes faiss-gpu-cuvs in place of faiss-gpu"):
        build(unit_rows(LEAST_CAGRA, 8), spec)
    assert usable(spec).device == "cpu"
    assert not holds(spec, LEAST_CAGRA)


@pytest.mark.parametrize("kind", GPU_KINDS)
@pytest.mark.parametrize("count", [1, 2])
def test_a_gpu_too_small_is_said(
    kind: Kind, count: int, unit_rows: Maker, stand_in: Callable[..., StandIn]
) -> None:
    n = LEAST_CAGRA
    spec = complete(IndexSpec(kind, 8, device="gpu"), n)
    least = share(spec, n, count) if gpus_used(spec, count) > 1 else footprint(spec, n)
    free = least + workspace(spec, n) - 1
    made = stand_in(count, free)
    with pytest.raises(NoDevice) as refused:
        build(unit_rows(n, 8), spec)
    said = str(refused.value)
    for part in (f"{least:,}", f"{footprint(spec, n):,}", f"{free:,}", "CUDA_VISIBLE_DEVICES="):
        assert part in said
    assert ("build ivf_pq8" in said) == (kind != "ivf_pq8")
    assert made.clones == []
    assert made.degrees == []
    assert not holds(spec, n)


def test_what_no_gpu_can_hold_is_not_tried(
    unit_rows: Maker, stand_in: Callable[..., StandIn]
) -> None:
    rows, asked = unit_rows(LEAST_CAGRA, 8), unit_rows(400, 8, seed=1)
    told: list[IndexSpec] = []
    for free in (0, None):
        stand_in(2, free)
        tune(rows, asked, recall=0.5, gpus=2, told=lambda each: told.append(each.spec))
        tried = {spec.kind for spec in told if spec.device == "gpu"}
        assert tried == (set() if free == 0 else set(GPU_KINDS))


def test_what_faiss_cannot_allocate_is_said(
    unit_rows: Maker, stand_in: Callable[..., StandIn], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: object) -> None:
        raise RuntimeError("out of memory")

    stand_in()
    monkeypatch.setattr(load_faiss(), "index_cpu_to_gpu_multiple_py", full)
    with pytest.raises(NoDevice, match="hold this flat index: out of memory; set CUDA_VISIBLE"):
        build(unit_rows(50, 8), IndexSpec("flat", 8, device="gpu"))

    def none_left(*args: object) -> None:
        raise MemoryError("std::bad_alloc")

    monkeypatch.setattr(load_faiss(), "GpuIndexCagra", none_left, raising=False)
    with pytest.raises(NoDevice, match="fill this cagra index: std::bad_alloc; set CUDA_VISIBLE"):
        build(unit_rows(LEAST_CAGRA, 8), IndexSpec("cagra", 8, device="gpu"))


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
        (3_000_000, 2 << 30, "ivf_pq8", "gpu"),
        (3_000_000, 1 << 30, "ivf_pq", "cpu"),
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
    used = gpus_used(spec, count)
    least = share(spec, 3001, count) if used > 1 else footprint(spec, 3001)
    made = stand_in(count, least + workspace(spec, 3001) if shared else None)
    there = build(rows, spec)
    here = build(rows, complete(IndexSpec(kind, 32), 3001))
    float16 = kind == "ivf_pq8" or (halves and kind == "flat")
    assert [each[1:] for each in made.clones] == [(float16, shared and used > 1, used)]
    filled = 1 if kind == "cagra" else 0
    assert made.degrees == filled * [(64, 128)]
    assert made.scratch == (filled + used) * [GPU_WORKSPACE]
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


@pytest.mark.parametrize("kind", ["ivf_flat", "ivf_pq8"])
def test_a_tuned_index_visits_its_own_cells(
    kind: Kind, unit_rows: Maker, stand_in: Callable[..., StandIn]
) -> None:
    rows, queries = unit_rows(3000, 16), unit_rows(20, 16, seed=1)
    spec = complete(IndexSpec(kind, 16, device="gpu"), 3000)
    stand_in(2)
    wide = build(rows, spec)
    narrow = wide.tuned(replace(spec, nprobe=1))
    exact, _ = wide.search(queries, 5)
    few, _ = narrow.search(queries, 5)
    again, _ = wide.search(queries, 5)
    np.testing.assert_array_equal(again, exact)
    assert (few != exact).any()


def test_a_cagra_keeps_as_many_as_it_is_asked_for(
    unit_rows: Maker, stand_in: Callable[..., StandIn]
) -> None:
    made = stand_in(2)
    index = build(unit_rows(2000, 8), IndexSpec("cagra", 8, ef=20, device="gpu"))
    for k, kept in ((10, [20]), (100, [100]), (CAGRA_SELECTS, [512]), (CAGRA_SELECTS + 1, [])):
        made.widths.clear()
        found, _ = index.search(unit_rows(2, 8, seed=1), k)
        assert found.shape == (2, k)
        assert made.widths == kept
    assert complete(IndexSpec("cagra", 8, ef=4096, device="gpu"), 2000).ef == CAGRA_SELECTS


def test_a_cagra_of_few_rows_stays_on_the_cpu(
    unit_rows: Maker, stand_in: Callable[..., StandIn]
) -> None:
    made = stand_in()
    index = build(unit_rows(LEAST_CAGRA - 1, 8), IndexSpec("cagra", 8, device="gpu"))
    assert (index.spec.device, made.degrees, made.clones) == ("cpu", [], [])


@pytest.mark.parametrize("kind", ["ivf_pq8", "cagra"])
def test_what_a_gpu_built_is_served_without_one(
    kind: Kind, tmp_path: Path, unit_rows: Maker, stand_in: Callable[..., StandIn]
) -> None:
    made, rows, queries = stand_in(), unit_rows(2000, 16), unit_rows(20, 16, seed=1)
    held = VectorSet(16)
    held.publish(tmp_path, np.arange(2000), rows, 1, "s", IndexSpec(kind, 16, device="gpu"))
    there = held.search(queries, 10)
    made.count = 0
    opened = VectorSet.open(tmp_path, "s", 16)
    assert opened.describe()["device"] == "cpu"
    here = opened.search(queries, 10)
    assert np.mean(here.ids == there.ids) > 0.99
    np.testing.assert_allclose(here.scores, there.scores, atol=1e-3)


@given(st.integers(1, 2048))
def test_codes_are_of_a_length_that_a_gpu_knows(dim: int) -> None:
    count = sub_quantizers(rotated(dim), "ivf_pq8")
    assert count in GPU_CODES
    assert rotated(dim) % count == 0
    assert 2 * 256 * count <= 48 << 10  # tables of scores in float16, beside each other in a block


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


@pytest.mark.parametrize("kind", ["ivf_flat", "ivf_sq8", "ivf_pq", "ivf_pq8"])
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
    assert (options.useFloat16, options.shard, options.use_cuvs) == (False, False, False)
    assert (options.usePrecomputed, options.indicesOptions) == (False, faiss.INDICES_64_BIT)
    assert callable(faiss.index_cpu_to_gpu_multiple_py)
    assert callable(faiss.index_gpu_to_cpu)
    assert callable(faiss.StandardGpuResources.setTempMemory)
    assert callable(faiss.GpuParameterSpace.set_index_parameter)
    runtime = gpu._cuda_runtime()
    for name in ("GetDevice", "SetDevice", "MemGetInfo", "GetErrorString"):
        assert hasattr(runtime, f"cuda{name}")
    sq8 = faiss.index_factory(8, "IVF4,SQ8", faiss.METRIC_INNER_PRODUCT)
    fast = faiss.index_factory(8, "RR8,IVF4,PQ4x4fs", faiss.METRIC_INNER_PRODUCT)
    whole = faiss.index_factory(8, "RR8,IVF4,PQ4x8np", faiss.METRIC_INNER_PRODUCT)
    assert faiss.isGpuIndexImplemented(sq8)
    assert not faiss.isGpuIndexImplemented(fast)
    cells = faiss.downcast_index(whole.index)
    assert faiss.isGpuIndexImplemented(cells)
    assert (cells.by_residual, cells.do_polysemous_training, cells.polysemous_ht) == (
        True,
        False,
        0,
    )


@has_cagra
def test_faiss_still_has_what_a_cagra_calls() -> None:
    faiss = load_faiss()
    config = faiss.GpuIndexCagraConfig()
    assert (config.graph_degree, config.intermediate_graph_degree) == (64, 128)
    assert faiss.SearchParametersCagra(itopk_size=32).itopk_size == 32
    assert callable(faiss.GpuIndexCagra.train)
    assert callable(faiss.GpuIndexCagra.copyTo)


@with_gpu
@pytest.mark.parametrize("kind", REAL_KINDS)
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
@pytest.mark.parametrize("kind", REAL_KINDS)
def test_an_index_takes_what_was_estimated(kind: Kind, unit_rows: Maker) -> None:
    rows = unit_rows(200_000, 256)
    spec = complete(IndexSpec(kind, 256, device="gpu"), len(rows))
    before = free_bytes()
    index = build(rows, spec)
    after = free_bytes()
    assert before is not None
    assert after is not None
    assert len(index) == len(rows)
    assert before - after <= footprint(spec, len(rows)) + workspace(spec, len(rows)) + (512 << 20)


@with_gpu
@pytest.mark.parametrize("kind", ["ivf_pq8", pytest.param("cagra", marks=has_cagra)])
def test_what_a_real_gpu_built_is_served_by_the_cpu(
    kind: Kind, tmp_path: Path, unit_rows: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = unit_rows(20_000, 64)
    held = VectorSet(64)
    held.publish(tmp_path, np.arange(20_000), rows, 1, "s", IndexSpec(kind, 64, device="gpu"))
    monkeypatch.setattr(gpu, "gpu_count", lambda: 0)
    opened = VectorSet.open(tmp_path, "s", 64)
    assert opened.describe()["device"] == "cpu"
    for each in (held, opened):
        assert np.mean(each.search(rows[:200], 1).ids[:, 0] == np.arange(200)) > 0.99


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
