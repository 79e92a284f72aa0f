"""How far the neighbours say what a text says: the figure that consensus and head choose by."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from embedstore.answering.types import Evidence
from embedstore.answering.votes import shares, weights
from embedstore.text_metrics import CiderD, normalise_answer

Alike = NDArray[np.float64]
Agree = Callable[[Sequence[str]], Alike]
"""Takes texts; `(texts,)`, how far the neighbours say the same, 0..1."""

BACKGROUND = 1_000  # items that stand for all that neighbours do not say
MOST_TEXTS = 10  # of a neighbour that are compared; each costs a comparison with every other
MOST_WORDS = 60  # of a text that are compared: a report is not compared word for word
FULL = 10.0  # what CIDEr-D gives a caption that is the reference


class CaptionAgreement:
    """The captions of some neighbours, each neighbour with a weight by its score.

    Attributes:
        held: Of each neighbour its captions that are compared.
        weights: `(n,)`, of the neighbours; they sum to 1.
    """

    def __init__(self, evidence: Sequence[Evidence]) -> None:
        self.held = [
            [text for text in each.texts if text.strip()][:MOST_TEXTS] for each in evidence
        ]
        self.weights = weights([each.score for each in evidence])
        compared = [[_begun(text) for text in own] for own in self.held]
        cider = CiderD(compared, beside=BACKGROUND)
        self._score = cider.against([text for own in compared for text in own])

    def with_each(self, texts: Sequence[str]) -> Alike:
        """Give how near texts are to the captions of each neighbour `(texts, n)`, 0..1."""
        alike = self._score([_begun(text) for text in texts]) / FULL
        parts = np.split(alike, np.cumsum([len(own) for own in self.held])[:-1], axis=1)
        means = [part.mean(1) if part.size else np.zeros(len(texts)) for part in parts]
        shares: Alike = np.clip(np.stack(means, 1), 0.0, 1.0)
        return shares


def _begun(text: str) -> str:
    return " ".join(text.split(maxsplit=MOST_WORDS)[:MOST_WORDS])


def agreement(evidence: Sequence[Evidence], question: str | None) -> Agree:
    """Give what says how far neighbours agree with texts.

    Args:
        evidence: The neighbours, at least one.
        question: That the texts answer; None where they are captions.
    """
    if question is None:
        known = CaptionAgreement(evidence)
        return lambda texts: known.with_each(texts) @ known.weights
    cast = shares(evidence)
    return lambda texts: np.array([cast.get(normalise_answer(one) or one, 0.0) for one in texts])
