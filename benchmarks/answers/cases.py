"""Held-out captions or questions with their neighbours, whichever a data set holds."""

from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.answers import photo_data
from benchmarks.answers.captions import neighbours as of_photos
from benchmarks.answers.question_data import questions_of
from benchmarks.answers.questions import neighbours as of_questions
from benchmarks.answers.vectors import Remembering
from embedstore.answering import judging
from embedstore.answering.confidence import Task
from embedstore.answering.types import Draft, Prompt


@dataclass(frozen=True)
class Cases:
    """What is asked about held-out pictures.

    Attributes:
        shown: `(n,)`, prompts with their neighbours.
        said: `(n,)`, captions or answers that people gave.
        owners: `(n,)`, the picture of each.
    """

    shown: list[Prompt]
    said: list[tuple[str, ...]]
    owners: list[Hashable]

    @property
    def task(self) -> Task:
        """Say what is asked for."""
        return "caption" if self.shown[0].question is None else "ask"

    def right(self, drafts: list[Draft], floor: float) -> NDArray[np.bool_]:
        """Say which drafts are right: `(n,)`.

        Args:
            drafts: One a case.
            floor: CIDEr-D from which on a caption is right; an answer is if somebody gave it.
        """
        return judging.right(self.task, [draft.text for draft in drafts], self.said, floor)


def cases(
    data: Path, asks: bool, encoder: Remembering, limit: int | None, k: int, seed: int
) -> Cases:
    """Read held-out captions or questions and find their neighbours.

    Args:
        data: Photos with captions, or questions about pictures.
        asks: Whether it holds questions.
        encoder: Of the store.
        limit: Asked at most; None for all.
        k: Neighbours shown.
        seed: Of the choice.
    """
    if asks:
        learnt, held = questions_of(data)
        asked = photo_data.some(held, limit, seed)
        shown = of_questions(learnt, asked, encoder, k)
        return Cases(shown, [each.answers for each in asked], [each.image for each in asked])
    photos = photo_data.divided(data, limit, seed)
    said = [photo.captions for photo in photos.val]
    return Cases(of_photos(photos, encoder, k), said, [photo.key for photo in photos.val])
