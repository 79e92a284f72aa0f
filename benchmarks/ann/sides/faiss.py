"""faiss as it comes: `flat` with the library's own thresholds, or its own graph, such as `M32`."""

import faiss
import numpy as np

from benchmarks.ann.sides.base import Search, Setting, Task, steps

WIDTHS = [32, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048, 4096]
EF_CONSTRUCTION = 200


class SIDE:
    """One index, made with `index_factory`; a graph holds its rows in float16."""

    def __init__(self, form: str) -> None:
        self._factory = "Flat" if form == "flat" else f"HNSW{form.removeprefix('M')},SQfp16"

    def build(self, task: Task) -> None:
        """Add every row."""
        faiss.omp_set_num_threads(task.threads)
        dim = task.rows().shape[1]
        self._index = faiss.index_factory(dim, self._factory, faiss.METRIC_INNER_PRODUCT)
        if self._factory != "Flat":
            self._index.hnsw.efConstruction = EF_CONSTRUCTION
        for _, block in task.blocks():
            if not self._index.is_trained:
                self._index.train(block)
            self._index.add(block)

    def settings(self) -> list[Setting]:
        """Give the values of efSearch; a flat index has none."""
        if self._factory == "Flat":
            return [{}]
        return steps("efSearch", WIDTHS, self._index.ntotal)

    def find(self, asked: Search) -> np.ndarray:
        """Search; filters are not measured here."""
        faiss.omp_set_num_threads(asked.threads)
        if asked.setting:
            self._index.hnsw.efSearch = asked.setting["efSearch"]
        found: np.ndarray = self._index.search(asked.queries, asked.k)[1]
        return found
