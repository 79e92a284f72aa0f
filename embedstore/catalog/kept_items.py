"""Items that were read, kept in memory until something is deleted.

A row of `items` never changes and its id is never used again, so what was read of it stays true.
Only whether it is still there must be proved: the statement of `Reader.lookup` tells the last
commit that removed anything, and what was kept before it counts no more. Rows that are added
take nothing away.
"""

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

ROWS, COLLECTIONS = 16_384, 4  # kept of each, and of how many; about 30 MB of usual items
MOST_TEXT = 1_000  # characters of an item's texts and metadata; a longer one is not kept


class Stored(NamedTuple):
    """What an item is made of; its metadata stay JSON, for whoever is given them may change them.

    Attributes:
        key: Unique in its collection.
        image: As in `Item`.
        texts: Its texts.
        meta: Its metadata, a JSON object.
        size: Characters of texts and metadata as they are stored.
    """

    key: str
    image: Path | bytes | None
    texts: tuple[str, ...]
    meta: str
    size: int


@dataclass(frozen=True)
class Kept:
    """What is kept of one collection: rows that were there at its last removal."""

    removal: int
    rows: dict[int, Stored] = field(default_factory=dict)


class KeptItems:
    """What is kept of each collection; it may be shared by threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._of: OrderedDict[int, Kept] = OrderedDict()

    def of(self, collection_id: int) -> Kept:
        """Give what is kept of a collection; it counts where its `removal` is still the last."""
        return self._of.get(collection_id, _NOTHING)

    def keep(self, collection_id: int, removal: int, rows: Mapping[int, Stored]) -> None:
        """Keep rows that were there when `removal` was the last commit to remove any."""
        short = {row: each for row, each in rows.items() if each.size <= MOST_TEXT}
        if not short:
            return
        with self._lock:
            kept = self._of.get(collection_id, _NOTHING)
            if kept.removal < removal:
                kept = self._of[collection_id] = Kept(removal)
            if kept.removal > removal:  # another thread has seen a later one
                return
            kept.rows.update(short)
            while len(kept.rows) > ROWS:
                del kept.rows[next(iter(kept.rows))]  # the oldest
            self._of.move_to_end(collection_id)
            while len(self._of) > COLLECTIONS:
                self._of.popitem(last=False)


_NOTHING = Kept(-1)
