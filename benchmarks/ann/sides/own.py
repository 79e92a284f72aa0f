"""This project's index: `tuned` for what is promised, or a kind of index, to sweep like a peer."""

import sys
import time
from dataclasses import replace

import numpy as np

from benchmarks.ann.sides import meter
from benchmarks.ann.sides.base import Search, Setting, Task
from indexer import FaissIndex, IndexSpec, build
from indexer.lazy import load_faiss
from indexer.planner import complete
from indexer.tune import Candidate, tune

SHARES = (0.005, 0.01, 0.02, 0.03, 0.05, 0.08, 0.12, 0.2, 0.35)  # of the cells
RERANKED = (4, 8, 12, 20, 40, 80, 160)
WIDTHS = (32, 64, 128, 256, 512, 1024, 2048)


class SIDE:
    """One index; a setting is the part of its spec that a search can change.

    Attributes:
        cost: What building it took, and choosing it.
    """

    def __init__(self, form: str) -> None:
        load_faiss()  # what the library itself holds is no memory of an index
        self._form = form
        self.cost: dict[str, float] = {}

    def build(self, task: Task) -> None:
        """Build what the tuner chooses, or the kind of the form as the planner completes it."""
        load_faiss().omp_set_num_threads(task.threads)
        rows, begun = task.rows(), meter.cpu_seconds()
        spec = IndexSpec(self._form, rows.shape[1])
        if self._form == "tuned":
            queries = np.load(task.queries)
            tuning = tune(rows, queries, recall=task.recall, k=task.k, told=_tell)
            spec = tuning.kept().spec
        chosen, wall = meter.cpu_seconds(), time.perf_counter()
        self._index = build(rows, complete(spec, len(rows)))
        self._held: dict[IndexSpec, FaissIndex] = {}
        self.cost = {
            "cpu": meter.cpu_seconds() - chosen,
            "wall": time.perf_counter() - wall,
            "tuning_cpu": chosen - begun,
        }

    def settings(self) -> list[Setting]:
        """Give cells to visit, or the width of a search in a graph, and candidates to re-score."""
        spec = self._index.spec
        if self._form == "tuned":
            found = {"kind": spec.kind, "nprobe": spec.nprobe, "ef": spec.ef, "rerank": spec.rerank}
            return [{name: value for name, value in found.items() if value}]
        if spec.nlist:
            cells = sorted({max(1, round(share * spec.nlist)) for share in SHARES})
            return [{"nprobe": each, "rerank": many} for each in cells for many in RERANKED]
        if spec.ef:
            return [{"ef": width, "rerank": many} for width in WIDTHS for many in (1, 4, 10)]
        return [{}]

    def find(self, asked: Search) -> np.ndarray:
        """Search; filters belong to the forms of `own_store`."""
        load_faiss().omp_set_num_threads(asked.threads)
        spec = replace(self._index.spec, **asked.setting)
        if spec not in self._held:
            self._held[spec] = self._index.tuned(spec)
        found: np.ndarray = self._held[spec].search(asked.queries, asked.k)[0]
        return found


def _tell(candidate: Candidate) -> None:
    print(f"tried {candidate}", file=sys.stderr, flush=True)
