"""What recall an index promises for real queries, and how every rebuild keeps it.

Queries of words lie outside the distribution of picture vectors, so an index that finds stored
vectors well may miss what words ask for. The promise is therefore measured with real queries.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embedstore.catalog import Catalog, StoredPromise
from embedstore.types import Modality, Vectors
from indexer import (
    BadVectors,
    Candidate,
    Device,
    FaissIndex,
    IndexSpec,
    Kind,
    NotReached,
    VectorSet,
    build,
    gpu_count,
    is_exact,
    plan,
    queries_to_prove,
    settle,
    tune,
    usable,
)

RECALL, K = 0.95, 10
MOST_QUERIES = 2_000  # half of them choose, half of them judge
LEAST_QUERIES = 100
CAPTIONS = "captions"
_SEED = 20260
_UNMEASURED = "the index is uncalibrated until `embedstore tune --queries FILE`"

log = logging.getLogger("embedstore")
Rows = NDArray[np.floating]


@dataclass(frozen=True)
class Promise:
    """What an index shall find, and the queries to see whether it does.

    Attributes:
        queries: `(q, d)` unit rows that no index holds; none where captions are too few to measure.
        source: Where the queries come from: "captions", or the name of a query log.
        recall: Neighbour recall@k promised, 0..1; a 95% lower bound shall reach it.
        k: Neighbours.
        memory_bytes: What the index may take; None for no limit.
        kind: Of index, as measured to be fastest; None leaves it to the planner.
        device: Where that index was measured.
    """

    queries: Vectors
    source: str = CAPTIONS
    recall: float = RECALL
    k: int = K
    memory_bytes: int | None = None
    kind: Kind | None = None
    device: Device = "cpu"

    def stored(self) -> StoredPromise:
        """Give the form that a catalog keeps: captions stay with their items, and go with them."""
        asked = {
            name: getattr(self, name)
            for name in ("source", "recall", "k", "memory_bytes", "kind", "device")
        }
        return StoredPromise(asked, self.queries[: 0 if self.source == CAPTIONS else None])

    def keeper(
        self, seq: int, as_asked: Callable[[Vectors], Vectors]
    ) -> Callable[[FaissIndex, Rows], FaissIndex]:
        """Give what a rebuild does with an index before it is published.

        The search parameters are set anew by measuring. Where no parameters of this kind of index
        keep the promise any more, or the index outgrew its memory, every kind is tried.

        Args:
            seq: The commit of the rows.
            as_asked: Gives queries the form that the index takes.
        """
        queries = as_asked(self.queries)

        def kept(index: FaissIndex, rows: Rows) -> FaissIndex:
            if is_exact(index.spec, len(index)) or len(rows) <= self.k:
                return index
            if not len(self.queries):
                log.warning("%s are too few to measure a promise with; %s", CAPTIONS, _UNMEASURED)
                return index
            settled, found = settle(index, rows, queries, recall=self.recall, k=self.k)
            outgrown = self.memory_bytes is not None and found.bytes > self.memory_bytes
            if found.bound < self.recall or outgrown:
                settled, found = self._another(settled, found, rows, queries)
            return settled.with_evidence(self.evidence(found, seq))

        return kept

    def spec(self, n: int, dim: int) -> IndexSpec | None:
        """Give what to build of so many rows; None leaves it to the planner.

        That an exact index was fastest says so of the rows there were: it is planned anew.
        """
        if self.recall == 1 and self.memory_bytes is None:
            return IndexSpec("flat", dim)
        if self.kind not in (None, "flat"):
            # This may be another machine.
            return usable(IndexSpec(self.kind, dim, device=self.device))
        return None if self.memory_bytes is None else plan(n, dim, self.memory_bytes)

    def evidence(self, found: Candidate, seq: int) -> Mapping[str, Any]:
        """Say what was promised and what was measured."""
        return {
            "recall": self.recall,
            "k": self.k,
            "bound": round(found.bound, 4),
            "mean": round(found.recall, 4),
            "kept": found.bound >= self.recall,
            "queries": len(self.queries),
            "source": self.source,
            "seq": seq,
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
        }

    def _another(
        self, index: FaissIndex, found: Candidate, rows: Rows, queries: Vectors
    ) -> tuple[FaissIndex, Candidate]:
        try:
            best = tune(
                rows,
                queries,
                recall=self.recall,
                k=self.k,
                memory_bytes=self.memory_bytes,
                gpus=gpu_count(),
            ).kept()
        except (NotReached, BadVectors) as error:  # the latter: too few queries to prove so much
            log.warning("%s; the index says so until `embedstore tune` promises less", error)
            return index, found
        return build(rows, best.spec), best


def promise_of(catalog: Catalog, collection_id: int, modality: Modality) -> Promise | None:
    """Give the promise in force: the one that was asked for, or the usual one where it can be.

    Captions are no queries for an index that holds them, so captions promise for pictures alone.

    Args:
        catalog: Holds it.
        collection_id: Whose.
        modality: Of which index.

    Returns:
        None where nothing was asked for, and there are too few real queries to measure with.

    Raises:
        Corrupt: Stored bytes fail their checksum.
    """
    stored = catalog.promise(collection_id, modality)
    if stored is None:
        return None if modality == "text" else of_captions(catalog, collection_id)
    if stored.asked["source"] != CAPTIONS:
        return Promise(stored.queries, **stored.asked)
    found = of_captions(catalog, collection_id, stored.asked["recall"])
    return Promise(stored.queries[:0] if found is None else found.queries, **stored.asked)


def of_captions(catalog: Catalog, collection_id: int, recall: float = RECALL) -> Promise | None:
    """Give the usual promise for pictures; None where too few have captions of their own.

    Args:
        catalog: Holds the captions.
        collection_id: Whose.
        recall: To be proven with them, though `Promise.recall` is the usual one.
    """
    some = catalog.some_captions(collection_id, most_queries(recall), _SEED)
    captions = np.unique(some, axis=0) if len(some) else some
    return Promise(captions) if len(captions) >= LEAST_QUERIES else None


def most_queries(recall: float) -> int:
    """Give how many queries are worth measuring a promise with."""
    return max(MOST_QUERIES, queries_to_prove(recall)) if recall < 1 else MOST_QUERIES


def described(held: VectorSet) -> dict[str, object]:
    """Say of a set what it is and what its published index promises."""
    told = held.describe()
    measured = told.pop("evidence")
    unmeasured = "exact" if told.pop("exact") else "uncalibrated"
    return {**told, "promise": measured or unmeasured}
