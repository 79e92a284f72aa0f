"""usearch: a graph over float16 rows; the form is its connectivity, such as `M32`."""

import numpy as np
from usearch.index import Index

from benchmarks.ann.sides.base import Search, Setting, Task, steps

WIDTHS = [32, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048, 4096]


class SIDE:
    """One graph."""

    def __init__(self, form: str) -> None:
        self._links = int(form.removeprefix("M"))

    def build(self, task: Task) -> None:
        """Add every row; the library's advice is 128 for expansion_add, and more is better."""
        rows = task.rows()
        self._index = Index(
            ndim=rows.shape[1],
            metric="ip",
            dtype="f16",
            connectivity=self._links,
            expansion_add=200,
        )
        for start, block in task.blocks():
            keys = np.arange(start, start + len(block))
            self._index.add(keys, block, threads=task.threads)

    def settings(self) -> list[Setting]:
        """Give the expansions of a search."""
        return steps("expansion_search", WIDTHS, len(self._index))

    def find(self, asked: Search) -> np.ndarray:
        """Search; filters are not measured here."""
        self._index.expansion_search = asked.setting["expansion_search"]
        found = self._index.search(asked.queries, asked.k, threads=asked.threads)
        return np.asarray(found.keys).astype(np.int64).reshape(len(asked.queries), asked.k)
