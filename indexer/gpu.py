"""Where an index is searched, and why."""

from dataclasses import replace
from typing import Any

from indexer.errors import NoDevice
from indexer.lazy import load_faiss
from indexer.planner import GPU_KINDS
from indexer.types import IndexSpec

MOST_NEIGHBORS = 2048  # faiss's kernels select no more for a query


def gpu_count() -> int:
    """Give how many GPUs faiss sees; 0 where its build knows none."""
    faiss = load_faiss()
    count: int = faiss.get_num_gpus()
    return count


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
        return (
            f"gpu: faiss sees {count}, the first is used; kinds {', '.join(GPU_KINDS)} live there"
        )
    if spec.device == "gpu":
        return f"gpu: {spec.kind} is searched on the first of {count}; filtered searches on the cpu"
    if spec.kind not in GPU_KINDS:
        return f"cpu: {spec.kind} cannot live on a GPU ({', '.join(GPU_KINDS)} can); {count} seen"
    return f"cpu: the spec says cpu; faiss sees {count} GPU, rebuild with device gpu to use it"


def to_gpu(index: Any, spec: IndexSpec) -> Any:
    """Copy a faiss index to the first GPU.

    Args:
        index: A faiss index on the CPU; it stays as it is.
        spec: What it is.

    Raises:
        NoDevice: No GPU, a kind that cannot live on one, or too little memory on it.
    """
    faiss = load_faiss()
    if gpu_count() == 0:
        raise NoDevice(f"device gpu was asked for, {explain()}: use device cpu")
    if spec.kind not in GPU_KINDS:
        raise NoDevice(f"device gpu was asked for, {explain(replace(spec, device='cpu'))}")
    try:
        return faiss.index_cpu_to_gpu(faiss.StandardGpuResources(), 0, index)
    except RuntimeError as error:
        raise NoDevice(f"the GPU cannot hold this {spec.kind} index: {error}; use cpu") from error


def to_cpu(index: Any) -> Any:
    """Copy a faiss index from a GPU back to the CPU."""
    faiss = load_faiss()
    return faiss.index_gpu_to_cpu(index)


def usable(spec: IndexSpec) -> IndexSpec:
    """Give the spec with the device this machine can offer; `explain` says why it differs."""
    return spec if spec.device == "cpu" or gpu_count() else replace(spec, device="cpu")
