"""ROUGE-L (Lin 2004): the longest words in common order, as COCO's evaluation code weighs them."""

from collections.abc import Sequence

from embedstore.text_metrics.pairing import Words, paired

_BETA = 1.2  # how much more recall counts than precision


def rouge_l(candidates: Sequence[str], references: Sequence[Sequence[str]]) -> float:
    """Give the mean ROUGE-L of the items; best precision and best recall over the references.

    Args:
        candidates: One text an item.
        references: For each item its texts.

    Returns:
        The score, 0..1.

    Raises:
        Invalid: Candidates and references do not pair up.
    """
    scores = [_one(words, texts) for words, texts in paired(candidates, references)]
    return sum(scores) / len(scores)


def _one(words: Words, texts: list[Words]) -> float:
    if not words:
        return 0.0
    common = [(_longest_common(words, text), len(text)) for text in texts if text]
    precision = max((shared / len(words) for shared, _ in common), default=0.0)
    recall = max((shared / length for shared, length in common), default=0.0)
    if not precision:
        return 0.0
    return (1 + _BETA**2) * precision * recall / (recall + _BETA**2 * precision)


def _longest_common(one: Words, other: Words) -> int:
    row = [0] * (len(other) + 1)
    for word in one:
        diagonal = 0
        for place, facing in enumerate(other, start=1):
            above = row[place]
            row[place] = diagonal + 1 if word == facing else max(above, row[place - 1])
            diagonal = above
    return row[-1]
