"""chrF2 (Popovic 2015): runs of characters in common; fair to languages with long words.

The choices are sacrebleu's: `chrF2|case:mixed|eff:yes|nc:6|nw:0|space:no`.
"""

from collections import Counter
from collections.abc import Sequence

from embedstore.text_metrics.pairing import check

_LONGEST = 6
_BETA = 2
Statistics = list[tuple[int, int, int]]  # for each length: runs offered, wanted, matched


def chrf(candidates: Sequence[str], references: Sequence[Sequence[str]]) -> float:
    """Give chrF2 of a corpus; each candidate counts against the reference it is nearest to.

    Args:
        candidates: One text an item.
        references: For each item its texts.

    Returns:
        The score, 0..1; sacrebleu prints it times 100.

    Raises:
        Invalid: Candidates and references do not pair up.
    """
    check(candidates, references)
    total: Statistics = [(0, 0, 0)] * _LONGEST
    for candidate, texts in zip(candidates, references, strict=True):
        own = _runs(candidate)
        best = max((_compared(own, _runs(text)) for text in texts), key=_f_score)
        total = [
            (offered + a, wanted + b, matched + c)
            for (offered, wanted, matched), (a, b, c) in zip(total, best, strict=True)
        ]
    return _f_score(total)


def _runs(text: str) -> list[Counter[str]]:
    """Count the runs of 1 to 6 characters, spaces left out."""
    solid = "".join(text.split())
    return [
        Counter(solid[start : start + n] for start in range(len(solid) - n + 1))
        for n in range(1, _LONGEST + 1)
    ]


def _compared(own: list[Counter[str]], reference: list[Counter[str]]) -> Statistics:
    return [
        (mine.total() if its else 0, its.total(), (mine & its).total())
        for mine, its in zip(own, reference, strict=True)
    ]


def _f_score(statistics: Statistics) -> float:
    """Weigh mean recall and precision over the lengths that both texts have."""
    there = [counts for counts in statistics if counts[0] and counts[1]]
    if not any(matched for _, _, matched in there):
        return 0.0
    precision = sum(matched / offered for offered, _, matched in there) / len(there)
    recall = sum(matched / wanted for _, wanted, matched in there) / len(there)
    return (1 + _BETA**2) * precision * recall / (_BETA**2 * precision + recall)
