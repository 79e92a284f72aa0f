"""Where an index is searched, and why; calls of faiss that need a GPU are here and in `cagra`.

A GPU holds a copy of an index that lies in memory or in a file here, so the same files serve both.
Several GPUs hold a copy each where it fits, and answer parts of a batch; where it does not, each
holds a share of the rows. The kinds of 4-bit codes stay on the CPU, because faiss has no GPU form
of a fast scan; ivf_pq8 has the 8-bit codes that it has one for. Of graphs only a cagra lives
there, where faiss is faiss-gpu-cuvs, and on one GPU, because faiss can neither divide nor copy it.

No GPU was at hand when this was written: sizes and thresholds are estimates. Where there is one,
tests/indexer/test_gpu.py and tests/contracts run on it.
"""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module
from typing import Any

from indexer.errors import NoDevice
from indexer.lazy import load_faiss
from indexer.planner import (
    GPU_KINDS,
    GPU_WORKSPACE,
    Layout,
    footprint,
    gpus_used,
    in_halves,
    layout,
    share,
    workspace,
)
from indexer.types import IndexSpec, Kind

CELLS_WORTH_A_GPU = 1_000  # a CPU clusters fewer in seconds, about what a GPU takes to start
REFUSALS = (RuntimeError, MemoryError)  # the latter from cuVS, which allocates beside faiss
WITHOUT = "set CUDA_VISIBLE_DEVICES= (empty) to use the cpu"


def gpu_count() -> int:
    """Give how many GPUs faiss sees; 0 where its build knows none."""
    faiss = load_faiss()
    count: int = faiss.get_num_gpus()
    return count


def gpu_kinds() -> tuple[Kind, ...]:
    """Give the kinds that the installed faiss can put on a GPU, whether or not one is there."""
    has_cagra = hasattr(load_faiss(), "GpuIndexCagra")
    return tuple(kind for kind in GPU_KINDS if kind != "cagra" or has_cagra)


def explain(spec: IndexSpec | None = None) -> str:
    """Say in one line which device is used and why.

    Args:
        spec: The index in question, or None for the machine alone.
    """
    count = gpu_count()
    if count == 0:
        wish = "; its spec says gpu" if spec is not None and spec.device == "gpu" else ""
        return f"cpu: faiss sees no GPU (faiss.get_num_gpus() == 0){wish}"
    if spec is None:
        kinds = ", ".join(gpu_kinds())
        return f"gpu: faiss sees {count}; kinds {kinds} live there, large k-means runs there"
    if spec.kind not in gpu_kinds():
        how = "; it takes faiss-gpu-cuvs in place of faiss-gpu" if spec.kind == "cagra" else ""
        can = ", ".join(gpu_kinds())
        return f"cpu: {spec.kind} cannot live on a GPU ({can} can); {count} seen{how}"
    if spec.device == "gpu":
        where = "1 GPU" if count == 1 else f"{count} GPUs, a copy or a share on each"
        if gpus_used(spec, count) < count:
            where = f"1 GPU of {count}"
        return f"gpu: {spec.kind} is searched on {where}; filtered searches on the cpu"
    return f"cpu: the spec says cpu; faiss sees {count} GPU, rebuild with device gpu to use it"


def free_bytes() -> int | None:
    """Give what the fullest GPU has free; None where there is none or its runtime is hidden.

    Raises:
        NoDevice: A GPU that faiss sees does not answer.
    """
    if gpu_count() == 0:
        return None
    runtime = _cuda_runtime()
    if not hasattr(runtime, "cudaMemGetInfo"):
        return None
    runtime.cudaGetErrorString.restype = ctypes.c_char_p
    before, free, total = ctypes.c_int(), ctypes.c_size_t(), ctypes.c_size_t()
    least: list[int] = []
    runtime.cudaGetDevice(ctypes.byref(before))
    try:
        for device in range(gpu_count()):
            failed = runtime.cudaSetDevice(device) or runtime.cudaMemGetInfo(
                ctypes.byref(free), ctypes.byref(total)
            )
            if failed:
                why = runtime.cudaGetErrorString(failed).decode()
                raise NoDevice(f"GPU {device} does not answer: {why}; {WITHOUT}")
            least.append(free.value)
    finally:
        runtime.cudaSetDevice(before.value)
    return min(least)


def to_gpu(index: Any, spec: IndexSpec) -> Any:
    """Copy a faiss index to the GPUs: the whole to each, or a share where that does not fit.

    Args:
        index: A faiss index on the CPU; it stays as it is.
        spec: What it is.

    Raises:
        NoDevice: No GPU, a kind that cannot live on one, or too little memory on it.
    """
    faiss, n = load_faiss(), int(index.ntotal)
    options = faiss.GpuMultipleClonerOptions()
    options.shard = layout_here(spec, n) == "shares"
    # Of codes, it is the tables of scores: in float32 those of 64 bytes are too large for a GPU.
    options.useFloat16 = in_halves(spec, n) or spec.kind == "ivf_pq8"
    options.use_cuvs = False  # the same kernels in faiss-gpu and in faiss-gpu-cuvs
    count = gpus_used(spec, gpu_count())
    try:
        if spec.kind != "flat" or n == 0:
            return _cloned(index, options, count)
        # Cloned whole, float16 rows take four times their memory while they are converted; an
        # empty index reserves what it needs and converts by the block.
        there = _cloned(faiss.IndexFlatIP(spec.dim), options, count)
        there.add_c(n, index.get_xb())
        return there
    except REFUSALS as error:
        raise NoDevice(f"no GPU can hold this {spec.kind} index: {error}; {WITHOUT}") from error


def layout_here(spec: IndexSpec, n: int) -> Layout:
    """Tell how the GPUs of this machine hold an index of n vectors.

    Raises:
        NoDevice: No GPU, a kind that cannot live on one, or too little memory on it.
    """
    if gpu_count() == 0:
        raise NoDevice(f"device gpu was asked for, {explain()}: use device cpu")
    if spec.kind not in gpu_kinds():
        raise NoDevice(f"device gpu was asked for, {explain(spec)}")
    free = free_bytes()
    chosen = layout(spec, n, gpu_count(), free)
    if chosen is None:
        raise NoDevice(_too_large(spec, n, free or 0))
    return chosen


def holds(spec: IndexSpec, n: int) -> bool:
    """Tell whether this machine can search an index of n vectors on the device of its spec."""
    if spec.device == "cpu":
        return True
    try:
        layout_here(spec, n)
    except NoDevice:
        return False
    return True


def set_probes(there: Any, spec: IndexSpec) -> None:
    """Say how many cells the next search visits: faiss's replicas take no search parameters."""
    if spec.nlist:
        load_faiss().GpuParameterSpace().set_index_parameter(there, "nprobe", spec.nprobe)


@contextmanager
def k_means_on_gpu(cells: Any) -> Iterator[None]:
    """Let an inverted file find its cells on the GPUs, where that pays and they have room.

    Args:
        cells: A faiss inverted file on the CPU, not yet trained; there it is filled and searched.
    """
    faiss = load_faiss()
    spec = IndexSpec("flat", cells.d, device="gpu")
    if (
        cells.nlist < CELLS_WORTH_A_GPU
        or gpu_count() == 0
        or layout(spec, cells.nlist, gpu_count(), free_bytes()) != "copies"
    ):
        yield
        return
    options = faiss.GpuMultipleClonerOptions()
    clusterer = _cloned(faiss.IndexFlatIP(cells.d), options, gpu_count())
    cells.clustering_index = clusterer
    clusterer.thisown = True  # the assignment took it away, and faiss does not free it
    try:
        yield
    finally:
        cells.clustering_index = None


def to_cpu(index: Any) -> Any:
    """Copy a faiss index from a GPU back to the CPU."""
    faiss = load_faiss()
    return faiss.index_gpu_to_cpu(index)


def usable(spec: IndexSpec) -> IndexSpec:
    """Give the spec with the device this machine can offer; `explain` says why it differs."""
    there = gpu_count() > 0 and spec.kind in gpu_kinds()
    return spec if spec.device == "cpu" or there else replace(spec, device="cpu")


def _too_large(spec: IndexSpec, n: int, free: int) -> str:
    count = gpus_used(spec, gpu_count())
    smaller = "" if spec.kind == "ivf_pq8" else ", build ivf_pq8, which takes less,"
    shared = f" ({share(spec, n, count):,} on each of {count})" if count > 1 else ""
    return (
        f"no GPU can hold this {spec.kind} index of {n:,} vectors: it needs "
        f"{footprint(spec, n):,} bytes{shared} beside {workspace(spec, n):,} to work in, "
        f"{free:,} are free: free more{smaller} or {WITHOUT}"
    )


def resources(count: int) -> list[Any]:
    """Give what faiss needs of the first GPUs, with capped scratch memory on each."""
    made = [load_faiss().StandardGpuResources() for _ in range(count)]
    for each in made:
        each.setTempMemory(GPU_WORKSPACE)
    return made


def _cloned(index: Any, options: Any, count: int) -> Any:
    return load_faiss().index_cpu_to_gpu_multiple_py(resources(count), index, options)


def _cuda_runtime() -> Any:
    """Open what faiss is linked with: a symbol is looked up in all that a library needs."""
    name = load_faiss().Index.__module__.rpartition(".")[2]
    return ctypes.CDLL(import_module(f"faiss._{name}").__file__)
