"""Search parameters that a half of the queries proves, after the other half has chosen them.

The proving half is asked more than once, so the doubt of 5% is shared: among the kinds of index
that are tried, and of each kind among two walks from stronger to weaker parameters. A walk ends
with the first that is refused, and so spends its share once (fixed-sequence testing; Angelopoulos,
Bates, Candes, Jordan and Lei, "Learn then Test", https://arxiv.org/abs/2110.01052).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from indexer.faiss_index import FaissIndex
from indexer.sweep import Half, cheapest, measure, stronger
from indexer.truth import DOUBT, lower_bound, queries_needed
from indexer.types import IndexSpec

_WALKS = 2
_NEAR = 3  # parameters of the first walk: the cheapest and the next wider
_EVEN = 0.5  # the doubt of a mean


def queries_to_prove(recall: float, kinds: int = 4) -> int:
    """Give how many queries it takes to prove a recall where every neighbour is found.

    Args:
        recall: Above 0, below 1.
        kinds: Of index that are tried and not exact; the planner names so many for CPUs.

    Returns:
        Of both halves.
    """
    return 2 * queries_needed(recall, DOUBT / (kinds * _WALKS))


@dataclass(frozen=True)
class Proven:
    """Search parameters, the mean recall of the proving half with them, and its bound."""

    spec: IndexSpec
    recall: float
    bound: float


def proven(index: FaissIndex, sweep: Half, proof: Half, recall: float, doubt: float) -> Proven:
    """Give the cheapest parameters that are proven to reach a recall.

    Args:
        index: One that is not exact.
        sweep: The half that chooses.
        proof: The other.
        recall: Above 0, below 1.
        doubt: That this index may spend.

    Returns:
        Where nothing is proven, the strongest; but where so few queries prove nothing whatever is
        found, what reaches the recall on average.
    """
    doubt = doubt / _WALKS
    if queries_needed(recall, doubt) > len(proof.queries):
        return _tried(index, cheapest(index, sweep, recall, _EVEN), proof, doubt)
    ladder = stronger(cheapest(index, sweep, recall, doubt))
    for walk in (ladder[:_NEAR], ladder[_NEAR:]):
        found = _weakest(index, walk[::-1], proof, recall, doubt)
        if found is not None:
            return found
    return _tried(index, ladder[-1], proof, doubt)


def _weakest(
    index: FaissIndex, walk: Sequence[IndexSpec], proof: Half, recall: float, doubt: float
) -> Proven | None:
    """Walk from strong to weak as long as the bound holds; give the last."""
    kept = None
    for spec in walk:
        found = _tried(index, spec, proof, doubt)
        if found.bound < recall:
            break
        kept = found
    return kept


def _tried(index: FaissIndex, spec: IndexSpec, proof: Half, doubt: float) -> Proven:
    recalls = measure(index.tuned(spec), proof)
    return Proven(spec, float(np.mean(recalls)), lower_bound(recalls, doubt))
