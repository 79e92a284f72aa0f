"""Which drafts count as right, and how sure such drafts are."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from embedstore.answering import confidence
from embedstore.answering.confidence import Confidence, Task
from embedstore.answering.features import features
from embedstore.answering.types import Draft, Prompt
from embedstore.text_metrics import CiderD, vqa_accuracy

RIGHT = 0.5  # CIDEr-D of a caption that counts as right: about what heads reach on average


@dataclass(frozen=True)
class Judged:
    """A draft beside what people said.

    Attributes:
        prompt: What it was written for.
        draft: What was written.
        said: Captions or answers that people gave.
        owner: What it belongs to, such as its picture.
    """

    prompt: Prompt
    draft: Draft
    said: Sequence[str]
    owner: object


def right(
    task: Task, texts: Sequence[str], said: Sequence[Sequence[str]], floor: float = RIGHT
) -> NDArray[np.bool_]:
    """Say which texts are right: `(n,)`.

    Args:
        task: What was asked for.
        texts: `(n,)`.
        said: `(n,)`, what people said of each; words are counted in all of it.
        floor: CIDEr-D from which on a caption is right; an answer is if somebody gave it.
    """
    if task == "caption":
        return np.asarray(CiderD(said).corpus(texts, said)[1]) >= floor
    pairs = zip(texts, said, strict=True)
    return np.array([vqa_accuracy(text, answers) >= 1 for text, answers in pairs])


def about(task: Task, floor: float = RIGHT) -> dict[str, str]:
    """Say what counted as right, to be kept with a confidence."""
    if task == "caption":
        told = f"CIDEr-D of {floor} or more with the captions of people counts as right"
    else:
        told = "an answer of people, word for word, counts as right"
    return {"right": told}


def sureness(task: Task, judged: Sequence[Judged], space: str) -> Confidence:
    """Measure how sure drafts are that had evidence; see `confidence.measure`."""
    marks = right(task, [each.draft.text for each in judged], [each.said for each in judged])
    told = [place for place, each in enumerate(judged) if each.prompt.evidence]
    return confidence.measure(
        [features(judged[place].prompt, judged[place].draft) for place in told],
        marks[told],
        space=space,
        groups=[judged[place].owner for place in told],
        about=about(task),
    )
