"""What a collection shows, in a few words: clusters of pictures, each with names and examples."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from embedstore.collection import Collection
from embedstore.errors import Invalid
from embedstore.index_faults import meaningful_errors
from embedstore.real_queries import words_as_asked
from embedstore.trial import Captioned, captioned, some_of
from embedstore.types import Vectors
from indexer.clustering import spherical_clusters

MOST_BY_DEFAULT = 50  # clusters
MOST_CAPTIONS = 20_000  # that are looked through for names
NAMES = 3  # of a cluster
CENTRAL = 5  # items of a cluster that are shown

Words = Callable[[Sequence[int]], list[str]]


@dataclass(frozen=True)
class Cluster:
    """Pictures that show the same kind of thing.

    Attributes:
        names: Nearest captions or words, the best first; none where there are no words.
        size: Pictures in it.
        central: Keys of the pictures nearest to its centre, the nearest first.
    """

    names: tuple[str, ...]
    size: int
    central: tuple[str, ...]


def clusters(
    collection: Collection,
    n: int | None = None,
    *,
    names: Sequence[str] | None = None,
    central: int = CENTRAL,
) -> list[Cluster]:
    """Part a collection's pictures into clusters; the same ones each time.

    Args:
        collection: Holds the pictures.
        n: Clusters; None takes the root of half as many as there are pictures, 50 at most.
        names: Words to name them with; None takes the captions of the collection.
        central: Keys given for each; a large number gives all.

    Returns:
        The largest first; none for a collection without pictures.

    Raises:
        Invalid: n is not in 1 to the number of pictures.
    """
    if central < 0:
        raise Invalid(f"central is {central}; expected 0 or more keys a cluster")
    with collection.catalog.as_opened(collection.info):
        _, rows, vectors = collection.catalog.scan(collection.info.id, "image")
        known, first = np.unique(rows, return_index=True)
        pictures = vectors[first].astype(np.float32)
        if not len(pictures):
            return []
        if n is not None and not 1 <= n <= len(pictures):
            raise Invalid(
                f"{n} clusters were asked for; expected 1 to {len(pictures)}, which is how many "
                "pictures there are"
            )
        count = n or min(MOST_BY_DEFAULT, max(1, round((len(pictures) / 2) ** 0.5)))
        with meaningful_errors():
            centres, of = spherical_clusters(pictures, count)
        words, spoken = _words(collection, names)
        called = _called(centres, words)
        found = [
            Cluster(
                tuple(spoken(called[number])),
                int(np.count_nonzero(of == number)),
                _central(collection, known, pictures, of == number, centres[number], central),
            )
            for number in np.unique(of)
        ]
    return sorted(found, key=lambda cluster: -cluster.size)


def _words(collection: Collection, names: Sequence[str] | None) -> tuple[Vectors, Words]:
    """Give the vectors of what may be a name, and what tells the words at some places."""
    if names is not None:
        texts = list(dict.fromkeys(name.strip() for name in names if name.strip()))
        if not texts:
            raise Invalid("no names are given; expected words, such as one name a line")
        return words_as_asked(collection, texts), lambda places: [texts[at] for at in places]
    held = captioned(collection)
    some = some_of(len(held.captions), MOST_CAPTIONS)
    return held.captions[some], lambda places: _texts(collection, held, some[list(places)])


def _texts(collection: Collection, held: Captioned, at: NDArray[np.int64]) -> list[str]:
    rows, parts = held.rows[at].tolist(), held.parts[at].tolist()
    items = collection.catalog.items(collection.info.id, rows)
    texts = [
        items[row].texts[part]
        for row, part in zip(rows, parts, strict=True)
        if row in items and part < len(items[row].texts)  # of vectors given without words
    ]
    return list(dict.fromkeys(texts))


def _called(centres: Vectors, words: Vectors) -> list[list[int]]:
    """Choose for each centre `(k, d)` the words `(w, d)` that fit it more than the others.

    What all clusters have in common is taken off: captions that are near to every picture would
    otherwise name every cluster.
    """
    apart = centres - centres.mean(axis=0) if len(centres) > 1 else centres
    best = np.argsort(-(apart @ words.T), axis=1, kind="stable")[:, :NAMES]
    return [[int(place) for place in each] for each in best]


def _central(
    collection: Collection,
    rows: NDArray[np.int64],
    pictures: Vectors,
    inside: NDArray[np.bool_],
    centre: Vectors,
    count: int,
) -> tuple[str, ...]:
    places = np.flatnonzero(inside)
    order = np.argsort(-(pictures[places] @ centre), kind="stable")[:count]
    items = collection.catalog.items(collection.info.id, rows[places[order]].tolist())
    return tuple(item.key for item in items.values())
