"""Search parameters from weak to strong, and which of them reach a recall at what cost."""

import time
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from indexer.faiss_index import FaissIndex
from indexer.lazy import one_thread
from indexer.planner import CAGRA_SELECTS, GRAPHS
from indexer.truth import lower_bound, neighbor_recall
from indexer.types import Ids, IndexSpec, Kind, Vectors

TIMED = 48  # queries asked one by one
RERANKS: dict[Kind, tuple[int, ...]] = {
    "flat": (1,),
    "ivf_flat": (1,),
    "ivf_sq8": (2, 4),
    "ivf_pq": (4, 8, 12, 20, 40, 80, 160),
    "ivf_pq_small": (4, 8, 12, 20, 40, 80, 160),
    "ivf_pq8": (4, 8, 12, 20, 40, 80, 160),
    "hnsw": (4,),
    "cagra": (1,),
}
LEAST_WIDTH, MOST_EF = 4, 4096


@dataclass(frozen=True)
class Half:
    """Queries `(q, d)` and their exact neighbours `(q, k)`."""

    queries: Vectors
    true: Ids


def measure(index: FaissIndex, half: Half) -> NDArray[np.float64]:
    """Give the recall `(q,)` of each query."""
    with one_thread():
        found, _ = index.search(half.queries, half.true.shape[1])
    return neighbor_recall(found, half.true)


def cheapest(index: FaissIndex, half: Half, recall: float, doubt: float) -> IndexSpec:
    """Give the cheapest parameters whose bound on this half reaches a recall, else the strongest.

    More width (cells or graph candidates) and more re-scoring never find less, so a walk along
    the edge of what reaches the recall visits each row and column of the grid once.
    """
    widths, reranks = _widths(index.spec), RERANKS[index.spec.kind]
    reached: list[tuple[float, IndexSpec]] = []
    column = len(reranks) - 1
    for width in widths:
        enough = None  # with as little re-scoring as reaches the recall at this width
        while column >= 0:
            spec = _with(index.spec, width, reranks[column])
            if lower_bound(measure(index.tuned(spec), half), doubt) < recall:
                break
            enough = spec
            column -= 1
        if enough is not None:
            reached.append((cost(index, enough, half), enough))
    return min(reached, key=lambda each: each[0], default=(0.0, strongest(index.spec)))[1]


def stronger(spec: IndexSpec) -> list[IndexSpec]:
    """Give parameters, then ever wider ones, and at last the strongest of all."""
    last = strongest(spec)
    wider = (_with(spec, width, spec.rerank) for width in _widths(spec) if width > _width(spec))
    return [each for each in (spec, *wider) if each != last] + [last]


def strongest(spec: IndexSpec) -> IndexSpec:
    """Give the parameters that find most."""
    return _with(spec, _widths(spec)[-1], RERANKS[spec.kind][-1])


def cost(index: FaissIndex, spec: IndexSpec, half: Half) -> float:
    """Give the CPU time of one query asked alone with some parameters, microseconds."""
    tuned, k = index.tuned(spec), half.true.shape[1]
    asked = half.queries[:TIMED]
    tuned.search(asked[:1], k)  # the first pays for what later ones reuse
    start = time.thread_time()
    for query in asked:
        tuned.search(query[None], k)
    return 1e6 * (time.thread_time() - start) / len(asked)


def _widths(spec: IndexSpec) -> list[int]:
    """Give widths of a constant ratio: cells to visit, or the graph's candidates."""
    if spec.kind == "flat":
        return [0]
    most = spec.nlist
    if spec.kind in GRAPHS:
        most = CAGRA_SELECTS if spec.device == "gpu" else MOST_EF
    count = 1 + max(0, int(2 * np.log2(most / LEAST_WIDTH)))
    steps = {min(most, round(LEAST_WIDTH * 2 ** (step / 2))) for step in range(count)}
    return sorted(steps | {most})


def _width(spec: IndexSpec) -> int:
    return spec.ef if spec.kind in GRAPHS else spec.nprobe


def _with(spec: IndexSpec, width: int, rerank: int) -> IndexSpec:
    if spec.kind in GRAPHS:
        return replace(spec, ef=width, rerank=rerank)
    return replace(spec, nprobe=width, rerank=rerank)
