"""Answers of neighbours into one: each has a vote, weighed by how near it is."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from embedstore.answering.types import Evidence
from embedstore.text_metrics import normalise_answer

TEMPERATURE = 0.1  # of scores; a neighbour that scores .07 less has half the weight


@dataclass(frozen=True)
class Vote:
    """What was voted.

    Attributes:
        text: The answer, as most voters spell it.
        share: Of the votes that it got, 0..1.
        margin: Share more than the second got.
        support: `(n,)`, part of the answer's votes that each piece of evidence gave, 0..1.
    """

    text: str
    share: float
    margin: float
    support: NDArray[np.float64]


def weights(scores: Sequence[float]) -> NDArray[np.float64]:
    """Give weights `(n,)` that sum to 1; only differences of scores count."""
    held = np.asarray(scores, np.float64)
    powers = np.exp((held - held.max(initial=-np.inf)) / TEMPERATURE) if len(held) else held
    total: NDArray[np.float64] = powers / max(float(powers.sum()), 1e-12)
    return total


def vote(evidence: Sequence[Evidence]) -> Vote | None:
    """Let the answers of the evidence vote; each piece shares its weight among its answers.

    Votes over neighbours, weighed by similarity: Dudani, "The Distance-Weighted k-Nearest-Neighbor
    Rule", IEEE Transactions on Systems, Man, and Cybernetics, 1976.

    Returns:
        None where no piece holds an answer.
    """
    votes, spelt = _cast(evidence)
    if not votes:
        return None
    # Of equal votes the first to be cast wins: that of the nearest
    ranked = sorted(votes.items(), key=lambda cast: -float(cast[1].sum()))
    name, own = ranked[0]
    share = min(float(own.sum()), 1.0)  # rounding may give a little more
    second = float(ranked[1][1].sum()) if len(ranked) > 1 else 0.0
    return Vote(
        spelt[name].most_common(1)[0][0], share, share - second, own / max(float(own.sum()), 1e-12)
    )


def shares(evidence: Sequence[Evidence]) -> dict[str, float]:
    """Give the share of the votes, 0..1, of each normalised answer."""
    return {name: min(float(cast.sum()), 1.0) for name, cast in _cast(evidence)[0].items()}


def foretold(evidence: Sequence[Evidence]) -> float:
    """Say how far voters foretell one another: 0..1, and 0 where nobody votes.

    It is the share of them, by weight, who gave the answer that the others' votes elect.
    """
    votes = _cast(evidence)[0]
    if not votes:
        return 0.0
    cast = np.array(list(votes.values()))  # (answers, n)
    others = cast.sum(axis=1)[:, None] - cast
    elected = np.take_along_axis(cast, others.argmax(axis=0)[None], axis=0)[0]
    right = (elected > 0) & (others.max(axis=0) > 1e-12)
    weighed = cast.sum(axis=0)
    return float(weighed @ right / max(float(weighed.sum()), 1e-12))


def _cast(
    evidence: Sequence[Evidence],
) -> tuple[dict[str, NDArray[np.float64]], dict[str, Counter[str]]]:
    """Give the votes `(n,)` of each normalised answer, and how it was spelt."""
    voters = [place for place, each in enumerate(evidence) if each.answers]
    spelt: dict[str, Counter[str]] = defaultdict(Counter)
    votes: dict[str, NDArray[np.float64]] = defaultdict(lambda: np.zeros(len(evidence)))
    for place, weight in zip(voters, weights([evidence[at].score for at in voters]), strict=True):
        answers = evidence[place].answers
        for answer in answers:
            name = normalise_answer(answer) or answer
            spelt[name][answer] += 1
            votes[name][place] += weight / len(answers)
    return votes, spelt
