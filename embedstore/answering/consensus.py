"""The generator without weights: what the neighbours agree on, in the words of one of them.

Captions: Devlin, Gupta, Girshick, Mitchell and Zitnick, "Exploring Nearest Neighbor Approaches for
Image Captioning", 2015.
"""

from collections.abc import Sequence
from math import log

import numpy as np
from numpy.typing import NDArray

from embedstore.answering.agreement import CaptionAgreement
from embedstore.answering.types import Draft, Evidence, Prompt
from embedstore.answering.votes import vote, weights

OWN = 0.1  # agreement of a neighbour with itself: 0 and 1 choose worse captions on Flickr8k
LEAST = 1e-6  # share whose logarithm is still taken


class ConsensusGenerator:
    """Says what most neighbours say; the reference for every other generator."""

    name = "consensus"

    def generate(self, prompts: Sequence[Prompt]) -> list[Draft]:
        """Give the caption nearest to the others, or the answer with most votes.

        Where a question meets evidence without answers, the draft is the words nearest to it.
        """
        return [_draft(prompt) for prompt in prompts]


def _draft(prompt: Prompt) -> Draft:
    if not any(text.strip() for each in prompt.evidence for text in each.texts):
        return _told("", np.zeros(len(prompt.evidence)), 1.0)
    if prompt.question is None:
        return _caption(prompt.evidence)
    voted = vote(prompt.evidence)
    if voted is not None:
        return _told(voted.text, voted.support, voted.share, voted.share, voted.margin)
    return _extract(prompt.evidence)


def _extract(evidence: Sequence[Evidence]) -> Draft:
    """Give the words that matched the question first."""
    place = next(at for at, each in enumerate(evidence) if any(t.strip() for t in each.texts))
    share = weights([each.score for each in evidence])
    support = np.zeros(len(evidence))
    support[place] = 1.0
    text = next(text for text in evidence[place].texts if text.strip())
    rest = np.delete(share, place)
    margin = float(share[place] - rest.max(initial=0.0))
    return _told(text, support, float(share[place]), 1.0, margin, 1.0)  # nobody contradicts it


def _caption(evidence: Sequence[Evidence]) -> Draft:
    """Give the caption that is nearest to those of the other neighbours, by their weight."""
    known = CaptionAgreement(evidence)
    places = [place for place, own in enumerate(known.held) for _ in own]
    texts = [text for own in known.held for text in own]
    alike = known.with_each(texts)
    alike[range(len(texts)), places] = OWN
    worth = alike @ known.weights
    best = int(worth.argmax())
    place, value = places[best], float(worth[best])
    second = float(np.delete(worth, best).max(initial=0.0))
    support = alike[best]
    support[place] = 1.0  # they are its words
    own = float(known.weights[place])
    alone = 1.0 - own < LEAST  # nobody disagrees
    agreement = 1.0 if alone else (value - OWN * own) / (1.0 - own)
    return _told(texts[best], support, agreement, agreement, value - second)


def _told(
    text: str,
    support: NDArray[np.float64],
    share: float,
    agreement: float = 0.0,
    margin: float = 0.0,
    extracted: float = 0.0,
) -> Draft:
    signals = {"agreement": agreement, "margin": margin, "extracted": extracted}
    return Draft(
        " ".join(text.split()), tuple(support.tolist()), log(min(max(share, LEAST), 1.0)), signals
    )
