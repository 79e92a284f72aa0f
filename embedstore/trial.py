"""Recall of a collection's own captions, with and without the options of a search."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from embedstore.collection import Collection
from embedstore.errors import Invalid
from embedstore.expansion import HITS, expanded
from embedstore.gain import Gain, gain
from embedstore.hubness import QueryBank, asked
from embedstore.metrics import Recall, text_to_image
from embedstore.types import Vectors

LEAST_PICTURES = 50  # with captions outside the bank
MOST_CAPTIONS = 2_000  # that are searched with
MOST_QUERIES = 4_096  # of a bank; 2,000 to 6,000 do equally well
SAME = 0.999  # score of two texts that count as one
_BLOCK = 1 << 24  # scores held at once
_SEED = 20260


@dataclass(frozen=True)
class Trial:
    """Captions to search pictures with, none of which is in the bank.

    Attributes:
        pictures: `(n, d)` unit rows.
        captions: `(q, d)` unit rows.
        owners: `(q,)`, the picture that each caption was written for.
        bank: Corrects the pictures.
    """

    pictures: Vectors
    captions: Vectors
    owners: NDArray[np.int64]
    bank: QueryBank

    def gain(self, hubs: tuple[bool, bool], expand: tuple[bool, bool]) -> Gain:
        """Measure what is gained from the first of each pair to the second."""
        before, after = (self.recall(hubs[side], expand[side]) for side in (0, 1))
        return gain(before, after, self.owners.tolist())

    def recall(self, hubs: bool, expand: bool) -> Recall:
        """Search every picture with every caption, exactly.

        Args:
            hubs: Whether pictures are corrected by the bank.
            expand: Whether queries are expanded.
        """
        stored = self.bank.folded(self.pictures) if hubs else self.pictures
        share = 1.0 if hubs else None
        queries = _as_asked(self.captions, share)
        if expand:
            moved = [
                expanded(caption, self.pictures[best])
                for caption, best in zip(self.captions, _best(queries, stored), strict=True)
            ]
            queries = _as_asked(np.stack(moved), share)
        return text_to_image(stored, queries, self.owners.tolist())


class Captioned(NamedTuple):
    """Pictures with the captions written for them.

    Attributes:
        pictures: `(n, d)` unit rows.
        captions: `(q, d)` unit rows.
        owners: `(q,)`, places of the pictures that captions were written for.
        rows: `(q,)`, row ids of their items.
        parts: `(q,)`, which of their item's texts they are, counted from 0.
    """

    pictures: Vectors
    captions: Vectors
    owners: NDArray[np.int64]
    rows: NDArray[np.int64]
    parts: NDArray[np.int64]


def trial_of(collection: Collection, bank: Vectors | None, weight: float) -> Trial:
    """Put a trial together from what a collection holds.

    Args:
        collection: Its pictures with captions.
        bank: `(m, d)` unit rows; None takes the captions of every other picture.
        weight: Of the bank.

    Raises:
        Invalid: Too few pictures have a caption that is not in the bank.
    """
    pictures, captions, owners, _, _ = captioned(collection)
    held, halved = len(np.unique(owners)), bank is None
    if bank is None:
        _, place = np.unique(owners, return_inverse=True)
        even = place % 2 == 0
        bank = captions[even][some_of(int(even.sum()), MOST_QUERIES)]
        captions, owners = captions[~even], owners[~even]
    asking = some_of(len(captions), MOST_CAPTIONS)
    captions, owners = captions[asking], owners[asking]
    unseen = np.array([bool((bank @ each < SAME).all()) for each in captions], dtype=np.bool_)
    captions, owners = captions[unseen], owners[unseen]
    if (left := len(np.unique(owners))) < LEAST_PICTURES:
        seen = (
            f"half of them are put aside, which leaves {left} to measure with; "
            f"expected at least {2 * LEAST_PICTURES} with captions of their own"
            if halved
            else f"{left} of them with one that is no query; expected at least {LEAST_PICTURES}"
        )
        raise Invalid(
            f"collection {collection.name!r} has {held} pictures with captions, {seen}; index more "
            "captions, or choose without measuring: `--hubs on --expand off`"
        )
    return Trial(pictures, captions, owners, QueryBank("trial", weight, bank))


def captioned(collection: Collection) -> Captioned:
    """Give the pictures of a collection, and the captions written for them.

    A picture with several vectors stands for itself with its first.
    """
    catalog, number = collection.catalog, collection.info.id
    _, rows, pictures = catalog.scan(number, "image")
    _, text_rows, captions = catalog.scan(number, "text")
    known, first = np.unique(rows, return_index=True)
    parts = np.arange(len(text_rows)) - np.searchsorted(text_rows, text_rows)
    mine = np.isin(text_rows, known)
    owners = np.searchsorted(known, text_rows[mine]).astype(np.int64)
    return Captioned(
        pictures[first].astype(np.float32),
        captions[mine].astype(np.float32),
        owners,
        text_rows[mine],
        parts[mine],
    )


def some_of(n: int, most: int) -> NDArray[np.int64]:
    """Choose positions below n at random, `most` at most; ascending, and always the same."""
    return np.sort(np.random.default_rng(_SEED).permutation(n)[:most])


def _as_asked(queries: Vectors, share: float | None) -> Vectors:
    return queries if share is None else asked(queries, share)


def _best(queries: Vectors, stored: Vectors) -> Iterator[NDArray[np.int64]]:
    step = max(1, _BLOCK // max(1, len(stored)))
    for start in range(0, len(queries), step):
        scores = queries[start : start + step] @ stored.T  # (b, n)
        yield from np.argpartition(-scores, min(HITS, len(stored)) - 1, axis=1)[:, :HITS]
