"""milvus-lite behind its client: HNSW or IVF_FLAT over float32 rows, INVERTED for the filters."""

import numpy as np
from pymilvus import DataType, MilvusClient

from benchmarks.ann.sides.base import Search, Setting, Task

BATCH = 2_000
WIDTHS = (32, 64, 128, 256, 512, 1024, 2048)
SHARES = (0.02, 0.05, 0.1, 0.2, 0.4, 1.0)  # of the cells


class SIDE:
    """One collection."""

    def __init__(self, form: str) -> None:
        self._form = form

    def build(self, task: Task) -> None:
        """Insert every row, then index it."""
        rows, columns = task.rows(), task.filters()
        self._client = MilvusClient(str(task.work / "rows.db"))
        schema = self._client.create_schema(auto_id=False)
        schema.add_field("id", DataType.INT64, is_primary=True)
        schema.add_field("vector", DataType.FLOAT_VECTOR, dim=rows.shape[1])
        for column in columns:
            schema.add_field(column, DataType.INT64)
        self._client.create_collection("rows", schema=schema)
        for start in range(0, len(rows), BATCH):
            block = rows[start : start + BATCH].astype(np.float32)
            self._client.insert("rows", _named(start, block, columns))
        self._client.flush("rows")
        self._cells = max(1, round(4 * len(rows) ** 0.5))
        graph = {"M": 32, "efConstruction": 200}
        params = self._client.prepare_index_params()
        params.add_index(
            "vector",
            index_type=self._form,
            metric_type="IP",
            params=graph if self._form == "HNSW" else {"nlist": self._cells},
        )
        for column in columns:
            params.add_index(column, index_type="INVERTED")
        self._client.create_index("rows", params)
        self._client.load_collection("rows")

    def settings(self) -> list[Setting]:
        """Give ef, or cells to probe."""
        if self._form == "HNSW":
            return [{"ef": width} for width in WIDTHS]
        return [
            {"nprobe": probes}
            for probes in sorted({max(1, round(share * self._cells)) for share in SHARES})
        ]

    def find(self, asked: Search) -> np.ndarray:
        """Search all queries in one call."""
        found = self._client.search(
            "rows",
            data=list(asked.queries),
            anns_field="vector",
            limit=asked.k,
            filter=asked.condition or "",
            search_params={"metric_type": "IP", "params": dict(asked.setting)},
        )
        rows = np.full((len(asked.queries), asked.k), -1, dtype=np.int64)
        for place, hits in enumerate(found):
            rows[place, : len(hits)] = [hit["id"] for hit in hits]
        return rows


def _named(
    start: int, block: np.ndarray, columns: dict[str, np.ndarray]
) -> list[dict[str, object]]:
    return [
        {"id": start + place, "vector": vector}
        | {name: int(values[start + place]) for name, values in columns.items()}
        for place, vector in enumerate(block)
    ]
