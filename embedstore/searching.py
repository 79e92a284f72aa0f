"""A search from query to hits, over one collection."""

from collections.abc import Callable, Sequence

import numpy as np

from embedstore import expansion
from embedstore.catalog import Catalog, CollectionInfo
from embedstore.diversity import candidates, diversified
from embedstore.errors import BadQuery
from embedstore.indices import Indices
from embedstore.query_vector import (
    check,
    is_words_for_pictures,
    query_vector,
    scores_all,
    share_of_text,
)
from embedstore.ranking import Ranked, fuse, hits, ranked
from embedstore.relevance import Relevance
from embedstore.stages import stage
from embedstore.types import MODALITIES, Encoder, Hit, Modality, Query, Vectors

FUSION_DEPTH = 100  # rows taken from each modality before they are fused by rank
ATTEMPTS = 5  # of a search that other writers keep overtaking
RELEVANCE = "relevance"  # where a collection's options keep what `calibrate` found


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
    with stage("encode"):
        vector, skip = composed(query, catalog, info, encoder)
    for attempt in range(ATTEMPTS):
        seen = indices.seq
        with stage("index"):
            found = ranked_rows(query, vector, skip, catalog, indices.info, indices)
        with stage("items"):
            seq, items = catalog.lookup(info.id, [each.row for each in found], info.name)
        if (seq == seen or attempt > 0) and len(items) == len(found):
            break
        indices.refresh()
    return hits(found, items)


def composed(
    query: Query, catalog: Catalog, info: CollectionInfo, encoder: Callable[[], Encoder]
) -> tuple[Vectors, int | None]:
    """Check a query and give its vector `(d,)`, and the row that it must not find; see `search`."""
    check(query)
    catalog.check_filter(info.id, query.where)  # loading an encoder takes seconds
    vector = query_vector(
        query,
        encoder,
        info.options.get("prompts", ("{}",)),
        lambda key: _stored(catalog, info.id, key),
        info.space.dim,
    )
    return vector, skipped(query, catalog, info)


def skipped(query: Query, catalog: Catalog, info: CollectionInfo) -> int | None:
    """Give the row that a query must not find: that of the item it is like."""
    return None if query.like is None else catalog.get(info.id, query.like)[0]


def ranked_rows(
    query: Query,
    vector: Vectors,
    skip: int | None,
    catalog: Catalog,
    info: CollectionInfo,
    indices: Indices,
    *,
    exact: bool = False,
) -> list[Ranked]:
    """Rank the rows that a query is given as hits, as far as the indices have seen.

    Args:
        query: A checked query.
        vector: `(d,)`, of the query; see `composed`.
        skip: A row that is not to be found.
        catalog: Holds the items.
        info: The collection.
        indices: Hold its vectors.
        exact: Score every row; a query that leaves out what scores too little always does.

    Returns:
        k rows at most, best first.

    Raises:
        BadQuery: A probability is asked for that was not measured.
    """
    whole = exact or scores_all(query)
    wanted = candidates(query.k) if query.diversity else query.k
    wanted += skip is not None
    found = _nearest(query, vector, wanted, catalog, info, indices, whole)
    others = [each for each in found if each.row != skip]
    found = good_enough(query, others, indices)
    if query.diversity and found:
        vectors = np.stack([_vector_of(query, each, info, indices) for each in found])
        scores = np.array([each.score for each in found])
        found = [found[place] for place in diversified(scores, vectors, query.k, query.diversity)]
    return found[: query.k]


def _stored(catalog: Catalog, collection_id: int, key: str) -> Vectors:
    """Give the vector `(d,)` of an item: of its picture, or the mean of its texts'."""
    row, _ = catalog.get(collection_id, key)
    for modality in MODALITIES:
        vectors = catalog.vectors_of(row, modality)
        if len(vectors):
            mean: Vectors = vectors.mean(axis=0)
            return mean / np.float32(np.linalg.norm(mean))
    raise BadQuery(f"item {key!r} has no vector to look for neighbours of")


def _nearest(
    query: Query,
    vector: Vectors,
    wanted: int,
    catalog: Catalog,
    info: CollectionInfo,
    indices: Indices,
    exact: bool,
) -> list[Ranked]:
    allow = None
    if query.where is not None:
        allow = catalog.allowed(info.id, query.where, indices.seq)
    share = share_of_text(query)

    def nearest(modality: Modality, to: Vectors, depth: int) -> list[Ranked]:
        found = indices.neighbors(modality, to, depth, allow, share, exact)
        return ranked(found, modality)

    if query.target == "both":
        depth = max(wanted, FUSION_DEPTH)
        return fuse([nearest(modality, vector, depth) for modality in MODALITIES], wanted)
    if query.target == "image" and share == 1.0 and info.options.get("expand", False):
        rows = [each.row for each in nearest("image", vector, expansion.HITS)]
        moved = expansion.expanded(vector, indices.vectors_of("image", rows))
        return nearest("image", moved, wanted)
    return nearest(query.target, vector, wanted)


def good_enough(query: Query, found: Sequence[Ranked], indices: Indices) -> list[Ranked]:
    """Give rows their probability, and leave out those of which the query expects more."""
    relevance = _relevance(query, indices)
    if relevance is not None:
        told = relevance.of([each.score for each in found])
        found = [
            each._replace(probability=probability)
            for each, probability in zip(found, told, strict=True)
        ]
    score, probability = query.min_score, query.min_probability
    if score is None and probability is None:
        return list(found)
    return [
        each
        for each in found
        if (score is None or each.score >= score)
        and (probability is None or (each.probability or 0.0) >= probability)
    ]


def _relevance(query: Query, indices: Indices) -> Relevance | None:
    """Give what was measured for this way of scoring; another bank or space scores otherwise."""
    info = indices.info
    kept = info.options.get(RELEVANCE)
    if kept is not None and kept["bank"] != indices.bank_name:  # either may be an old one
        indices.refresh()
        kept = indices.info.options.get(RELEVANCE)
    in_force = (info.space.fingerprint, indices.bank_name)
    if kept is not None and in_force == (kept["fingerprint"], kept["bank"]):
        return Relevance.from_option(kept) if is_words_for_pictures(query) else None
    if query.min_probability is not None:
        raise BadQuery(
            f"min_probability is {query.min_probability} and the probabilities of collection "
            f"{info.name!r} are not measured, or were for other search options; run "
            f"`embedstore calibrate --collection {info.name}`, or use min_score"
        )
    return None


def _vector_of(query: Query, found: Ranked, info: CollectionInfo, indices: Indices) -> Vectors:
    """Give the vector `(d,)` that stands for a row; zeros where it was deleted meanwhile."""
    vectors = np.empty((0, info.space.dim), np.float32)
    part = 0
    if query.target != "text":
        vectors = indices.vectors_of("image", [found.row])
    if not len(vectors):
        vectors, part = indices.vectors_of("text", [found.row]), found.part or 0
    vector: Vectors = np.zeros(info.space.dim, np.float32)
    if part < len(vectors):
        vector = vectors[part]
    return vector
