"""BLEU of a corpus (Papineni et al. 2002), with the choices of COCO's evaluation code."""

import math
from collections import Counter
from collections.abc import Sequence

from embedstore.text_metrics.pairing import Words, grams, paired

# pycocoevalcap's, so that a corpus without a single match scores nearly 0 instead of failing
_TINY = 1e-15
_SMALL = 1e-9


def bleu(
    candidates: Sequence[str], references: Sequence[Sequence[str]], n: int = 4
) -> tuple[float, ...]:
    """Give BLEU-1 to BLEU-n of a corpus; the reference closest in length sets the brevity penalty.

    Args:
        candidates: One text an item.
        references: For each item its texts.
        n: Words in the longest run counted.

    Returns:
        `n` scores, 0..1.

    Raises:
        Invalid: Candidates and references do not pair up.
    """
    matched: Counter[int] = Counter()
    offered: Counter[int] = Counter()
    length = wanted = 0
    for words, texts in paired(candidates, references):
        length += len(words)
        wanted += min((abs(len(text) - len(words)), len(text)) for text in texts)[1]
        for size in range(1, n + 1):
            offered[size] += max(0, len(words) - size + 1)
        matched.update(_matches(words, texts, n))
    ratio = (length + _TINY) / (wanted + _SMALL)
    penalty = math.exp(1 - 1 / ratio) if ratio < 1 else 1.0
    scores, product = [], 1.0
    for size in range(1, n + 1):
        product *= (matched[size] + _TINY) / (offered[size] + _SMALL)
        scores.append(product ** (1 / size) * penalty)
    return tuple(scores)


def _matches(words: Words, texts: list[Words], n: int) -> Counter[int]:
    """Runs of each length that a reference has too, each at most as often as in one reference."""
    most = grams([], n)
    for text in texts:
        most |= grams(text, n)
    found: Counter[int] = Counter()
    for gram, count in (grams(words, n) & most).items():
        found[len(gram)] += count
    return found
