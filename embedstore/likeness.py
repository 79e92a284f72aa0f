"""Which hashes are nearly equal, and what pairs join into groups."""

from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from embedstore.corpus.look import BITS
from embedstore.types import Vectors

Pairs = set[tuple[int, int]]


def alike(values: Iterable[tuple[int, object]]) -> Pairs:
    """Join places whose values are equal, each with the first that has the value."""
    first: dict[object, int] = {}
    return {
        (first[value], place) for place, value in values if first.setdefault(value, place) != place
    }


def near_hashes(hashes: Iterable[tuple[int, int]], bits: int) -> Pairs:
    """Join places whose hashes differ in few bits; equal ones are joined to their first.

    Two hashes that differ in b bits agree in one at least of b + 1 bands, so only those that share
    a band are compared: Manku, Jain and Das Sarma, "Detecting Near-Duplicates for Web Crawling",
    WWW 2007.

    Args:
        hashes: Places with their 64 bits.
        bits: That may differ.
    """
    known = list(hashes)
    first: dict[int, int] = {}
    for place, value in known:
        first.setdefault(value, place)
    distinct = np.fromiter(first, np.uint64, len(first))
    places = list(first.values())
    near = {
        (places[one], places[other])
        for band in np.array_split(np.arange(BITS), bits + 1)
        for one, other in _sharing(distinct, band, bits)
    }
    return alike(known) | {(min(pair), max(pair)) for pair in near}


def _sharing(
    hashes: NDArray[np.uint64], band: NDArray[np.int64], bits: int
) -> Iterator[tuple[int, int]]:
    mask = np.uint64(sum(1 << int(bit) for bit in band))
    keys = hashes & mask
    order = np.argsort(keys, kind="stable")
    starts = np.flatnonzero(np.diff(keys[order])) + 1
    for same in np.split(order, starts):
        for at, one in enumerate(same[:-1]):
            others = same[at + 1 :]
            close = np.bitwise_count(hashes[others] ^ hashes[one]) <= bits
            yield from ((int(one), int(other)) for other in others[close])


def groups(pairs: Iterable[tuple[int, int]]) -> list[list[int]]:
    """Join pairs that share a place: groups of two or more, ascending, by their first place.

    Union-find: Tarjan, "Efficiency of a Good But Not Linear Set Union Algorithm", JACM 1975.
    """
    parent: dict[int, int] = {}

    def root(place: int) -> int:
        parent.setdefault(place, place)
        while parent[place] != place:
            parent[place] = parent[parent[place]]
            place = parent[place]
        return place

    for one, other in pairs:
        low, high = sorted((root(one), root(other)))
        parent[high] = low
    members: dict[int, list[int]] = {}
    for place in sorted(parent):
        members.setdefault(root(place), []).append(place)
    return [members[first] for first in sorted(members)]


@dataclass
class Look:
    """A picture to compare.

    Attributes:
        key: Of its item.
        content: Hash of its bytes; None where it was not read.
        bits: Its look, see `corpus.look`; None where it has none.
    """

    key: str
    content: str | None = None
    bits: int | None = None


@dataclass(frozen=True)
class Near:
    """From what on two pictures are nearly the same: a score, or so many bits that differ."""

    score: float
    bits: int

    def are(self, one: Look, other: Look, score: float) -> bool:
        """Say whether two are, given the score of their vectors."""
        if score >= self.score or (one.content is not None and one.content == other.content):
            return True
        if one.bits is None or other.bits is None:
            return False
        return (one.bits ^ other.bits).bit_count() <= self.bits


def stars(
    ordered: Sequence[int],
    looks: Sequence[Look],
    vectors: Vectors,
    near: Near,
    joined: Set[tuple[int, int]],
) -> Iterator[list[int]]:
    """Part places that pairs connect into groups of two or more, each near to its first.

    Without it a chain of pairs would join pictures that have nothing to do with each other.

    Args:
        ordered: Places, those that shall be first before others.
        looks: By place.
        vectors: `(n, d)` unit rows, by place.
        near: What makes two pictures nearly the same.
        joined: Pairs known to be, ascending; rounding may judge otherwise.
    """
    waiting = list(ordered)
    while waiting:
        first, *others = waiting
        scores = (vectors[others] @ vectors[first]).tolist()
        own = [
            other
            for other, score in zip(others, scores, strict=True)
            if near.are(looks[first], looks[other], score)
            or (min(first, other), max(first, other)) in joined
        ]
        left = set(others).difference(own)
        waiting = [other for other in others if other in left]
        if own:
            yield [first, *own]
