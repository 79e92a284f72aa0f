"""This project beyond the bare index.

`set` is a vector set, `opened` one that another process published, `collection` a whole one.
"""

import time
from pathlib import Path

import numpy as np

import embedstore
from benchmarks.ann.sides import meter
from benchmarks.ann.sides.base import Search, Setting, Side, Task
from benchmarks.store import MadeSpace
from embedstore import Item, Query
from indexer import FaissIndex, VectorSet
from indexer.lazy import load_faiss
from indexer.tune import settle

BATCH = 1_000
SPACE = "made"


class VectorSetSide:
    """A published vector set, settled on the queries; a filter is an array of ids.

    Attributes:
        cost: What building it took, and choosing its search parameters.
    """

    def __init__(self) -> None:
        load_faiss()  # what the library itself holds is no memory of an index
        self.cost: dict[str, float] = {}

    def build(self, task: Task) -> None:
        """Publish every row."""
        load_faiss().omp_set_num_threads(task.threads)
        rows = task.rows()
        self._use(VectorSet(rows.shape[1]), task)
        cpu, wall = meter.cpu_seconds(), time.perf_counter()
        chosen = [cpu, wall]

        def settled(index: FaissIndex, held: np.ndarray) -> FaissIndex:
            begun = meter.cpu_seconds(), time.perf_counter()
            queries = np.load(task.queries)
            found, _ = settle(index, held, queries, recall=task.recall, k=task.k)
            chosen[:] = meter.cpu_seconds() - begun[0], time.perf_counter() - begun[1]
            return found

        ids = np.arange(len(rows))
        self._set.publish(task.work, ids, rows, 1, SPACE, settle=settled)
        self.cost = {
            "cpu": meter.cpu_seconds() - cpu - chosen[0],
            "wall": time.perf_counter() - wall - chosen[1],
            "tuning_cpu": chosen[0],
        }

    def settings(self) -> list[Setting]:
        """Give the one that was settled on."""
        return [{}]

    def find(self, asked: Search) -> np.ndarray:
        """Search; the ids that a filter allows are looked up once, as a catalog does."""
        if asked.where is not None and asked.where not in self._allowed:
            ids = np.flatnonzero(self._columns[asked.where[0]] < asked.where[1])
            ids.setflags(write=False)
            self._allowed[asked.where] = ids
        allow = None if asked.where is None else self._allowed[asked.where]
        found: np.ndarray = self._set.search(asked.queries, asked.k, allow).ids
        return found

    def _use(self, made: VectorSet, task: Task) -> None:
        self._set = made
        self._columns = task.filters()
        self._allowed: dict[tuple[str, int], np.ndarray] = {}


class OpenedSide(VectorSetSide):
    """What another process published in the same folder."""

    def build(self, task: Task) -> None:
        """Open it."""
        cpu, wall = meter.cpu_seconds(), time.perf_counter()
        self._use(VectorSet.open(task.work, SPACE, task.rows().shape[1]), task)
        taken = {"cpu": meter.cpu_seconds() - cpu, "wall": time.perf_counter() - wall}
        self.cost = taken | {"published": float(self._set.published_count)}


class CollectionSide:
    """A collection whose items hold the columns as metadata."""

    def __init__(self) -> None:
        load_faiss()

    def build(self, task: Task) -> None:
        """Store every item in batches, and rebuild."""
        columns = task.filters()
        self._store = embedstore.open(Path(task.work) / "store")
        rows = task.rows()
        self._made = self._store.create("made", MadeSpace(rows.shape[1]))
        for start in range(0, len(rows), BATCH):
            block = rows[start : start + BATCH].astype(np.float32)
            items = [
                Item(str(row), meta={name: int(each[row]) for name, each in columns.items()})
                for row in range(start, start + len(block))
            ]
            self._made.add_vectors(items, image=block)
        self._made.rebuild()

    def settings(self) -> list[Setting]:
        """Give the one there is: a collection chooses for itself."""
        return [{}]

    def find(self, asked: Search) -> np.ndarray:
        """Search query by query."""
        rows = np.full((len(asked.queries), asked.k), -1, dtype=np.int64)
        for place, query in enumerate(asked.queries):
            hits = self._made.search(Query(vector=query, where=asked.condition, k=asked.k))
            rows[place, : len(hits)] = [int(hit.item.key) for hit in hits]
        return rows


FORMS = {"set": VectorSetSide, "opened": OpenedSide, "collection": CollectionSide}


def SIDE(form: str) -> Side:  # noqa: N802, every side's module has this name
    """Give the side of a form."""
    made: Side = FORMS[form]()
    return made
