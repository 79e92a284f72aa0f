"""Words that nobody has seen, put in place of known ones, so that copying is learnt as such.

Where the words of the target and of a neighbour have one in common, it becomes another, made up, in
both: it cannot be remembered, so it must be copied.
"""

import re
from collections.abc import Sequence

import numpy as np

_WORD = re.compile(r"[a-z]{3,}")
_SMALL_WORDS = (
    "the and with for are his her has its over into from near while through another some that this "
    "them their there what where how many who one two three four wearing standing sitting running "
    "playing walking color yes picture out off down looking holding very being front"
)
_COMMON = frozenset(_WORD.findall(_SMALL_WORDS))
_STARTS = re.findall("[a-z]+", "b br c ch d dr f fl g gr h j k kl l m n p pr r s sh st t tr v w z")
_VOWELS = re.findall("[a-z]+", "a e i o u ai ee oo ou")
_ENDS = re.findall("[a-z]+", "b ck d g k l m n p r rk sh st t x nd")


def made_up(rng: np.random.Generator) -> str:
    """Give a word of two or three syllables that is hardly one."""
    parts = [
        _STARTS[rng.integers(len(_STARTS))] + _VOWELS[rng.integers(len(_VOWELS))]
        for _ in range(int(rng.integers(1, 4)))
    ]
    return "".join([*parts, _ENDS[rng.integers(len(_ENDS))]])


def renamed(
    targets: Sequence[str], evidence: Sequence[str], rng: np.random.Generator
) -> tuple[str, str] | None:
    """Choose a word that targets and evidence share, and what it becomes.

    Args:
        targets: Texts that are to be written.
        evidence: Texts that may be copied from.
        rng: Decides.

    Returns:
        The word and the made-up one; None where they share no word worth it.
    """
    said = {word for text in targets for word in _WORD.findall(text.lower())} - _COMMON
    shared = {word for text in evidence for word in _WORD.findall(text.lower())} & said
    if not shared:
        return None
    chosen = sorted(shared)
    return chosen[int(rng.integers(len(chosen)))], made_up(rng)


def replaced(text: str, change: tuple[str, str] | None) -> str:
    """Write a text with the made-up word."""
    if change is None:
        return text
    return re.sub(rf"\b{change[0]}\b", change[1], text.lower())
