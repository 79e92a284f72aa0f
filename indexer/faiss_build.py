"""Vectors into a faiss index: training and filling.

Product quantization: Jegou, Douze and Schmid, "Product quantization for nearest neighbor search",
2011; its 4-bit fast scan: Andre, Kermarrec and Le Scouarnec, "Quicker ADC", 2018; graphs: Malkov
and Yashunin, "Hierarchical navigable small world graphs", 2016.
"""

from contextlib import nullcontext
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer import cagra
from indexer.checks import as_matrix
from indexer.errors import BadVectors
from indexer.faiss_index import FaissIndex
from indexer.gpu import k_means_on_gpu
from indexer.half_matrix import half_matrix
from indexer.lazy import load_faiss, one_thread
from indexer.mapped_lists import cells_of
from indexer.planner import ROTATED, complete, has_graph_of_cells, rotated, sub_quantizers
from indexer.types import IndexSpec, Vectors

ROWS_AT_ONCE = 16_384  # float16 rows are widened by the block
POINTS_A_CELL = 64  # k-means gains nothing measurable from more
LEAST_TRAINING = 1_000  # a codebook needs points for its centroids; fewer rows are repeated
CODE_TRAINING = 65_536
CELLS_LOOKED_AT = 8  # finds the cell of 98% of the rows in a third of the time of a scan
SEED = 20260


def build(vectors: NDArray[np.floating[Any]], spec: IndexSpec) -> FaissIndex:
    """Build an index over positions 0..n-1.

    Args:
        vectors: `(n, d)` unit rows, float32 or float16, mapped ones too. All kinds but flat keep
            float16: rows that are float16 already are borrowed, so leave them as they are.
        spec: What to build; parameters that are 0 are chosen, too large ones are bounded by n.

    Raises:
        BadVectors: Wrong dimension, NaN or infinity, or an unknown kind.
        NoDevice: The spec says gpu and there is none, or the kind cannot live there.
    """
    if vectors.ndim != 2 or vectors.shape[1] != spec.dim:
        raise BadVectors(f"vectors have shape {vectors.shape}, expected (n, {spec.dim})")
    spec = complete(spec, len(vectors))
    base = _empty(spec)
    if not base.is_trained:
        _train(base, vectors, spec)
    if has_graph_of_cells(spec):
        faiss = load_faiss()
        graph = faiss.downcast_index(faiss.extract_index_ivf(base).quantizer)
        graph.hnsw.efSearch = CELLS_LOOKED_AT  # to fill cells; a search says how many it needs
    if spec.kind == "cagra" and spec.device == "gpu":
        cagra.fill(base, as_matrix(vectors, spec.dim, "vectors"), spec)
    else:
        for start in range(0, len(vectors), ROWS_AT_ONCE):
            base.add(as_matrix(vectors[start : start + ROWS_AT_ONCE], spec.dim, "vectors"))
    return FaissIndex(spec, base, None if spec.kind == "flat" else half_matrix(vectors))


def _empty(spec: IndexSpec) -> Any:
    faiss = load_faiss()
    metric = faiss.METRIC_INNER_PRODUCT
    match spec.kind:
        case "flat":
            return faiss.IndexFlatIP(spec.dim)
        case "ivf_flat":
            return faiss.index_factory(spec.dim, f"{_cells(spec)},Flat", metric)
        case "ivf_sq8":
            return faiss.index_factory(spec.dim, f"{_cells(spec)},SQ8", metric)
        case "ivf_pq" | "ivf_pq_small" | "ivf_pq8":
            # Few dimensions of an embedding carry most of the variance; a random rotation shares
            # it out among the sub-quantizers (recall@10 .87 -> .99 on made data like CLIP's).
            turned = rotated(spec.dim)
            # np: no polysemous training, the longest part, for an order of codes that nobody uses.
            bits = "8np" if spec.kind == "ivf_pq8" else "4fs"
            codes = f"PQ{sub_quantizers(turned, spec.kind)}x{bits}"
            return faiss.index_factory(spec.dim, f"RR{turned},{_cells(spec)},{codes}", metric)
        case "hnsw":
            graph = faiss.IndexHNSWSQ(spec.dim, faiss.ScalarQuantizer.QT_8bit, spec.links, metric)
            graph.hnsw.efConstruction = 4 * spec.links
            return graph
        case "cagra":
            return cagra.empty(spec)


def _cells(spec: IndexSpec) -> str:
    return f"IVF{spec.nlist}{'_HNSW32' if has_graph_of_cells(spec) else ''}"


def _train(base: Any, vectors: NDArray[np.floating[Any]], spec: IndexSpec) -> None:
    faiss = load_faiss()
    rng = np.random.default_rng(SEED)
    wanted = max(POINTS_A_CELL * spec.nlist, CODE_TRAINING if spec.kind in ROTATED else 0)
    sample = _sample(vectors, max(wanted, LEAST_TRAINING), rng)
    if spec.nlist:
        cells = faiss.extract_index_ivf(base)
        cells.cp.max_points_per_centroid = POINTS_A_CELL
        cells.cp.min_points_per_centroid = 1  # `complete` chose nlist; no advice on stderr
        points = sample
        if spec.kind in ROTATED:
            cells_of(base).pq.cp.min_points_per_centroid = 1
            rotation = base.chain.at(0)
            rotation.train(sample)
            points = rotation.apply(sample)
        with k_means_on_gpu(cells):
            cells.train_q1(len(points), faiss.swig_ptr(points), False, cells.metric_type)
    # Codebooks are too small to share out.
    with one_thread() if spec.kind in ROTATED else nullcontext():
        base.train(sample)


def _sample(vectors: NDArray[np.floating[Any]], count: int, rng: np.random.Generator) -> Vectors:
    """Give up to `count` rows; few rows are repeated with noise, none become random ones."""
    n, dim = vectors.shape
    if n > count:
        return as_matrix(vectors[np.sort(rng.choice(n, count, replace=False))], dim, "vectors")
    if n >= LEAST_TRAINING:
        return as_matrix(vectors, dim, "vectors")
    noise = rng.standard_normal((LEAST_TRAINING, dim), dtype=np.float32)
    if n == 0:
        return noise
    rows = as_matrix(vectors, dim, "vectors")
    return np.asarray(rows[np.arange(LEAST_TRAINING) % n] + 1e-3 * noise, dtype=np.float32)
