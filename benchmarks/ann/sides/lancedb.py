"""lancedb, a database in a folder: IVF_PQ with refining, or IVF_HNSW_SQ, as its documents say.

Dimensions / 8 sub-vectors, the finer of the two that the documents call highly preferred; one
partition for the graph, which they recommend; the columns to filter by have a BTREE.
"""

import lancedb
import numpy as np
import pyarrow as pa
from lancedb.index import BTree, HnswSq, IvfPq

from benchmarks.ann.sides.base import Search, Setting, Task, one_by_one

SHARES = (0.02, 0.05, 0.1, 0.2, 0.4, 1.0)  # of the partitions
REFINED = (5, 10, 20, 40)
WIDTHS = (64, 128, 256, 512, 1024, 2048)


class SIDE:
    """One table."""

    def __init__(self, form: str) -> None:
        self._graph = form == "IVF_HNSW_SQ"

    def build(self, task: Task) -> None:
        """Write the table, and index it."""
        count, dim = task.rows().shape
        columns = task.filters()
        self._table = lancedb.connect(str(task.work)).create_table(
            "rows", (_batch(start, block, columns) for start, block in task.blocks())
        )
        self._partitions = 1 if self._graph else max(1, round(count**0.5))
        if self._graph:
            config = HnswSq(distance_type="dot", num_partitions=1, m=32, ef_construction=300)
        else:
            config = IvfPq(
                distance_type="dot", num_partitions=self._partitions, num_sub_vectors=dim // 8
            )
        self._table.create_index("vector", config=config)
        for column in columns:
            self._table.create_index(column, config=BTree())

    def settings(self) -> list[Setting]:
        """Give partitions to probe, or ef, and how many times k are refined."""
        if self._graph:
            return [{"ef": width, "refine": many} for width in WIDTHS for many in (0, 2, 5)]
        probes = sorted({max(1, round(share * self._partitions)) for share in SHARES})
        return [{"nprobes": each, "refine": many} for each in probes for many in REFINED]

    def find(self, asked: Search) -> np.ndarray:
        """Search query by query, filtering first."""
        told = asked.setting

        def nearest(query: np.ndarray) -> list[int]:
            search = self._table.search(query).distance_type("dot").limit(asked.k).select(["id"])
            search = search.ef(told["ef"]) if self._graph else search.nprobes(told["nprobes"])
            if told["refine"]:
                search = search.refine_factor(told["refine"])
            if asked.condition is not None:
                search = search.where(asked.condition, prefilter=True)
            found: list[int] = search.to_arrow()["id"].to_pylist()
            return found

        return one_by_one(nearest, asked)


def _batch(start: int, block: np.ndarray, columns: dict[str, np.ndarray]) -> pa.RecordBatch:
    span = slice(start, start + len(block))
    made = {"id": pa.array(np.arange(start, start + len(block)))}
    made["vector"] = pa.FixedSizeListArray.from_arrays(pa.array(block.ravel()), block.shape[1])
    made |= {name: pa.array(values[span]) for name, values in columns.items()}
    return pa.RecordBatch.from_pydict(made)
