"""How far the neighbours say what a text says: the figure that consensus and head choose by."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from embedstore.answering.types import Evidence
from embedstore.answering.votes import shares, weights
from embedstore.text_metrics import CiderD, normalise_answer

BACKGROUND = 1_000  # empty captions that stand for all that neighbours do not say
MOST_TEXTS = 10  # of a neighbour that are compared; each costs a comparison with every other
OWN = 0.1  # of a neighbour with itself: 0 and 1 choose worse captions on Flickr8k
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
        self._cider = CiderD([*self.held, *[[""]] * BACKGROUND])

    def of(self, text: str, own: int | None = None) -> float:
        """Give how near a text is to the captions, 0..1.

        Args:
            text: Any.
            own: The neighbour whose words they are; that it agrees says little.
        """
        said = self.with_each(text)
        if own is not None:
            said[own] = OWN
        return float(said @ self.weights)

    def with_each(self, text: str) -> NDArray[np.float64]:
        """Give how near a text is to the captions of each neighbour `(n,)`, 0..1."""
        found = [self._cider.score(text, texts) / FULL if texts else 0.0 for texts in self.held]
        alike: NDArray[np.float64] = np.clip(np.array(found), 0.0, 1.0)
        return alike


def agreement(evidence: Sequence[Evidence], question: str | None) -> Callable[[str], float]:
    """Give what says how far neighbours agree with a text, 0..1.

    Args:
        evidence: The neighbours.
        question: That the text answers; None where it is a caption.
    """
    if question is None:
        return CaptionAgreement(evidence).of
    cast = shares(evidence)
    return lambda text: cast.get(normalise_answer(text) or text, 0.0)
