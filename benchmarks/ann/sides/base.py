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


@dataclass(frozen=True)
class Search:
    """One call.

    Attributes:
        queries: `(q, d)` float32.
        k: Neighbours wanted.
        setting: One of the side's `settings`.
        where: What the rows have to fulfil, where the side can filter.
        threads: To search in.
    """

    queries: np.ndarray
    k: int
    setting: Setting
    where: Where = None
    threads: int = 1

    @property
    def condition(self) -> str | None:
        """The filter in the words that the databases share."""
        return None if self.where is None else f"{self.where[0]} < {self.where[1]}"


class Side(Protocol):
    """One library in one form."""

    def build(self, task: Task) -> None:
        """Take the vectors in and make ready to search."""

    def settings(self) -> list[Setting]:
        """Give the search parameters to try, from the cheapest on."""

    def find(self, asked: Search) -> np.ndarray:
        """Give the rows `(q, k)` of the best neighbours, -1 where there are too few."""


def one_by_one(find: Callable[[np.ndarray], list[int]], asked: Search) -> np.ndarray:
    """Search query by query, in threads where more than one is allowed.

    Args:
        find: Gives up to k rows for a query `(d,)`.
        asked: All queries.
    """
    if asked.threads > 1 and len(asked.queries) > 1:
        with ThreadPoolExecutor(asked.threads) as pool:
            answers = list(pool.map(find, asked.queries))
    else:
        answers = [find(query) for query in asked.queries]
    found = np.full((len(asked.queries), asked.k), -1, dtype=np.int64)
    for place, rows in enumerate(answers):
        found[place, : len(rows)] = rows[: asked.k]
    return found


def steps(name: str, values: list[int], most: int) -> list[Setting]:
    """Give one setting for each value of a parameter, up to the most that there is."""
    return [{name: value} for value in sorted({min(value, most) for value in values})]
