"""Pictures that a collection holds twice, or nearly so: groups of them, and the evidence.

Three signs, any of which joins two pictures: the same bytes, nearly the same look, nearly the same
meaning. Nothing is deleted; the first of each group is the one to keep.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import numpy as np

from embedstore.catalog import Mark, Source
from embedstore.collection import Collection
from embedstore.corpus import Entry, Failure, decode_all
from embedstore.corpus.look import FOR_HASH, difference_hash, extent
from embedstore.errors import BadImage, Invalid
from embedstore.index_faults import meaningful_errors
from embedstore.likeness import Look, Near, Pairs, alike, groups, near_hashes, stars
from embedstore.types import Vectors
from indexer.clustering import near_pairs

SCORE = 0.96  # of pictures that are nearly the same
DIFFERENT_BITS = 3  # of 64 that may differ
MOST_BITS = 15
NEIGHBOURS = 16  # of each picture that are looked at; enough to connect larger groups
PAGE = 64  # items read together

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Pair:
    """Two pictures that seem to be one, and how alike they are.

    Attributes:
        first: Key of one.
        second: Key of the other.
        same_bytes: Whether their files are equal; None where one was not read.
        bits: Of 64, in which their looks differ; None where one was not read or is too plain.
        score: Of their vectors.
    """

    first: str
    second: str
    same_bytes: bool | None
    bits: int | None
    score: float


@dataclass(frozen=True)
class Group:
    """Pictures of which each is nearly the same as the first.

    Attributes:
        keys: The one to keep first: of most pixels, then of most bytes; by name where pictures
            are not opened.
        pairs: Those of them that are nearly the same, the first with every other among them.
    """

    keys: tuple[str, ...]
    pairs: tuple[Pair, ...]


@dataclass(frozen=True)
class Duplicates:
    """What was found.

    Attributes:
        groups: The largest first.
        pictures: That were compared.
        unreadable: Pictures that could not be decoded; they are compared by their vectors.
    """

    groups: tuple[Group, ...]
    pictures: int
    unreadable: tuple[Failure, ...]


@dataclass
class _Seen:
    looks: list[Look] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    unreadable: list[Failure] = field(default_factory=list)


def duplicates(
    collection: Collection,
    *,
    score: float = SCORE,
    bits: int = DIFFERENT_BITS,
    read: bool = True,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Duplicates:
    """Find groups of pictures that are nearly the same as the one to keep of each.

    Args:
        collection: Holds them; those whose vectors were given ready-made have no look.
        score: Of two vectors, from which on they count as the same.
        bits: Of the look, that may differ.
        read: Whether to open the pictures; their vectors alone are compared otherwise.
        workers: Decoding processes; None takes one a core, 0 decodes in this process.
        progress: Called with pictures done, and pictures in all.

    Raises:
        Invalid: A limit is out of its range.
    """
    if not -1.0 <= score <= 1.0:
        raise Invalid(f"score is {score}; expected -1 to 1, such as {SCORE}")
    if not 0 <= bits <= MOST_BITS:
        raise Invalid(f"bits is {bits}; expected 0 to {MOST_BITS}")
    with collection.catalog.as_opened(collection.info):
        _, rows, vectors = collection.catalog.scan(collection.info.id, "image")
        known, first = np.unique(rows, return_index=True)
        seen = _seen(collection, known.tolist(), read, workers, progress)
        own = vectors[first[seen.places]].astype(np.float32)
        joined = _pairs(seen.looks, own, score, bits)
        found = [
            group
            for chained in _together(joined)
            for group in _groups(collection, seen.looks, own, chained, Near(score, bits), read)
        ]
    found.sort(key=lambda group: (-len(group.keys), group.keys))
    return Duplicates(tuple(found), len(seen.looks), tuple(seen.unreadable))


def _seen(
    collection: Collection,
    rows: list[int],
    read: bool,
    workers: int | None,
    progress: Progress | None,
) -> _Seen:
    """Look at every picture that has a vector."""
    seen, place = _Seen(), {row: at for at, row in enumerate(rows)}
    underway: deque[Source] = deque()

    def entries() -> Iterator[Entry]:
        for source in _sources(collection):
            if source.mark.row in place:
                underway.append(source)
                # A decoder takes bytes as well, though no corpus gives any
                picture = cast(Path | None, source.picture) if read else None
                yield Entry(source.item.key, picture, (), {}, "")

    for decoded in decode_all(entries(), FOR_HASH, workers):
        look = Look(decoded.entry.key, decoded.content_hash or None)
        if decoded.error is not None:
            seen.unreadable.append(Failure(look.key, str(decoded.error)))
        elif decoded.pixels is not None:
            look.bits = difference_hash(decoded.pixels)
        seen.looks.append(look)
        seen.places.append(place[underway.popleft().mark.row])
        if progress is not None:
            progress(len(seen.looks), len(rows))
    return seen


def _sources(collection: Collection) -> Iterator[Source]:
    after = Mark(-1, -1)
    while page := collection.catalog.sources(collection.info.id, after, PAGE):
        yield from page
        after = page[-1].mark


def _pairs(looks: list[Look], vectors: Vectors, score: float, bits: int) -> Pairs:
    same = alike((at, look.content) for at, look in enumerate(looks) if look.content)
    hashed = [(at, look.bits) for at, look in enumerate(looks) if look.bits is not None]
    with meaningful_errors():
        one, other = near_pairs(vectors, score, NEIGHBOURS)
    meant = zip(one.tolist(), other.tolist(), strict=True)
    return same | near_hashes(hashed, bits) | set(meant)


def _together(joined: Pairs) -> list[tuple[list[int], list[tuple[int, int]]]]:
    """Give each group of places with the pairs that join it."""
    found = groups(joined)
    of = {place: number for number, each in enumerate(found) for place in each}
    pairs: list[list[tuple[int, int]]] = [[] for _ in found]
    for pair in sorted(joined):
        pairs[of[pair[0]]].append(pair)
    return list(zip(found, pairs, strict=True))


def _groups(
    collection: Collection,
    looks: list[Look],
    vectors: Vectors,
    chained: tuple[list[int], list[tuple[int, int]]],
    near: Near,
    read: bool,
) -> Iterator[Group]:
    """Part what pairs connect, so that each picture of a group is like the one to keep."""
    places, pairs = chained
    keys = [looks[place].key for place in places]
    size = _extents(collection, keys) if read else dict.fromkeys(keys, (0, 0))
    largest = sorted(keys, key=lambda key: (-size[key][0], -size[key][1], key))
    place_of = dict(zip(keys, places, strict=True))
    ordered = [place_of[key] for key in largest]
    found = list(stars(ordered, looks, vectors, near, set(pairs)))
    inside = [{(min(first, at), max(first, at)) for at in others} for first, *others in found]
    of = {place: number for number, own in enumerate(found) for place in own}
    for one, other in pairs:
        if one in of and of[one] == of.get(other):
            inside[of[one]].add((one, other))
    for own, joining in zip(found, inside, strict=True):
        evidence = (
            _pair(looks[one], looks[other], vectors[one], vectors[other])
            for one, other in sorted(joining)
        )
        yield Group(tuple(looks[at].key for at in own), tuple(evidence))


def _pair(one: Look, other: Look, first: Vectors, second: Vectors) -> Pair:
    read = one.content is not None and other.content is not None
    same = one.content == other.content if read else None
    differ = None
    if one.bits is not None and other.bits is not None:
        differ = (one.bits ^ other.bits).bit_count()
    return Pair(one.key, other.key, same, differ, float(first @ second))


def _extents(collection: Collection, keys: list[str]) -> dict[str, tuple[int, int]]:
    """Give the pixels and bytes of pictures; nothing of those that cannot be read."""
    found = dict.fromkeys(keys, (0, 0))
    for start in range(0, len(keys), PAGE):
        for source in collection.catalog.sources_of(collection.info.id, keys[start : start + PAGE]):
            if source.picture is not None:
                try:
                    found[source.item.key] = extent(source.picture)
                except BadImage:
                    continue  # told already, by the decoder that met it
    return found
