"""qdrant-client's local mode, kept in memory: numpy over every point, so its recall is 1."""

import numpy as np
from qdrant_client import QdrantClient, models

from benchmarks.ann.sides.base import Search, Setting, Task, one_by_one

BATCH = 1_000


class SIDE:
    """One collection."""

    def __init__(self, form: str) -> None:
        assert form == "local", form
        self._client = QdrantClient(":memory:")

    def build(self, task: Task) -> None:
        """Upload every row with what it can be filtered by."""
        rows, columns = task.rows(), task.filters()
        params = models.VectorParams(size=rows.shape[1], distance=models.Distance.DOT)
        self._client.create_collection("rows", vectors_config=params)
        for start in range(0, len(rows), BATCH):
            block = rows[start : start + BATCH].astype(np.float32)
            ids = range(start, start + len(block))
            named = [{name: int(values[one]) for name, values in columns.items()} for one in ids]
            points = models.Batch(ids=list(ids), vectors=block.tolist(), payloads=named)
            self._client.upsert("rows", points)

    def settings(self) -> list[Setting]:
        """Give the only one."""
        return [{}]

    def find(self, asked: Search) -> np.ndarray:
        """Search query by query."""
        only = None
        if asked.where is not None:
            below = models.FieldCondition(key=asked.where[0], range=models.Range(lt=asked.where[1]))
            only = models.Filter(must=[below])

        def nearest(query: np.ndarray) -> list[int]:
            found = self._client.query_points(
                "rows", query=query.tolist(), query_filter=only, limit=asked.k, with_payload=False
            )
            return [int(point.id) for point in found.points]

        return one_by_one(nearest, asked)
