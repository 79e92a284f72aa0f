"""This project with filters: `set`, the vector set alone, or `collection`, filter and rows too."""

from pathlib import Path

import numpy as np

import embedstore
from benchmarks.ann.sides.base import Setting, Side, Task, Where
from benchmarks.store import MadeSpace
from embedstore import Item, Query
from indexer import VectorSet
from indexer.lazy import load_faiss
from indexer.tune import settle

BATCH = 1_000


class VectorSetSide:
    """A published vector set, settled on the queries; a filter is an array of ids."""

    def build(self, task: Task) -> None:
        """Publish every row."""
        load_faiss().omp_set_num_threads(task.threads)
        rows, queries = task.rows(), np.load(task.queries)
        self._columns = task.filters()
        self._allowed: dict[tuple[str, int], np.ndarray] = {}
        self._set = VectorSet(rows.shape[1])
        self._set.publish(
            task.work,
            np.arange(len(rows)),
            rows,
            1,
            "made",
            settle=lambda index, held: settle(
                index, held, queries, recall=task.recall, k=task.k
            )[0],
        )

    def settings(self) -> list[Setting]:
        """Give the one that was settled on."""
        return [{}]

    def find(
        self, queries: np.ndarray, k: int, setting: Setting, where: Where, threads: int
    ) -> np.ndarray:
        """Search; the ids that a filter allows are looked up once, as a catalog does."""
        if where is not None and where not in self._allowed:
            ids = np.flatnonzero(self._columns[where[0]] < where[1])
            ids.setflags(write=False)
            self._allowed[where] = ids
        allow = None if where is None else self._allowed[where]
        found: np.ndarray = self._set.search(queries, k, allow).ids
        return found


class CollectionSide:
    """A collection whose items hold the columns as metadata."""

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

    def find(
        self, queries: np.ndarray, k: int, setting: Setting, where: Where, threads: int
    ) -> np.ndarray:
        """Search query by query."""
        rows = np.full((len(queries), k), -1, dtype=np.int64)
        only = None if where is None else f"{where[0]} < {where[1]}"
        for place, query in enumerate(queries):
            hits = self._made.search(Query(vector=query, where=only, k=k))
            rows[place, : len(hits)] = [int(hit.item.key) for hit in hits]
        return rows


def SIDE(form: str) -> Side:  # noqa: N802, every side's module has this name
    """Give the side of a form."""
    return VectorSetSide() if form == "set" else CollectionSide()
