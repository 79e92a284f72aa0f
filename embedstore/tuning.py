"""Choose a collection's index by measuring: which kind keeps a promise of recall fastest here."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from embedstore.collection import Collection
from embedstore.errors import Invalid
from embedstore.index_faults import meaningful_errors
from embedstore.promise import (
    CAPTIONS,
    LEAST_QUERIES,
    RECALL,
    K,
    Promise,
    most_queries,
    of_captions,
    promise_of,
)
from embedstore.real_queries import encoded
from embedstore.types import Modality
from indexer import Candidate, Tuning, gpu_count
from indexer import tune as tune_index


@dataclass(frozen=True)
class Tuned:
    """What was measured, and what is in force now.

    Attributes:
        promise: What the index promises.
        tuning: Every kind that was tried, and the fastest that keeps the promise.
        index: The index as `Collection.describe` tells it.
    """

    promise: Promise
    tuning: Tuning
    index: Mapping[str, Any]


def tune(
    collection: Collection,
    *,
    recall: float = RECALL,
    k: int = K,
    memory_bytes: int | None = None,
    queries: Sequence[str] | None = None,
    source: str | None = None,
    modality: Modality = "image",
    told: Callable[[Candidate], object] | None = None,
) -> Tuned:
    """Build the index that finds enough of the exact neighbours of real queries, fastest.

    Every kind that fits is built and measured; half of the queries choose its search parameters
    and the other half give the lower bound that has to reach the promise. From now on each
    rebuild measures again, and chooses anew where the promise would break.

    Args:
        collection: Its rows are indexed.
        recall: Neighbour recall@k to promise, above 0; 1 takes an exact index.
        k: Neighbours, no more than there are vectors.
        memory_bytes: What the index may take; None for no limit.
        queries: What people search for; None takes the collection's captions, or those of the
            promise in force where there are too few.
        source: Name for the queries given.
        modality: Of the index; captions are no test of an index of captions.
        told: Called with each kind that was measured.

    Raises:
        Invalid: Terms that make no sense, too few queries, or a promise that no index keeps
            within the memory; the message says what is reachable.
    """
    _check(recall, k, memory_bytes)
    indices, catalog, info = collection.indices, collection.catalog, collection.info
    if not collection.items(limit=1):
        raise Invalid(
            f"collection {info.name!r} is empty, there is nothing to tune; fill it with "
            f"`embedstore index PATH --collection {info.name}`"
        )
    asked = _asked(collection, queries, source, modality, recall)
    with catalog.as_opened(info):
        rows, as_asked = indices.rows_to_index(modality)
        if len(rows) == 0:
            raise Invalid(
                f"collection {info.name!r} holds no {modality} vectors; index something first"
            )
        if k > len(rows):
            raise Invalid(
                f"k is {k} and collection {info.name!r} holds {len(rows)} {modality} vectors; "
                f"expected 1 to {len(rows)}"
            )
        with meaningful_errors():
            tuning = tune_index(
                rows,
                as_asked(asked.queries),
                recall=recall,
                k=k,
                memory_bytes=memory_bytes,
                gpus=gpu_count(),
                told=told,
            )
            best = tuning.kept().spec
        promise = Promise(
            asked.queries, asked.source, recall, k, memory_bytes, best.kind, best.device
        )
        catalog.set_promise(info, modality, promise.stored())
        indices.rebuild((modality,))
    return Tuned(promise, tuning, indices.describe()[modality])


def _check(recall: float, k: int, memory_bytes: int | None) -> None:
    if not 0.0 < recall <= 1.0:
        raise Invalid(f"recall is {recall}; expected above 0, 1 at most, such as 0.95")
    if not 1 <= k <= 1000:
        raise Invalid(f"k is {k}; expected 1 to 1000")
    if memory_bytes is not None and memory_bytes < 1:
        raise Invalid(f"memory is {memory_bytes} bytes; expected at least 1")


def _asked(
    collection: Collection,
    queries: Sequence[str] | None,
    source: str | None,
    modality: Modality,
    recall: float,
) -> Promise:
    if queries is not None:
        vectors = encoded(collection, queries, LEAST_QUERIES, most_queries(recall))
        return Promise(vectors, source if source and source != CAPTIONS else "queries given")
    catalog, number = collection.catalog, collection.info.id
    found = of_captions(catalog, number, recall) if modality == "image" else None
    found = found or promise_of(catalog, number, modality)
    if found is not None and len(found.queries):
        return found
    why = (
        f"fewer than {LEAST_QUERIES} of its items have {CAPTIONS} of their own"
        if modality == "image"
        else f"{CAPTIONS} in an index do not test it"
    )
    raise Invalid(
        f"no real queries to tune the {modality} index of {collection.name!r} with: {why}; give a "
        "query log with --queries FILE"
    )
