"""A search from query to hits, over one collection."""

from collections.abc import Callable

import numpy as np

from embedstore import expansion
from embedstore.catalog import Catalog, CollectionInfo
from embedstore.errors import BadQuery
from embedstore.indices import Indices
from embedstore.query_vector import check, query_vector, share_of_text
from embedstore.ranking import Ranked, fuse, hits, ranked
from embedstore.types import MODALITIES, Encoder, Hit, Modality, Query, Vectors

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
        NotFound: `like` names no item, or the name of the collection went to another.
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
        found = _ranked(query, vector, skip, catalog, info, indices)
        seq, items = catalog.lookup(info.id, [each.row for each in found], info.name)
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
    info: CollectionInfo,
    indices: Indices,
) -> list[Ranked]:
    allow = None
    if query.where is not None:
        allow = catalog.allowed(info.id, query.where, indices.seq)
    wanted, share = query.k + (skip is not None), share_of_text(query)

    def nearest(modality: Modality, to: Vectors, depth: int) -> list[Ranked]:
        return ranked(indices.neighbors(modality, to, depth, allow, share), modality)

    if query.target == "both":
        depth = max(wanted, FUSION_DEPTH)
        found = fuse([nearest(modality, vector, depth) for modality in MODALITIES], wanted)
    elif query.target == "image" and share == 1.0 and info.options.get("expand", False):
        rows = [each.row for each in nearest("image", vector, expansion.HITS)]
        moved = expansion.expanded(vector, indices.vectors_of("image", rows))
        found = nearest("image", moved, wanted)
    else:
        found = nearest(query.target, vector, wanted)
    return [each for each in found if each.row != skip][: query.k]
