"""An album in a few sentences: what most of its pictures show, each sentence with its pictures."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from embedstore.answering.evidence import LONGEST_QUESTION
from embedstore.answering.reading import captions
from embedstore.answering.types import Answer, Citation
from embedstore.collection import Collection
from embedstore.errors import BadQuery
from embedstore.index_faults import meaningful_errors
from embedstore.query_vector import MAX_HITS
from embedstore.searching import composed, ranked_rows
from embedstore.types import Item, Query, Vectors
from indexer.clustering import spherical_clusters

MOST = 500  # items that are looked at, or
MOST_NEAREST = 50  # where only what is nearest to a query counts
SENTENCES = 5
CITED = 3  # items that each sentence rests on


@dataclass(frozen=True)
class _Seen:
    items: list[Item]
    vectors: Vectors  # (n, d)
    scores: list[float]


def summarise(
    collection: Collection,
    *,
    where: str | None = None,
    query: str | None = None,
    sentences: int = SENTENCES,
    most: int | None = None,
) -> Answer:
    """Describe what a collection shows: clusters of its captioned items, in the words of each.

    Args:
        collection: Holds the items; those without captions are not counted.
        where: A filter over metadata.
        query: Words; only what is nearest to them is described.
        sentences: Wanted at most.
        most: Items that are looked at: those stored first, or the nearest to the query; None takes
            500 of those, or 50 of these.

    Raises:
        BadQuery: An amount is out of range, or the query is empty.
        BadFilter: `where` does not parse or names an unknown field.
    """
    if not 1 <= sentences <= 50:
        raise BadQuery(f"sentences is {sentences}; expected 1 to 50")
    if most is not None and not 1 <= most <= MAX_HITS:
        raise BadQuery(f"the items to look at are {most}; expected 1 to {MAX_HITS:,}")
    if query is not None and len(query) > LONGEST_QUESTION:
        raise BadQuery(f"the query has {len(query):,} characters; expected {LONGEST_QUESTION:,}")
    with collection.catalog.as_opened(collection.info):
        seen = _seen(collection, _rows(collection, where, query, most))
    if not seen.items:
        reason = f"no item of the collection {collection.name!r} that may be used has words"
        return Answer(None, None, (), reason, "summary")
    told, cited = list[str](), list[Citation]()
    parts = _parts(seen.vectors, min(sentences, len(seen.items)))
    for places in parts:
        first = seen.items[places[0]]
        told.append(f"{len(places)} of {len(seen.items)}: {first.texts[0].strip().rstrip('.')}.")
        cited += [
            Citation(at + 1, seen.items[at].key, seen.items[at].texts[0], seen.scores[at], share)
            for at, share in ((at, len(places) / len(seen.items)) for at in places[:CITED])
        ]
    return Answer(" ".join(" ".join(told).split()), None, tuple(cited), None, "summary")


def _rows(
    collection: Collection, where: str | None, query: str | None, most: int | None
) -> Mapping[int, float]:
    """Give the rows to describe with their scores; 1 where nothing is asked."""
    if query is None:
        return dict.fromkeys(
            collection.items(limit=MOST if most is None else most, where=where), 1.0
        )
    pictures = collection.catalog.count(collection.info.id)["vectors"]["image"]
    k = MOST_NEAREST if most is None else most
    asked = Query(query, k=k, where=where, target="image" if pictures else "text")
    vector, _ = composed(asked, collection.catalog, collection.info, lambda: collection.encoder)
    collection.indices.refresh()
    found = ranked_rows(
        asked, vector, None, collection.catalog, collection.info, collection.indices
    )
    return {each.row: each.score for each in found}


def _seen(collection: Collection, rows: Mapping[int, float]) -> _Seen:
    collection.indices.refresh()
    items, vectors, scores = list[Item](), list[Vectors](), list[float]()
    for row, item in collection.catalog.items(collection.info.id, list(rows)).items():
        said = captions(item)
        held = collection.indices.vectors_of("image", [row])
        held = held if len(held) else collection.indices.vectors_of("text", [row])
        if said is not None and len(held):
            items.append(Item(item.key, item.image, said.texts, item.meta))
            vectors.append(held[0])
            scores.append(rows[row])
    return _Seen(items, np.array(vectors, np.float32), scores)


def _parts(vectors: Vectors, count: int) -> list[list[int]]:
    """Part rows into clusters, the largest first; in each the most central place first."""
    with meaningful_errors():
        centres, of = spherical_clusters(vectors, count)
    parts = []
    for number in np.unique(of):
        places = np.flatnonzero(of == number)
        order = np.argsort(-(vectors[places] @ centres[number]), kind="stable")
        parts.append([int(at) for at in places[order]])
    return sorted(parts, key=lambda places: (-len(places), places[0]))
