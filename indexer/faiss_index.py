"""Every faiss kind behind one protocol."""

import threading
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from copy import copy
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer import faiss_params, mapped_lists
from indexer.errors import BadVectors
from indexer.filter_plan import ENOUGH, plan_filter
from indexer.flat import FlatIndex, best_positions
from indexer.gpu import set_probes, to_gpu
from indexer.half_matrix import half_matrix
from indexer.lazy import load_faiss, one_thread
from indexer.planner import PQ_KINDS, can_select, in_halves
from indexer.types import AnnIndex, IndexSpec, Mask, Vectors


class FaissIndex:
    """A faiss index and, for all kinds but flat, the float16 matrix that gives exact scores.

    Searches change nothing, so any number of threads may search at once.
    """

    def __init__(self, spec: IndexSpec, base: Any, matrix: Any | None = None) -> None:
        """Wrap what `faiss_build.build` made or `snapshot.load` opened.

        Args:
            spec: What it is.
            base: The faiss index that finds candidates.
            matrix: The faiss float16 index that re-scores them; None where base is exact.

        Raises:
            NoDevice: The spec says gpu and there is none, or it is full.
        """
        faiss = load_faiss()
        # faiss keeps larger batches off BLAS than pays (4 to 11 times slower): 4 queries suffice.
        faiss.cvar.distance_compute_blas_threshold = 4 * spec.dim
        self.evidence: Mapping[str, Any] | None = None
        self._spec = spec
        self._base = base
        self._matrix = matrix
        self._exact = base if matrix is None else matrix
        self._cpu = base if matrix is None else faiss.IndexRefine(base, matrix)
        self._plain_params: dict[int, Any] = {}
        self._gpu_lock = threading.Lock()  # faiss's GPU resources serve one search at a time
        self._on_gpu = to_gpu(base, spec) if spec.device == "gpu" else None
        self._gpu = self._on_gpu
        if spec.device == "gpu" and (matrix is not None or in_halves(spec, len(self))):
            self._gpu = faiss.IndexRefine(self._on_gpu, self._exact)

    @property
    def spec(self) -> IndexSpec:
        """What this index is."""
        return self._spec

    def tuned(self, spec: IndexSpec) -> "FaissIndex":
        """Give the same index with other search parameters: nprobe, ef and rerank.

        Raises:
            BadVectors: The spec is of another index.
        """
        same = replace(spec, nprobe=self._spec.nprobe, ef=self._spec.ef, rerank=self._spec.rerank)
        if same != self._spec:
            raise BadVectors(f"{spec} is no tuning of {self._spec}: expected the same index")
        tuned = copy(self)
        tuned._spec, tuned._plain_params = spec, {}
        return tuned

    def with_evidence(self, evidence: Mapping[str, Any] | None) -> "FaissIndex":
        """Give the same index with what was measured of it, a JSON object, to publish with it."""
        known = copy(self)
        known.evidence = evidence
        return known

    def __len__(self) -> int:
        return int(self._base.ntotal)

    def search(
        self, queries: Vectors, k: int, allow: Mask | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Find the k best positions for each query; see `AnnIndex.search`."""
        allowed = len(self) if allow is None else int(np.count_nonzero(allow))
        found = min(k, allowed)
        if found == 0:
            return _padded(np.empty((len(queries), 0)), np.empty((len(queries), 0)), k)
        with one_thread() if len(queries) == 1 else nullcontext():
            if allow is None:
                positions, scores = self._best(queries, found)
            else:
                positions, scores = self._best_allowed(queries, found, allow, allowed)
        short = positions[:, -1] < 0
        if short.any():
            positions[short], scores[short] = self._scan(queries[short], found, allow)
        return (positions, scores) if found == k else _padded(positions, scores, k)

    def scan(
        self, queries: Vectors, k: int, allow: Mask | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Find the k best positions by scoring every allowed one; see `AnnIndex.scan`."""
        found = min(k, len(self) if allow is None else int(np.count_nonzero(allow)))
        with one_thread() if len(queries) == 1 else nullcontext():
            positions, scores = self._scan(queries, max(found, 1), allow)
        return (positions, scores) if found == k else _padded(positions, scores, k)

    def rows(self, positions: NDArray[np.int64]) -> Vectors:
        """Give the exact vectors `(m, d)` at these positions."""
        return np.asarray(self._stored(positions), dtype=np.float32)

    def part(self, positions: NDArray[np.int64]) -> AnnIndex:
        """Give an exact index of a copy of the vectors at these positions."""
        rows = self._stored(positions)
        if self._matrix is None:
            return FlatIndex(rows.astype(np.float32, copy=False))
        return FaissIndex(IndexSpec("flat", self._spec.dim), half_matrix(rows))

    def _stored(self, positions: NDArray[np.int64]) -> NDArray[np.floating[Any]]:
        faiss = load_faiss()
        codes = self._exact.codes
        width = int(self._exact.code_size)
        # Bytes, because a mapped file's rows start at an odd offset and numpy copies such arrays.
        stored = faiss.rev_swig_ptr(codes.data(), len(self) * width).reshape(len(self), width)
        chosen: NDArray[np.uint8] = stored.take(positions, axis=0)
        return chosen.view(np.float16 if width == 2 * self._spec.dim else np.float32)

    def write(self, part: str, sink: Callable[[bytes], object]) -> None:
        """Serialise one of `parts` through a function that takes bytes; it is not searched."""
        faiss = load_faiss()
        if part == "lists":
            mapped_lists.write(self._base, sink)
            return
        apart = part == "index" and "lists" in self.parts
        with mapped_lists.left_out(self._base) if apart else nullcontext():
            faiss.write_index(self.parts[part], faiss.PyCallbackIOWriter(sink))

    @property
    def parts(self) -> dict[str, Any]:
        """What makes up this index, by the name of its file."""
        found = {"index": self._base}
        if self._spec.kind in PQ_KINDS:
            found["lists"] = mapped_lists.cells_of(self._base).invlists
        return found if self._matrix is None else found | {"vectors": self._matrix}

    def _best(self, queries: Vectors, k: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Find k positions the fast way; padded where it misses some."""
        spec = self._spec
        if self._gpu is not None and can_select(spec, k * spec.rerank):
            params = None if self._gpu is self._on_gpu else faiss_params.refined_on_gpu(spec, k)
            with self._gpu_lock:
                set_probes(self._on_gpu, spec)
                return _by_position(self._gpu.search(queries, k, params=params))
        return _by_position(self._cpu.search(queries, k, params=self._params(k)))

    def _best_allowed(
        self, queries: Vectors, k: int, allow: Mask, allowed: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Find k allowed positions the way that `plan_filter` chose; padded where it is unsure."""
        fetch = plan_filter(self._spec, len(self), allowed, k)
        if fetch is None:
            return self._scan(queries, k, allow)
        params = faiss_params.on_cpu(self._spec, fetch.count, fetch.widen)
        _, fetched = self._base.search(queries, fetch.count, params=params)
        positions = np.full((len(queries), k), -1, dtype=np.int64)
        scores = np.full((len(queries), k), -np.inf, dtype=np.float32)
        for number, found in enumerate(fetched):
            left = found[(found >= 0) & allow[found]]
            if len(left) >= ENOUGH * k:
                exact = self.rows(left) @ queries[number]
                best = best_positions(exact, k)
                positions[number], scores[number] = left[best], exact[best]
        return positions, scores

    def _scan(
        self, queries: Vectors, k: int, allow: Mask | None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        faiss = load_faiss()
        params = None if allow is None else faiss.SearchParameters(sel=_selector(allow))
        return _by_position(self._exact.search(queries, k, params=params))

    def _params(self, k: int) -> Any:
        """Give the parameters of a search for k, made once: they cost a tenth of a search."""
        if k not in self._plain_params:
            exact = self._matrix is None
            self._plain_params[k] = None if exact else faiss_params.refined_on_cpu(self._spec, k)
        return self._plain_params[k]


def _selector(allow: Mask) -> Any:
    faiss = load_faiss()
    return faiss.IDSelectorBitmap(np.packbits(allow, bitorder="little"))


def _by_position(
    found: tuple[NDArray[np.float32], NDArray[np.int64]],
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    scores, positions = found
    scores[positions < 0] = -np.inf
    return positions, scores


def _padded(
    positions: NDArray[Any], scores: NDArray[Any], k: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    queries, found = positions.shape
    wide_positions = np.full((queries, k), -1, dtype=np.int64)
    wide_scores = np.full((queries, k), -np.inf, dtype=np.float32)
    wide_positions[:, :found] = positions
    wide_scores[:, :found] = scores
    return wide_positions, wide_scores
