"""CIDEr-D: agreement with the references in words that are rare among all references.

Vedantam, Zitnick and Parikh 2015, "CIDEr: Consensus-based Image Description Evaluation".
"""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from embedstore.errors import Invalid
from embedstore.text_metrics.pairing import Grams, check, grams
from embedstore.text_metrics.tokens import tokenise

_LONGEST = 4
_SIGMA = 6.0
_REMEMBERED = 4_096  # texts
_Holders = dict[tuple[str, ...], tuple[list[int], NDArray[np.float64]]]
Score = Callable[[Sequence[str]], NDArray[np.float64]]
"""Takes texts; `(texts, references)`, 0..10."""


@dataclass(frozen=True)
class _Weighted:
    """A text as weights of its runs of words, with one norm a length, and how long it is."""

    weights: dict[tuple[str, ...], float]
    norms: NDArray[np.float64]
    length: int


class CiderD:
    """Scores texts with the document frequencies of one set of references.

    The scale is pycocoevalcap's, 0..10; what papers print as "55" is 0.55.
    """

    def __init__(self, references: Sequence[Sequence[str]], beside: int = 0) -> None:
        """Count in how many items each run of words occurs.

        Args:
            references: For each item of the corpus its texts; of one item alone every weight is 0.
            beside: Further items of the corpus, which have no run of words in common with these.

        Raises:
            Invalid: There is no item.
        """
        if not references:
            raise Invalid(
                "CIDEr-D was given 0 items to count words in; expected at least one, better "
                "hundreds; give it the references of the whole corpus"
            )
        self._items = len(references) + beside
        self._frequency: Grams = Counter()
        for texts in references:
            self._frequency.update(
                {gram for text in texts for gram in grams(tokenise(text), _LONGEST)}
            )

        # A text that is compared with many others is weighed once.
        self._weighed = lru_cache(_REMEMBERED)(self._weigh)

    def score(self, candidate: str, references: Sequence[str]) -> float:
        """Score one text against the references of its item, 0..10.

        Raises:
            Invalid: There is no reference.
        """
        return self.corpus([candidate], [references])[1][0]

    def corpus(
        self, candidates: Sequence[str], references: Sequence[Sequence[str]]
    ) -> tuple[float, tuple[float, ...]]:
        """Score each text against the references of its item.

        Args:
            candidates: One text an item.
            references: For each item its texts.

        Returns:
            The mean and the scores of the items, 0..10.

        Raises:
            Invalid: Candidates and references do not pair up.
        """
        check(candidates, references)
        scores = tuple(
            float(self.each([candidate], texts).mean())
            for candidate, texts in zip(candidates, references, strict=True)
        )
        return sum(scores) / len(scores), scores

    def each(self, candidates: Sequence[str], references: Sequence[str]) -> NDArray[np.float64]:
        """Score texts against each of some references alone `(candidates, references)`, 0..10."""
        return self.against(references)(candidates)

    def against(self, references: Sequence[str]) -> Score:
        """Give what scores texts against each of some references alone."""
        known = [self._weighed(text) for text in references]
        holders = _holders(known)

        def score(candidates: Sequence[str]) -> NDArray[np.float64]:
            return _compared([self._weighed(text) for text in candidates], known, holders)

        return score

    def _weigh(self, text: str) -> _Weighted:
        words = tokenise(text)
        weights: dict[tuple[str, ...], float] = {}
        squares = np.zeros(_LONGEST)
        for gram, count in grams(words, _LONGEST).items():
            rarity = math.log(self._items) - math.log(max(1, self._frequency[gram]))
            weights[gram] = count * rarity
            squares[len(gram) - 1] += weights[gram] ** 2
        return _Weighted(
            weights, np.sqrt(squares), max(0, len(words) - 1)
        )  # as pycocoevalcap: bigrams


def _compared(
    said: Sequence[_Weighted], known: Sequence[_Weighted], holders: _Holders
) -> NDArray[np.float64]:
    """Give the clipped cosines, averaged over the lengths of runs, less for another length."""
    if not said or not known:
        return np.zeros((len(said), len(known)))
    products = np.zeros((len(said), len(known), _LONGEST))
    for row, one in enumerate(said):
        for gram, weight in one.weights.items():
            if gram in holders:
                places, theirs = holders[gram]
                products[row, places, len(gram) - 1] += np.minimum(weight, theirs) * theirs
    norms = np.stack([one.norms for one in said])[:, None] * [one.norms for one in known]
    cosines = np.divide(products, norms, out=np.zeros_like(products), where=norms > 0)
    gaps = np.subtract.outer([one.length for one in said], [one.length for one in known])
    scored: NDArray[np.float64] = 10 * cosines.mean(2) * np.exp(-(gaps**2) / (2 * _SIGMA**2))
    return scored


def _holders(texts: Sequence[_Weighted]) -> _Holders:
    """Give for each run of words which texts hold it, and its weight in each."""
    places = defaultdict[tuple[str, ...], list[int]](list)
    for place, one in enumerate(texts):
        for gram in one.weights:
            places[gram].append(place)
    return {
        gram: (own, np.array([texts[place].weights[gram] for place in own]))
        for gram, own in places.items()
    }
