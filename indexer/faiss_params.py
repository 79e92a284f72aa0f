"""How hard a search looks, in the words of faiss."""

from math import ceil
from typing import Any

from indexer.lazy import load_faiss
from indexer.planner import GRAPHS, ROTATED, has_graph_of_cells
from indexer.types import IndexSpec

MOST_CANDIDATES = 4096  # re-scored for one query; bounds a search for many neighbours


def on_cpu(spec: IndexSpec, candidates: int, widen: float = 1.0) -> Any:
    """Give the parameters of a search for candidates.

    Args:
        spec: What is searched; no flat index, which has none.
        candidates: For each query.
        widen: Multiple of the cells visited.
    """
    faiss = load_faiss()
    if spec.kind in GRAPHS:
        return faiss.SearchParametersHNSW(efSearch=max(spec.ef, candidates))
    nprobe = min(spec.nlist, ceil(spec.nprobe * widen))
    graph = has_graph_of_cells(spec)
    # faiss keeps what is passed here alive, but not what is assigned later.
    coarse = faiss.SearchParametersHNSW(efSearch=2 * nprobe) if graph else None
    found = faiss.SearchParametersIVF(nprobe=nprobe, quantizer_params=coarse)
    if spec.kind in ROTATED:
        return faiss.SearchParametersPreTransform(index_params=found)
    return found


def refined_on_cpu(spec: IndexSpec, k: int) -> Any:
    """Give the parameters of a search for k neighbours whose candidates are re-scored."""
    multiple = max(1.0, min(float(spec.rerank), MOST_CANDIDATES / k))
    return load_faiss().IndexRefineSearchParameters(
        k_factor=multiple, base_index_params=on_cpu(spec, int(k * multiple))
    )


def refined_on_gpu(spec: IndexSpec, k: int) -> Any:
    """Give the same for a GPU, which was told how many cells to visit; see `gpu.set_probes`."""
    faiss, walk = load_faiss(), None
    if spec.kind == "cagra":
        walk = faiss.SearchParametersCagra(itopk_size=max(spec.ef, k * spec.rerank))
    return faiss.IndexRefineSearchParameters(k_factor=float(spec.rerank), base_index_params=walk)
