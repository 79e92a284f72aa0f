"""Which hashes are nearly equal, and what pairs join into groups."""

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from embedstore.corpus.look import BITS

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
