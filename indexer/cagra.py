"""A graph that a GPU fills and walks; without one it is filled and searched as HNSW.

CAGRA: Ootomo, Naruse, Nolet, Wang, Feher and Wang, "CAGRA: Highly parallel graph construction and
approximate nearest neighbor search for GPUs", 2024. faiss has it in faiss-gpu-cuvs only. It fills
a graph whole, takes no rows later and forgets none, which is what a published index asks of it:
the tail holds later rows, tombstones drop removed ones. The file is an HNSW graph whose lowest
level is CAGRA's, so each machine serves it, and a machine without a GPU fills a graph of that form
itself.

No GPU was at hand when this was written: names and limits are those of faiss 1.15 and of cuVS.
"""

from typing import Any

from indexer.errors import NoDevice
from indexer.gpu import REFUSALS, WITHOUT, layout_here, resources
from indexer.lazy import load_faiss
from indexer.types import IndexSpec, Vectors

CANDIDATE_LINKS = 2  # of which one is kept: the share that cuVS prunes by default


def empty(spec: IndexSpec) -> Any:
    """Give a graph without rows, which either side can fill."""
    faiss = load_faiss()
    graph = faiss.IndexHNSWCagra(spec.dim, spec.links, faiss.METRIC_INNER_PRODUCT)
    graph.hnsw.efConstruction = 4 * spec.links
    return graph


def fill(graph: Any, rows: Vectors, spec: IndexSpec) -> None:
    """Fill an empty graph on the first GPU.

    Args:
        graph: What `empty` gave; CAGRA's links take the place of its own.
        rows: `(n, d)`, all there are.
        spec: What it is.

    Raises:
        NoDevice: No GPU, a faiss without CAGRA, or too little memory.
    """
    layout_here(spec, len(rows))
    faiss = load_faiss()
    config = faiss.GpuIndexCagraConfig()
    config.graph_degree = 2 * spec.links
    config.intermediate_graph_degree = CANDIDATE_LINKS * config.graph_degree
    (first,) = resources(1)
    try:
        there = faiss.GpuIndexCagra(first, spec.dim, faiss.METRIC_INNER_PRODUCT, config)
        there.train(rows)
        there.copyTo(graph)  # from these rows: CAGRA keeps no more than where they lie
    except REFUSALS as error:
        raise NoDevice(f"no GPU can fill this cagra index: {error}; {WITHOUT}") from error
