"""An index whose positions have ids: one half of a `VectorSet`."""

import weakref
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from indexer.checks import as_ids
from indexer.types import NO_ID, AnnIndex, Ids, Mask, Neighbors, Vectors

Positions = NDArray[np.int64]  # (m,)
NOTHING: Positions = np.empty(0, dtype=np.int64)

# Coordinates of a filter's rows that are copied to be scanned: 32 MiB in float16, twice that where
# the index is float32. A kept copy is scanned 3 to 8 times faster than the rows where they lie.
COPIED = 1 << 24
FILTERS_KEPT = 4
MOST_PARTS = 8  # an id with more vectors is met by widening the search, not by starting wide


class Segment:
    """Positions and their ids, which ascend; equal ids are neighbours.

    Nothing in it changes but the cache of filters, so any number of threads may search.
    """

    def __init__(
        self,
        ids: Ids,
        index: AnnIndex,
        gone: Positions = NOTHING,
        most_parts: int | None = None,
    ) -> None:
        """Give positions their ids.

        Args:
            ids: `(n,)`, never descending.
            index: Over n positions.
            gone: Ascending positions that are not returned; all of an id's, or none.
            most_parts: The vectors of the id that has most, where known.
        """
        self.ids = ids
        self.index = index
        self.gone = gone
        self._most_parts = most_parts
        self._filters: tuple[tuple[weakref.ref[Ids], Segment | Mask], ...] = ()

    @property
    def live(self) -> int:
        """How many vectors can be returned."""
        return len(self.ids) - len(self.gone)

    @cached_property
    def live_mask(self) -> Mask:
        """`(n,)`, True where a position can be returned."""
        mask = np.ones(len(self.ids), dtype=np.bool_)
        mask[self.gone] = False
        return mask

    @property
    def most_parts(self) -> int:
        """The vectors of the id that has most."""
        if self._most_parts is None and bool((self.ids[1:] != self.ids[:-1]).all()):
            self._most_parts = 1
        if self._most_parts is None:
            starts = np.flatnonzero(np.diff(self.ids, prepend=NO_ID))
            self._most_parts = int(np.diff(starts, append=len(self.ids)).max(initial=1))
        return self._most_parts

    def positions_of(self, ids: Ids) -> Positions:
        """Give the ascending positions of ascending distinct ids; unknown ids have none."""
        first = np.searchsorted(self.ids, ids, side="left")
        if self.most_parts == 1:
            inside = first < len(self.ids)
            first, ids = first[inside], ids[inside]
            known: Positions = first[self.ids[first] == ids]
            return known
        counts = np.searchsorted(self.ids, ids, side="right") - first
        before = np.cumsum(counts) - counts
        positions: Positions = np.repeat(first - before, counts) + np.arange(counts.sum())
        return positions

    def live_ids(self) -> Ids:
        """Give the distinct ids that can be returned, ascending."""
        return np.unique(self.ids[self.live_mask])

    def without(self, ids: Ids) -> "Segment":
        """Give this segment less some ids."""
        if not len(ids):
            return self
        found = self.positions_of(ids)
        if not len(found):
            return self
        return Segment(self.ids, self.index, np.union1d(self.gone, found), self.most_parts)

    def search(
        self, queries: Vectors, k: int, allow: Ids | None = None, exact: bool = False
    ) -> Neighbors:
        """Find the k best distinct ids for each query.

        Args:
            queries: `(q, d)`, checked.
            k: At least 1.
            allow: Ascending distinct ids that may be returned; None allows all.
            exact: Score every allowed row.
        """
        if allow is None:
            return self._nearest(queries, k, None, exact)
        allowed = self._allowed(allow)
        if isinstance(allowed, Segment):
            return allowed._nearest(queries, k, None, exact)
        return self._nearest(queries, k, allowed, exact)

    def _nearest(self, queries: Vectors, k: int, mask: Mask | None, exact: bool) -> Neighbors:
        """Widen the search until every query has k distinct ids, or all there are."""
        n = len(self.ids)
        if mask is None and len(self.gone) == n:
            return nobody(len(queries), k)
        find = self.index.scan if exact else self.index.search
        wanted = k * min(self.most_parts, MOST_PARTS)
        if mask is None and len(self.gone):
            wanted = 2 * wanted + wanted * len(self.gone) // self.live
        while True:
            wanted = min(wanted, n)
            positions, scores = find(queries, wanted, mask)
            keep = self._distinct(positions, mask is None)
            if wanted == n or bool((np.count_nonzero(keep, axis=1) >= k).all()):
                return self._named(positions, scores, keep, k)
            if mask is None and len(self.gone):
                mask = self.live_mask
            else:
                wanted *= 4

    def _distinct(self, positions: NDArray[np.int64], drop_gone: bool) -> NDArray[np.bool_]:
        """Mark in each row `(q, m)` the best live position of each id."""
        keep = positions >= 0
        if drop_gone and len(self.gone):
            keep &= self.live_mask[positions]
        if self.most_parts > 1:
            ids = np.where(keep, self.ids[positions], NO_ID)
            order = np.argsort(ids, axis=1, kind="stable")
            first = np.diff(np.take_along_axis(ids, order, 1), axis=1, prepend=NO_ID) != 0
            np.put_along_axis(keep, order, first, 1)
        return keep

    def _named(
        self,
        positions: NDArray[np.int64],
        scores: NDArray[np.float32],
        keep: NDArray[np.bool_],
        k: int,
    ) -> Neighbors:
        """Turn the first k kept positions of each row into ids and parts."""
        if positions.shape[1] != k or not keep.all():
            best = np.argsort(~keep, axis=1, kind="stable")[:, :k]
            row = np.arange(len(keep))[:, None]
            kept, found = keep[row, best], best.shape[1]
            wide = np.full((len(keep), k), -1, np.int64)
            wide_scores = np.full((len(keep), k), -np.inf, np.float32)
            np.copyto(wide[:, :found], positions[row, best], where=kept)
            np.copyto(wide_scores[:, :found], scores[row, best], where=kept)
            positions, scores = wide, wide_scores
        ids = np.where(positions < 0, NO_ID, self.ids[positions])
        if self.most_parts == 1:
            parts = np.where(positions < 0, -1, 0)
        else:
            parts = np.where(positions < 0, -1, positions - np.searchsorted(self.ids, ids))
        return Neighbors(ids, scores, parts.astype(np.int32))

    def _allowed(self, allow: Ids) -> "Segment | Mask":
        """Give the allowed rows: few as a segment of their own, many as a mask.

        What was made for a read-only array is kept as long as that very array lives: a catalog
        gives the same array for the same filter until something is committed.
        """
        for held, made in self._filters:
            if held() is allow:
                return made
        made = self._restricted(allow)
        if not allow.flags.writeable:
            entry = (weakref.ref(allow), made)
            alive = tuple(each for each in self._filters if each[0]() is not None)
            self._filters = (entry, *alive)[:FILTERS_KEPT]
        return made

    def _restricted(self, allow: Ids) -> "Segment | Mask":
        mask = np.zeros(len(self.ids), dtype=np.bool_)
        mask[self.positions_of(as_ids(allow))] = True
        mask[self.gone] = False
        positions = np.flatnonzero(mask)
        if len(positions) * self.index.spec.dim > COPIED:
            return mask
        return Segment(self.ids[positions], self.index.part(positions))


def nobody(queries: int, k: int) -> Neighbors:
    """Give the answer of an empty set."""
    shape = (queries, k)
    return Neighbors(
        np.full(shape, NO_ID, dtype=np.int64),
        np.full(shape, -np.inf, dtype=np.float32),
        np.full(shape, -1, dtype=np.int32),
    )


def merge(one: Neighbors, other: Neighbors) -> Neighbors:
    """Give the k best of two answers of k whose ids are disjoint; ties go to the lower id."""
    k = one.ids.shape[1]
    ids = np.concatenate((one.ids, other.ids), axis=1)
    scores = np.concatenate((one.scores, other.scores), axis=1)
    parts = np.concatenate((one.parts, other.parts), axis=1)
    best = np.lexsort((ids, -scores), axis=1)[:, :k]
    row = np.arange(len(ids))[:, None]
    return Neighbors(ids[row, best], scores[row, best], parts[row, best])
