"""ScaNN as its documents advise: leaves, SOAR, anisotropic codes of two dimensions, exact reorder.

The form says how many times the square root of the row count its leaves are, such as `leaves2`.
SOAR: Sun et al., "SOAR: Improved indexing for approximate nearest neighbor search", 2023.
"""

import numpy as np
from scann import scann_ops_pybind

from benchmarks.ann.sides.base import Search, Setting, Task

SHARES = (0.005, 0.01, 0.02, 0.03, 0.05, 0.08, 0.12, 0.2, 0.35, 0.6)  # of the leaves
REORDERED = (50, 100, 200, 400, 800, 1600)


class SIDE:
    """One tree."""

    def __init__(self, form: str) -> None:
        self._times = float(form.removeprefix("leaves"))

    def build(self, task: Task) -> None:
        """Train and fill the tree."""
        rows = np.concatenate([block for _, block in task.blocks()])
        self._leaves = max(1, round(self._times * len(rows) ** 0.5))
        builder = scann_ops_pybind.builder(rows, task.k, "dot_product")
        builder.set_n_training_threads(task.threads)
        builder.tree(
            num_leaves=self._leaves,
            num_leaves_to_search=max(1, self._leaves // 10),
            training_sample_size=min(len(rows), 250_000),
            soar_lambda=1.5,
            overretrieve_factor=2.0,
        )
        builder.score_ah(2, anisotropic_quantization_threshold=0.2)
        self._searcher = builder.reorder(max(REORDERED)).build()

    def settings(self) -> list[Setting]:
        """Give leaves to search and candidates to reorder."""
        leaves = sorted({max(1, round(share * self._leaves)) for share in SHARES})
        return [
            {"leaves_to_search": visited, "pre_reorder_num_neighbors": reordered}
            for visited in leaves
            for reordered in REORDERED
        ]

    def find(self, asked: Search) -> np.ndarray:
        """Search; filters are not measured here."""
        if len(asked.queries) == 1:
            found, _ = self._searcher.search(
                asked.queries[0], final_num_neighbors=asked.k, **asked.setting
            )
            return _padded([found], asked.k)
        batched = (
            self._searcher.search_batched_parallel
            if asked.threads > 1
            else self._searcher.search_batched
        )
        found, _ = batched(asked.queries, final_num_neighbors=asked.k, **asked.setting)
        return _padded(found, asked.k)


def _padded(found: list[np.ndarray], k: int) -> np.ndarray:
    rows = np.full((len(found), k), -1, dtype=np.int64)
    for place, each in enumerate(found):
        rows[place, : len(each)] = each
    return rows
