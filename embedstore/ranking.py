"""Neighbours of several indices into one ranked list of rows."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from embedstore.types import Hit, Item, Modality
from indexer import Neighbors

RRF_OFFSET = 60  # the constant of the paper; it damps the lead of the very first ranks


class Ranked(NamedTuple):
    """A row found by a search, before it is given its item.

    Attributes:
        row: Row id of the item.
        score: Inner product, or the fused score.
        part: Which of the item's texts matched; None where a picture did.
        probability: Of relevance; None where it is not known.
    """

    row: int
    score: float
    part: int | None
    probability: float | None = None


def ranked(neighbors: Neighbors, modality: Modality) -> list[Ranked]:
    """Give the neighbours of a single query as rows, best first."""
    ids, scores, parts = neighbors.ids[0], neighbors.scores[0], neighbors.parts[0]
    return [
        Ranked(row, score, part if modality == "text" else None)
        for row, score, part in zip(ids.tolist(), scores.tolist(), parts.tolist(), strict=True)
        if row >= 0
    ]


def fuse(lists: list[list[Ranked]], k: int) -> list[Ranked]:
    """Fuse ranked lists by rank, never by raw score: image and text vectors lie in two cones.

    Reciprocal rank fusion (Cormack, Clarke and Buettcher, SIGIR 2009).

    Args:
        lists: Each best first.
        k: Rows wanted.

    Returns:
        Rows by descending fused score; ties keep the order of the first list.
    """
    scores: dict[int, float] = {}
    parts: dict[int, int | None] = {}
    for each in lists:
        for rank, found in enumerate(each, 1):
            scores[found.row] = scores.get(found.row, 0.0) + 1.0 / (RRF_OFFSET + rank)
            if parts.get(found.row) is None:
                parts[found.row] = found.part
    best = sorted(scores, key=lambda row: -scores[row])[:k]
    return [Ranked(row, scores[row], parts[row]) for row in best]


def hits(found: Sequence[Ranked], items: Mapping[int, Item]) -> list[Hit]:
    """Give ranked rows their items; rows without one are left out."""
    present = [each for each in found if each.row in items]
    return [
        Hit(
            item := items[each.row],
            each.score,
            rank,
            item.texts[each.part]
            if each.part is not None and each.part < len(item.texts)
            else None,
            each.probability,
        )
        for rank, each in enumerate(present, 1)
    ]
