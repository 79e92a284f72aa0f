"""CIDEr-D: agreement with the references in words that are rare among all references.

Vedantam, Zitnick and Parikh 2015, "CIDEr: Consensus-based Image Description Evaluation".
"""

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from embedstore.errors import Invalid
from embedstore.text_metrics.pairing import Grams, grams, paired
from embedstore.text_metrics.tokens import tokenise

_LONGEST = 4
_SIGMA = 6.0
_REMEMBERED = 4_096  # texts


@dataclass(frozen=True)
class _Weighted:
    """A text as weights of its runs of words, with one norm a length, and how long it is."""

    weights: dict[tuple[str, ...], float]
    norms: tuple[float, ...]
    length: int


class CiderD:
    """Scores texts with the document frequencies of one set of references.

    The scale is pycocoevalcap's, 0..10; what papers print as "55" is 0.55.
    """

    def __init__(self, references: Sequence[Sequence[str]]) -> None:
        """Count in how many items each run of words occurs.

        Args:
            references: For each item of the corpus its texts; of one item alone every weight is 0.

        Raises:
            Invalid: There is no item.
        """
        if not references:
            raise Invalid(
                "CIDEr-D was given 0 items to count words in; expected at least one, better "
                "hundreds; give it the references of the whole corpus"
            )
        self._items = len(references)
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
        scores = tuple(
            self._mean(self._weighed(tuple(words)), [self._weighed(tuple(text)) for text in texts])
            for words, texts in paired(candidates, references)
        )
        return sum(scores) / len(scores), scores

    def _weigh(self, words: tuple[str, ...]) -> _Weighted:
        weights: dict[tuple[str, ...], float] = {}
        squares = defaultdict[int, float](float)
        for gram, count in grams(words, _LONGEST).items():
            rarity = math.log(self._items) - math.log(max(1, self._frequency[gram]))
            weights[gram] = count * rarity
            squares[len(gram)] += weights[gram] ** 2
        norms = tuple(math.sqrt(squares[size]) for size in range(1, _LONGEST + 1))
        return _Weighted(weights, norms, max(0, len(words) - 1))  # pycocoevalcap counts bigrams

    def _mean(self, candidate: _Weighted, references: list[_Weighted]) -> float:
        total = sum(_agreement(candidate, reference) for reference in references)
        return 10 * total / len(references)


def _agreement(candidate: _Weighted, reference: _Weighted) -> float:
    """Clipped cosine, averaged over the lengths of runs, less for another length of text."""
    products = [0.0] * _LONGEST
    for gram, weight in candidate.weights.items():
        known = reference.weights.get(gram, 0.0)
        products[len(gram) - 1] += min(weight, known) * known
    cosines = (
        product / (own * its)
        for product, own, its in zip(products, candidate.norms, reference.norms, strict=True)
        if own and its
    )
    gap = candidate.length - reference.length
    return sum(cosines) / _LONGEST * math.exp(-(gap**2) / (2 * _SIGMA**2))
