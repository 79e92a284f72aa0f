"""Recall without training: measure what a collection's searches gain, keep what surely helps.

Two options of a search for pictures with words: the correction of hubs by a bank of queries, and
query expansion. Both are measured on captions that the collection holds and the bank does not.
What scores then mean, the probability that a hit is relevant, is measured once they are chosen.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from embedstore.collection import Collection
from embedstore.errors import Invalid
from embedstore.gain import Gain
from embedstore.hubness import LEAST_QUERIES, WEIGHT
from embedstore.judged import relevance_of
from embedstore.real_queries import encoded
from embedstore.relevance import Relevance
from embedstore.searching import RELEVANCE
from embedstore.trial import MOST_QUERIES, captioned, some_of, trial_of
from embedstore.types import Vectors

Choice = Literal["auto", "on", "off"]


@dataclass(frozen=True)
class Calibration:
    """What is in force now, and what was measured.

    Attributes:
        queries: In the bank; 0 where pictures are not corrected.
        expand: Whether queries are expanded.
        captions: That were searched to measure; 0 where nothing was.
        hubs_gain: What the bank gains; None where it was not measured.
        expand_gain: What expansion gains beside it.
        relevance: What a score says with these options; None where too few pictures have captions.
    """

    queries: int
    expand: bool
    captions: int = 0
    hubs_gain: Gain | None = None
    expand_gain: Gain | None = None
    relevance: Relevance | None = None


def calibrate(
    collection: Collection,
    queries: Sequence[str] | None = None,
    *,
    hubs: Choice = "auto",
    expand: Choice = "auto",
) -> Calibration:
    """Choose a collection's search options, by measuring where the choice is "auto".

    A new bank is in force in every process from its commit on, expansion and probabilities from
    when a process opens the collection anew. Probabilities hold for the bank they were measured
    with: a change of it drops them.

    Args:
        collection: Holds pictures, and captions of some where anything is measured.
        queries: What people search for, as in a query log; None takes the captions.
        hubs: The correction of hubs: on, off, or on where recall surely gains.
        expand: Query expansion, likewise.

    Raises:
        Invalid: An empty collection, too few queries, or too few captions outside the bank to
            measure with.
    """
    if not collection.items(limit=1):
        raise Invalid(
            f"collection {collection.name!r} is empty, there is nothing to calibrate; fill it with "
            f"`embedstore index PATH --collection {collection.name}`"
        )
    given = None if queries is None else encoded(collection, queries, LEAST_QUERIES, MOST_QUERIES)
    bank = (
        None if hubs == "off" else _bank(captioned(collection).captions if given is None else given)
    )
    captions, hubs_gain, expand_gain = 0, None, None
    if "auto" in (hubs, expand):
        trial = trial_of(collection, given, WEIGHT)
        captions = len(trial.captions)
        if hubs == "auto":
            hubs_gain = trial.gain(hubs=(False, True), expand=(False, False))
            bank = bank if hubs_gain.is_certain else None
        if expand == "auto":
            corrected = bank is not None
            expand_gain = trial.gain(hubs=(corrected, corrected), expand=(False, True))
    expands = expand == "on" or (expand_gain is not None and expand_gain.is_certain)
    relevance = relevance_of(collection, bank, expands)
    relevance = _keep(collection, bank, given is None, expands, relevance)
    size = 0 if bank is None else len(bank)
    return Calibration(size, expands, captions, hubs_gain, expand_gain, relevance)


def _bank(vectors: Vectors) -> Vectors:
    if len(vectors) < LEAST_QUERIES:
        raise Invalid(
            f"the collection's pictures have {len(vectors)} captions to ask with; expected at "
            f"least {LEAST_QUERIES}; index more captions, or give a query log with --queries FILE"
        )
    return vectors[some_of(len(vectors), MOST_QUERIES)]


def _keep(
    collection: Collection,
    bank: Vectors | None,
    of_captions: bool,
    expand: bool,
    relevance: Relevance | None,
) -> Relevance | None:
    catalog, info = collection.catalog, collection.info
    with catalog.as_opened(info):
        name = catalog.set_bank(info.id, bank, WEIGHT, info.name, of_captions=of_captions)
        found = None if relevance is None else replace(relevance, bank=name)
        changes = {"expand": expand, RELEVANCE: None if found is None else found.as_option()}
        catalog.change_options(info, lambda kept: {**kept, **changes})
    collection.rebuild()
    return found
