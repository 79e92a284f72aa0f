"""The cheapest index that keeps a promise of recall on the queries that are really asked.

Text queries lie elsewhere in the space than images: an index tuned with stored vectors quietly
loses recall for them. So the queries come from the caller: one half chooses the parameters, the
other half bounds the recall.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from indexer.checks import as_matrix
from indexer.errors import BadVectors, NotReached
from indexer.faiss_build import build
from indexer.faiss_index import FaissIndex
from indexer.gpu import holds
from indexer.planner import candidates, complete, footprint, is_exact, plan
from indexer.proof import Proven, proven, queries_to_prove
from indexer.sweep import Half, cost, strongest
from indexer.truth import DOUBT, exact_neighbors
from indexer.types import IndexSpec

SEED = 20261
Told = Callable[["Candidate"], object]


@dataclass(frozen=True)
class Candidate:
    """An index with its parameters settled, and what it does.

    Attributes:
        spec: Of the index.
        recall: Mean neighbour recall on the half of the queries that did not choose the parameters.
        bound: Lower 95% bound of it, whatever was tried before; 1 where the index is exact.
        cpu_us: CPU time of one query asked alone, microseconds.
        bytes: Memory by `footprint`.
        build_s: Time to build, seconds; 0 where it was there already.
    """

    spec: IndexSpec
    recall: float
    bound: float
    cpu_us: float
    bytes: int
    build_s: float = 0.0


@dataclass(frozen=True)
class Tuning:
    """What was tried for a promise, and what keeps it.

    Attributes:
        candidates: What fits the memory, each settled.
        chosen: The one of least CPU time that keeps the promise; None where none does.
        k: Neighbours a query.
        recall: The promise.
        queries: Asked, both halves.
        memory_bytes: The limit, or None.
        exact_bytes: What an exact index takes, which keeps any promise.
    """

    candidates: tuple[Candidate, ...]
    chosen: Candidate | None
    k: int
    recall: float
    queries: int
    memory_bytes: int | None = None
    exact_bytes: int = 0

    def kept(self) -> Candidate:
        """Give what keeps the promise.

        Raises:
            NotReached: Nothing does; says what comes nearest and what memory would do.
        """
        if self.chosen is not None:
            return self.chosen
        best = max(self.candidates, key=lambda each: each.bound, default=None)
        reached = "nothing fits"
        if best is not None:
            reached = f"{best.spec.kind} reaches {best.bound:.3f} with {best.bytes:,}"
        limit = "any memory" if self.memory_bytes is None else f"{self.memory_bytes:,} bytes"
        raise NotReached(
            f"no index keeps recall {self.recall} of {self.k} neighbours within {limit}: "
            f"{reached}; allow {self.exact_bytes:,} bytes for an exact index, or ask for less"
        )


def settle(
    index: FaissIndex,
    vectors: NDArray[np.floating[Any]],
    queries: ArrayLike,
    *,
    recall: float,
    k: int,
) -> tuple[FaissIndex, Candidate]:
    """Choose the search parameters of a built index: the cheapest that keep a promise.

    Args:
        index: Over the vectors; it stays as it is.
        vectors: `(n, d)`.
        queries: `(q, d)`, at least 2.
        recall: The promise, above 0, 1 at most.
        k: Neighbours a query.

    Returns:
        The index with other parameters and what it does; the strongest parameters where none
        keep the promise, which `Candidate.bound` tells.

    Raises:
        BadVectors: Wrong shape, NaN or infinity, fewer than 2 queries, or no such recall or k.
    """
    halves = _halves(vectors, queries, recall, k, least=2)
    return _settle(index, *halves, recall, DOUBT)


def tune(
    vectors: NDArray[np.floating[Any]],
    queries: ArrayLike,
    *,
    recall: float = 0.95,
    k: int = 10,
    memory_bytes: int | None = None,
    specs: Sequence[IndexSpec] | None = None,
    gpus: int = 0,
    told: Told | None = None,
) -> Tuning:
    """Build every candidate that fits the memory, settle it, and choose.

    Args:
        vectors: `(n, d)` unit rows, float16 or float32.
        queries: `(q, d)`: as many as the bound of such a recall takes, or 2 where that is 1 or the
            vectors are so few that an exact index is planned for them.
        recall: The promise, above 0, 1 at most; an exact index keeps any.
        k: Neighbours a query.
        memory_bytes: What the index may take; None for no limit.
        specs: What to try; None leaves it to the planner and to what the GPUs can hold.
        gpus: GPUs that faiss sees.
        told: Called with each candidate as soon as it is settled.

    Raises:
        BadVectors: Wrong shape, NaN or infinity, too few queries, or no such recall or k.
    """
    planned = plan(len(vectors), vectors.shape[-1], memory_bytes)
    needs_proof = 0 < recall < 1 and not is_exact(planned, len(vectors))
    given = _offered(len(vectors), vectors.shape[-1], gpus) if specs is None else specs
    fitting = _fitting(given, len(vectors), recall, memory_bytes)
    unsure = sum(not is_exact(spec, len(vectors)) for spec in fitting)
    doubt = DOUBT / max(1, unsure)
    least = queries_to_prove(recall, max(1, unsure)) if needs_proof else 2
    sweep, proof = _halves(vectors, queries, recall, k, least)
    n, dim = vectors.shape
    tried = []
    for spec in fitting:
        start = time.perf_counter()
        index = build(vectors, spec)
        build_s = time.perf_counter() - start
        _, settled = _settle(index, sweep, proof, recall, doubt)
        tried.append(replace(settled, build_s=build_s))
        if told is not None:
            told(tried[-1])
    keep = [each for each in tried if each.bound >= recall]
    chosen = min(keep, key=lambda each: each.cpu_us, default=None)
    exact = footprint(IndexSpec("flat", dim), n)
    asked = len(sweep.queries) + len(proof.queries)
    return Tuning(tuple(tried), chosen, k, recall, asked, memory_bytes, exact)


def _offered(n: int, dim: int, gpus: int) -> list[IndexSpec]:
    """Give what is worth trying and can be searched on this machine."""
    return [spec for spec in candidates(n, dim, gpus) if holds(spec, n)]


def _fitting(
    specs: Sequence[IndexSpec], n: int, recall: float, memory_bytes: int | None
) -> list[IndexSpec]:
    """Give what fits the memory and may keep the promise."""
    completed = [complete(spec, n) for spec in specs]
    return [
        spec
        for spec in completed
        if (memory_bytes is None or footprint(spec, n) <= memory_bytes)
        and (recall < 1 or is_exact(spec, n))
    ]


def _halves(
    vectors: NDArray[np.floating[Any]], queries: ArrayLike, recall: float, k: int, least: int
) -> tuple[Half, Half]:
    if not 0 < recall <= 1:
        raise BadVectors(f"recall is {recall}, expected a share above 0, 1 at most, such as 0.95")
    if vectors.ndim != 2:
        raise BadVectors(f"vectors have shape {vectors.shape}, expected (n, d)")
    asked = np.unique(as_matrix(queries, vectors.shape[1], "queries"), axis=0)  # asked twice, it
    if len(asked) < least:  # would be in both halves, and count as two
        raise BadVectors(
            f"{len(asked)} different queries cannot prove recall {recall}, expected at least "
            f"{least}: give more, or ask for less recall, or for 1, which takes an exact index"
        )
    true, _ = exact_neighbors(vectors, asked, k)
    order = np.random.default_rng(SEED).permutation(len(asked))
    cut = len(asked) // 2
    return Half(asked[order[:cut]], true[order[:cut]]), Half(asked[order[cut:]], true[order[cut:]])


def _settle(
    index: FaissIndex, sweep: Half, proof: Half, recall: float, doubt: float
) -> tuple[FaissIndex, Candidate]:
    if is_exact(index.spec, len(index)):  # measured, equal scores would count as misses
        found = Proven(strongest(index.spec), 1.0, 1.0)
    else:
        found = proven(index, sweep, proof, recall, doubt)
    spec, size = found.spec, footprint(found.spec, len(index))
    cpu_us = cost(index, spec, proof)
    return index.tuned(spec), Candidate(spec, found.recall, found.bound, cpu_us, size)
