"""What a reader of a vector set sees: a published index and an exact tail, whole."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from indexer.gpu import explain
from indexer.planner import is_exact
from indexer.segment import Segment, merge, nobody
from indexer.types import Ids, Neighbors, Vectors


@dataclass(frozen=True)
class View:
    """One state of a vector set; writers replace it whole, so readers never wait.

    Attributes:
        published: The rows of the published index.
        published_seq: The commit that it holds.
        tail: The rows told since.
        seq: The commit up to which everything was told.
        evidence: What was measured of the published index; None where nothing was.
    """

    published: Segment
    published_seq: int
    tail: Segment
    seq: int
    evidence: Mapping[str, Any] | None = None

    @property
    def parts(self) -> tuple[Segment, Segment]:
        """The published rows and the tail; no id is in both."""
        return self.published, self.tail

    def search(self, queries: Vectors, k: int, allow: Ids | None, exact: bool) -> Neighbors:
        """Find the k best distinct ids for each query `(q, d)`; see `VectorSet.search`."""
        found = [part.search(queries, k, allow, exact) for part in self.parts if part.live]
        if not found:
            return nobody(len(queries), k)
        return found[0] if len(found) == 1 else merge(*found)

    def vectors_of(self, row: int) -> Vectors:
        """Give the vectors `(m, d)` of an id in the order they were added; none if not here."""
        wanted = np.asarray([row], dtype=np.int64)
        for part in self.parts:
            positions = part.positions_of(wanted)
            if len(positions):
                return part.index.rows(positions[part.live_mask[positions]])
        return np.empty((0, self.published.index.spec.dim), dtype=np.float32)

    def live_ids(self) -> Ids:
        """Give every id that can be found, ascending."""
        return np.concatenate([part.live_ids() for part in self.parts])

    def describe(self) -> dict[str, object]:
        """Say what is published, what waits in the tail, and where a search runs."""
        spec = self.published.index.spec
        return {
            "kind": spec.kind,
            "device": spec.device,
            "why": explain(spec),
            "published": len(self.published.ids),
            "published_seq": self.published_seq,
            "tail": self.tail.live,
            "removed": len(self.published.gone),
            "seq": self.seq,
            "exact": is_exact(spec, len(self.published.ids)),
            "evidence": self.evidence,
        }
