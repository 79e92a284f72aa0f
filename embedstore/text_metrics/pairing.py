"""Candidates beside their references, as words, ready to be counted."""

from collections import Counter
from collections.abc import Sequence

from embedstore.errors import Invalid
from embedstore.text_metrics.tokens import tokenise

Words = list[str]
Grams = Counter[tuple[str, ...]]


def paired(
    candidates: Sequence[str], references: Sequence[Sequence[str]]
) -> list[tuple[Words, list[Words]]]:
    """Tokenise each candidate and its references.

    Raises:
        Invalid: See `check`.
    """
    check(candidates, references)
    return [
        (tokenise(candidate), [tokenise(text) for text in texts])
        for candidate, texts in zip(candidates, references, strict=True)
    ]


def check(candidates: Sequence[str], references: Sequence[Sequence[str]]) -> None:
    """Refuse what no score is defined for.

    Args:
        candidates: One text an item.
        references: For each item its texts, one or more.

    Raises:
        Invalid: None at all, another number of references than of candidates, or an item without.
    """
    if not candidates or len(candidates) != len(references):
        raise Invalid(
            f"{len(candidates)} candidates with references for {len(references)} items; expected "
            "as many of one as of the other, at least one; give each candidate its references"
        )
    for number, texts in enumerate(references):
        if isinstance(texts, str) or not texts:
            raise Invalid(
                f"references of item {number}: {texts!r}; expected a list of one or more texts; "
                "leave out items without a reference"
            )


def grams(words: Sequence[str], longest: int) -> Grams:
    """Count the runs of 1 to `longest` words."""
    return Counter(
        tuple(words[start : start + n])
        for n in range(1, longest + 1)
        for start in range(len(words) - n + 1)
    )
