"""Which ids were removed, and when."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from indexer.errors import BadVectors
from indexer.types import Ids


def _none() -> NDArray[np.int64]:
    return np.empty(0, dtype=np.int64)


@dataclass(frozen=True)
class Tombstones:
    """Removed ids and the commit of each removal.

    Attributes:
        ids: `(n,)`, ascending, distinct.
        seqs: `(n,)`.
    """

    ids: Ids = field(default_factory=_none)
    seqs: NDArray[np.int64] = field(default_factory=_none)

    @classmethod
    def of(cls, ids: ArrayLike, seqs: ArrayLike) -> "Tombstones":
        """Order removals by id; an id removed twice keeps its first commit.

        Raises:
            BadVectors: Not one commit for each id.
        """
        removed, when = np.asarray(ids, dtype=np.int64), np.asarray(seqs, dtype=np.int64)
        if removed.ndim != 1 or removed.shape != when.shape:
            raise BadVectors(
                f"removed ids have shape {removed.shape} and their seqs {when.shape}, "
                "expected one seq for each id"
            )
        distinct, first = np.unique(removed, return_index=True)
        return cls(distinct, when[first])

    def joined(self, later: "Tombstones") -> "Tombstones":
        """Add later removals."""
        if not len(later.ids):
            return self
        ids = np.concatenate((self.ids, later.ids))
        return Tombstones.of(ids, np.concatenate((self.seqs, later.seqs)))

    def after(self, seq: int) -> "Tombstones":
        """Keep the removals later than a commit."""
        kept = self.seqs > seq
        return Tombstones(self.ids[kept], self.seqs[kept])
