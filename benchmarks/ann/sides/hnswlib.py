"""hnswlib: a graph over float32 rows; the form is its M, such as `M32`."""

import hnswlib
import numpy as np

from benchmarks.ann.sides.base import Search, Setting, Task, steps

WIDTHS = [32, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048, 4096]
EF_CONSTRUCTION = 200


class SIDE:
    """One graph."""

    def __init__(self, form: str) -> None:
        self._links = int(form.removeprefix("M"))

    def build(self, task: Task) -> None:
        """Add every row."""
        count, dim = task.rows().shape
        self._index = hnswlib.Index(space="ip", dim=dim)
        self._index.init_index(count, ef_construction=EF_CONSTRUCTION, M=self._links)
        for start, block in task.blocks():
            keys = np.arange(start, start + len(block))
            self._index.add_items(block, keys, num_threads=task.threads)

    def settings(self) -> list[Setting]:
        """Give the values of ef."""
        return steps("ef", WIDTHS, self._index.element_count)

    def find(self, asked: Search) -> np.ndarray:
        """Search; filters are not measured here."""
        self._index.set_ef(asked.setting["ef"])
        found, _ = self._index.knn_query(asked.queries, asked.k, num_threads=asked.threads)
        return found.astype(np.int64)
