"""A search from query to hits, over one collection."""

from collections.abc import Callable

import numpy as np

from embedstore.catalog import Catalog, CollectionInfo
from embedstore.errors import BadQuery
from embedstore.indices import Indices
from embedstore.query_vector import check, query_vector
from embedstore.ranking import Ranked, fuse, hits, ranked
from embedstore.types import MODALITIES, Encoder, Hit, Query, Vectors

FUSION_DEPTH = 100  # rows taken from each modality before they are fused by rank
ATTEMPTS = 5  # of a search that other writers keep overtaking


def search(
    query: Query,
    catalog: Catalog,
    info: CollectionInfo,
    indices: Indices,
    encoder: Callable[[], Encoder],
) -> list[Hit]:
    """Find the items nearest to a query, best first.

    The items come back from the catalog with its last commit. Where the indices had not seen that
    commit when they were asked, or an item is gone, the search is done again.

    Args:
        query: What to look for.
        catalog: Holds the items.
        info: The collection.
        indices: Hold its vectors.
        encoder: Gives its encoder; called only where something must be encoded.

    Raises:
        BadQuery: The query says nothing or asks for the impossible.
        BadFilter: `where` does not parse or names an unknown field.
        NotFound: `like` names no item.
    """
    check(query)
    skip = None if query.like is None else catalog.get(info.id, query.like)[0]
    vector = query_vector(
        query,
        encoder,
        info.options.get("prompts", ("{}",)),
        lambda key: _stored(catalog, info.id, key),
        info.space.dim,
    )
    for attempt in range(ATTEMPTS):
        seen = indices.seq
        found = _ranked(query, vector, skip, catalog, info.id, indices)
        seq, items = catalog.lookup(info.id, [each.row for each in found])
        if (seq == seen or attempt > 0) and len(items) == len(found):
            break
        indices.refresh()
    return hits(found, items)


def _stored(catalog: Catalog, collection_id: int, key: str) -> Vectors:
    """Give the vector `(d,)` of an item: of its picture, or the mean of its texts'."""
    row, _ = catalog.get(collection_id, key)
    for modality in MODALITIES:
        vectors = catalog.vectors_of(row, modality)
        if len(vectors):
            mean: Vectors = vectors.mean(axis=0)
            return mean / np.float32(np.linalg.norm(mean))
    raise BadQuery(f"item {key!r} has no vector to look for neighbours of")


def _ranked(
    query: Query,
    vector: Vectors,
    skip: int | None,
    catalog: Catalog,
    collection_id: int,
    indices: Indices,
) -> list[Ranked]:
    allow = None
    if query.where is not None:
        allow = catalog.allowed(collection_id, query.where, indices.seq)
    wanted = query.k + (skip is not None)
    if query.target == "both":
        depth = max(wanted, FUSION_DEPTH)
        lists = [
            ranked(indices.neighbors(modality, vector, depth, allow), modality)
            for modality in MODALITIES
        ]
        found = fuse(lists, wanted)
    else:
        found = ranked(indices.neighbors(query.target, vector, wanted, allow), query.target)
    return [each for each in found if each.row != skip][: query.k]
