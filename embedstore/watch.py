"""Whether an index keeps its promise for what is asked today, seen on a sample of the searches.

The queries that a promise was measured with grow old: people come to ask for other things. Now
and then a search by words is therefore answered a second time, by scoring every row, in the
background and for at most a hundredth of one core's time. Where what was found is surely below
the promise, it is measured anew with these very queries, and the index is rebuilt to keep it.
"""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from math import inf
from typing import Any, NamedTuple

import numpy as np

from embedstore.background import Background
from embedstore.catalog import Catalog, CollectionInfo
from embedstore.errors import EmbedStoreError
from embedstore.promise import promise_of
from embedstore.types import Modality, Vectors
from indexer import VectorSet, lower_bound, neighbor_recall, queries_to_prove

SEARCHES = "searches"  # the source of a promise that was measured with these
_RESTS = 99.0  # a check is followed by so many times its duration without one
_LOOKS_AGAIN = 1.0  # seconds, where an index promises nothing

log = logging.getLogger("embedstore")


class _Asked(NamedTuple):
    """A search to check: of which modality, in which set, as the caller gave it and as asked."""

    modality: Modality
    held: VectorSet
    query: Vectors
    as_asked: Vectors


@dataclass
class _Seen:
    """What the checks of one published index found: its promise, and the recall of each query.

    One that is asked again and again, as by a probe, says no more than once.
    """

    promised: Mapping[str, Any]
    recalls: dict[bytes, float] = field(default_factory=dict)

    @property
    def enough(self) -> int:
        """How many queries tell: twice as many as could prove a promise at all."""
        return 2 * queries_to_prove(self.promised["recall"])

    @property
    def mean(self) -> float:
        """Mean recall."""
        return float(np.mean(list(self.recalls.values())))

    def note(self, query: Vectors, recall: float) -> None:
        """Add a query; the oldest goes where there are enough."""
        self.recalls.pop(query.tobytes(), None)
        self.recalls[query.tobytes()] = recall
        if len(self.recalls) > self.enough:
            del self.recalls[next(iter(self.recalls))]

    def queries(self) -> Vectors:
        """Give the queries `(q, d)`."""
        return np.stack([np.frombuffer(query, np.float32) for query in self.recalls])

    def broken(self) -> bool:
        """Say whether the recall is surely below what is promised."""
        if len(self.recalls) < self.enough:
            return False
        missed = 1 - np.array(list(self.recalls.values()))
        return bool(1 - lower_bound(missed) < self.promised["recall"])


class Watch:
    """Checks searches of a collection's indices; any number of threads may note theirs."""

    def __init__(
        self, catalog: Catalog, info: CollectionInfo, rebuild: Callable[[], object]
    ) -> None:
        """Watch a collection; `rebuild` is called, in another thread, where a promise broke."""
        self._catalog, self._info, self._rebuild = catalog, info, rebuild
        self._seen: dict[Modality, _Seen] = {}
        self._next: _Asked | None = None
        self._due = 0.0
        self._checking = Background(self._check, f"check-{info.name}")

    def note(self, modality: Modality, held: VectorSet, query: Vectors, as_asked: Vectors) -> None:
        """Check a search in the background if it is time to.

        Args:
            modality: Of the set.
            held: What was searched.
            query: `(d,)`, unit.
            as_asked: `(1, m)`, the query in the form that the set takes.
        """
        if time.monotonic() < self._due:
            return
        promised = held.evidence
        if promised is None or not promised["kept"]:
            self._due = time.monotonic() + _LOOKS_AGAIN
            return
        self._due = inf  # until this check is done
        self._next = _Asked(modality, held, query, as_asked)
        self._checking.start()

    def told(self, modality: Modality) -> Mapping[str, Any]:
        """Say what the checks since the last rebuild found; empty where there were none."""
        seen = self._seen.get(modality)
        if seen is None or not seen.recalls:
            return {}
        return {"checked": {"searches": len(seen.recalls), "mean": round(seen.mean, 4)}}

    def close(self) -> None:
        """Wait for a check that is under way."""
        self._checking.wait()

    def _check(self) -> None:
        begun = time.monotonic()
        asked = self._next
        try:
            promised = None if asked is None else asked.held.evidence
            if asked is not None and promised is not None:
                self._look(asked, promised)
        finally:
            ended = time.monotonic()
            self._due = ended + _RESTS * (ended - begun)

    def _look(self, asked: _Asked, promised: Mapping[str, Any]) -> None:
        seen = self._seen.get(asked.modality)
        if seen is None or seen.promised != promised:  # another index was published since
            seen = self._seen[asked.modality] = _Seen(promised)
        exact = asked.held.search(asked.as_asked, promised["k"], exact=True).ids
        found = asked.held.search(asked.as_asked, promised["k"]).ids
        seen.note(asked.query, float(neighbor_recall(found, exact)[0]))
        if seen.broken():
            del self._seen[asked.modality]
            self._renew(asked.modality, seen)

    def _renew(self, modality: Modality, seen: _Seen) -> None:
        name = self._info.name
        log.warning(
            "the %s index of %r finds %.3f of the neighbours of what is asked now, and promised "
            "%s; it is measured anew with these searches and rebuilt",
            modality,
            name,
            seen.mean,
            seen.promised["recall"],
        )
        try:
            old = promise_of(self._catalog, self._info.id, modality)
            if old is not None:
                new = replace(old, queries=seen.queries(), source=SEARCHES)
                self._catalog.set_promise(self._info, modality, new.stored())
                self._rebuild()
        except EmbedStoreError as error:
            log.warning("could not renew the promise of %r: %s", name, error)
