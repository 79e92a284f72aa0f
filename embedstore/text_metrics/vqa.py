"""Accuracy of short answers, as the VQA challenge counts it.

Antol et al. 2015, "VQA: Visual Question Answering"; https://visualqa.org/evaluation.html. The
normaliser is applied to the answer and to every reference alike, as later evaluations do.
"""

import re
from collections.abc import Sequence
from itertools import product

from embedstore.errors import Invalid

_CHALLENGE = 10  # answers a question has there
_ENOUGH = 3  # people who must agree for full marks
_PUNCTUATION = ';/[]"{}()=+\\_-><@`,?!'
_LONE_PERIOD = re.compile(r"\.(?!\d)")
_COMMA_IN_NUMBER = re.compile(r"\d,\d")
_ARTICLES = {"a", "an", "the"}
_NUMBERS = "zero one two three four five six seven eight nine ten"
_DIGITS = {word: str(value) for value, word in enumerate(_NUMBERS.split())} | {"none": "0"}
_WHOLE = """
    ain't aren't can't couldn't didn't doesn't don't hadn't hasn't haven't isn't mightn't mustn't
    needn't oughtn't shan't shouldn't wasn't weren't won't wouldn't
    could've might've must've not've should've would've
    couldn't've hadn't've mightn't've shouldn't've wouldn't've
    he'd he's how'd how'll how's i'm i've it'd it'll ma'am o'clock 'twas we've y'all y'all'll
    somebody'll somebody's someone'd someone'll someone's something'd something'll that's there'd
    there're there's they'd they'll they're they've what'll what're what's what've when's where'd
    where's where've who'd who'll who's who've why'll why're why's you'd you'll you're you've
    he'd've i'd've it'd've she'd've somebody'd've someone'd've something'd've there'd've they'd've
    we'd've who'd've y'all'd've you'd've
"""


def _worn(word: str) -> list[str]:
    """Write the word with each choice of its apostrophes left out."""
    parts = word.split("'")
    return [
        parts[0] + "".join(sign + part for sign, part in zip(signs, parts[1:], strict=True))
        for signs in product(("", "'"), repeat=len(parts) - 1)
    ]


_CONTRACTIONS = {worn: whole for whole in _WHOLE.split() for worn in _worn(whole)}


def normalise_answer(text: str) -> str:
    """Write an answer as the challenge compares it.

    Lower case, no punctuation, no articles, number words as digits, contractions with their
    apostrophes.

    Args:
        text: The answer as somebody gave it.

    Returns:
        Words with single spaces; may be empty.
    """
    line = " ".join(text.split())
    words = (_DIGITS.get(word, word) for word in _without_marks(line).lower().split())
    return " ".join(_CONTRACTIONS.get(word, word) for word in words if word not in _ARTICLES)


def vqa_accuracy(answer: str, answers: Sequence[str]) -> float:
    """Give the accuracy of one answer.

    Args:
        answer: The one to judge.
        answers: What people answered. Of ten or more, three who agree give full marks, averaged
            over leaving each of them out; of fewer, one is enough.

    Returns:
        The accuracy, 0..1; 0 for an empty answer.

    Raises:
        Invalid: There are no answers to compare with.
    """
    if isinstance(answers, str) or not answers:
        raise Invalid(
            f"answers to compare with: {answers!r}; expected a list of one or more; "
            "leave out questions without an answer"
        )
    said = normalise_answer(answer)
    same = [bool(said) and normalise_answer(given) == said for given in answers]
    if len(answers) < _CHALLENGE:
        return float(any(same))
    marks = [min(1.0, (sum(same) - itself) / _ENOUGH) for itself in same]
    return sum(marks) / len(marks)


def _without_marks(line: str) -> str:
    """Drop marks beside a space, and all where a number has a comma; else let them part words."""
    drop_all = _COMMA_IN_NUMBER.search(line) is not None
    marked = line
    for mark in _PUNCTUATION:
        beside = f"{mark} " in line or f" {mark}" in line
        marked = marked.replace(mark, "" if drop_all or beside else " ")
    return _LONE_PERIOD.sub("", marked)
