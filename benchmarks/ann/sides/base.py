"""What every side can do, and what sides share."""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

Setting = Mapping[str, Any]  # search parameters, by the peer's own names
Where = tuple[str, int] | None  # a column and the bound that its values have to lie below
BLOCK = 16_384


@dataclass(frozen=True)
class Task:
    """What a side builds from.

    Attributes:
        vectors: Of a float16 array `(n, d)` of unit rows.
        queries: Of a float32 array `(q, d)`, real queries that a side may tune with.
        columns: Of an npz file with int32 arrays `(n,)` to filter by; empty for none.
        work: An empty folder.
        threads: To build with.
        k: Neighbours that will be asked for.
        recall: What a side that tunes itself has to reach.
    """

    vectors: Path
    queries: Path
    columns: Path | None
    work: Path
    threads: int
    k: int
    recall: float

    def rows(self) -> np.ndarray:
        """Give the vectors, mapped."""
        found: np.ndarray = np.load(self.vectors, mmap_mode="r")
        return found

    def blocks(self) -> Iterator[tuple[int, np.ndarray]]:
        """Give the vectors `(m, d)` in float32, and where each block starts."""
        rows = self.rows()
        for start in range(0, len(rows), BLOCK):
            yield start, rows[start : start + BLOCK].astype(np.float32)

    def filters(self) -> dict[str, np.ndarray]:
        """Give the columns to filter by."""
        return {} if self.columns is None else dict(np.load(self.columns))


class Side(Protocol):
    """One library in one form."""

    def build(self, task: Task) -> None:
        """Take the vectors in and make ready to search."""

    def settings(self) -> list[Setting]:
        """Give the search parameters to try, from the cheapest on."""

    def find(
        self, queries: np.ndarray, k: int, setting: Setting, where: Where, threads: int
    ) -> np.ndarray:
        """Give the rows `(q, k)` of the best neighbours of float32 queries `(q, d)`."""


def one_by_one(
    find: Callable[[np.ndarray], list[int]], queries: np.ndarray, k: int, threads: int
) -> np.ndarray:
    """Search query by query, in threads where more than one is allowed.

    Args:
        find: Gives up to k rows for a query `(d,)`.
        queries: `(q, d)`.
        k: Neighbours wanted; too few are filled up with -1.
        threads: To search in.
    """
    if threads > 1 and len(queries) > 1:
        with ThreadPoolExecutor(threads) as pool:
            answers = list(pool.map(find, queries))
    else:
        answers = [find(query) for query in queries]
    found = np.full((len(queries), k), -1, dtype=np.int64)
    for place, rows in enumerate(answers):
        found[place, : len(rows)] = rows[:k]
    return found


def steps(name: str, values: list[int], most: int) -> list[Setting]:
    """Give one setting for each value of a parameter, up to the most that there is."""
    return [{name: value} for value in sorted({min(value, most) for value in values})]
