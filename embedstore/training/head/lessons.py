"""Which examples a step learns; the seed and the step decide all of it, so runs can resume."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from embedstore.answering.head.config import HeadConfig
from embedstore.answering.head.shown import Inputs, inputs
from embedstore.answering.head.vocabulary import Vocabulary
from embedstore.training.head.examples import Examples, Lesson
from embedstore.training.head.recipe import HeadRecipe


@dataclass(frozen=True)
class Batch:
    """Examples side by side; m of what is shown, g texts each.

    Attributes:
        shown: What may be used.
        written: `(m, g, t)`, pieces before each place.
        targets: `(m, g, t)`, the piece that comes there.
        counts: `(m, g, t)`, whether it is to be learnt.
    """

    shown: Inputs
    written: Tensor
    targets: Tensor
    counts: Tensor


def batch_of(lessons: Sequence[Lesson], config: HeadConfig, vocabulary: Vocabulary) -> Batch:
    """Collate examples."""
    m, g = len(lessons), max(len(lesson.texts) for lesson in lessons)
    t = max(len(a) + len(b) - 1 for lesson in lessons for a, b in lesson.texts)
    written = np.full((m, g, t), vocabulary.padding, np.int64)
    targets = np.zeros((m, g, t), np.int64)
    counts = np.zeros((m, g, t), bool)
    for i, lesson in enumerate(lessons):
        for j, (given, told) in enumerate(lesson.texts):
            start, end = len(given) - 1, len(given) + len(told) - 1
            written[i, j, :end] = [*given, *told[:-1]]
            targets[i, j, start:end] = told
            counts[i, j, start:end] = True
    shown = inputs([lesson.shown for lesson in lessons], config, vocabulary.padding)
    tensors = (torch.from_numpy(one) for one in (written, targets, counts))
    return Batch(shown, *tensors)


def step_of(examples: Examples, recipe: HeadRecipe, step: int) -> tuple[list[Lesson], list[Lesson]]:
    """Give what a step learns.

    Args:
        examples: To draw from.
        recipe: How many, and the seed.
        step: From 0.

    Returns:
        Captions, and questions.
    """
    rng = np.random.default_rng([recipe.seed, step])
    photos = len(examples.photos.captions)
    chosen = _turn(recipe, photos, step, recipe.photos)
    captions = [examples.captions(one, rng) for one in chosen]
    questions = [examples.made(int(one), rng) for one in rng.integers(photos, size=recipe.made)]
    if examples.questions is not None:
        turn = _turn(recipe, len(examples.questions.asked), step, recipe.asked)
        questions += [examples.asked(one, rng) for one in turn]
    return captions, questions


def _turn(recipe: HeadRecipe, total: int, step: int, count: int) -> list[int]:
    """Give each of a total its turn, in an order that is drawn anew each time round."""
    places = np.arange(step * count, (step + 1) * count)
    orders = {
        int(epoch): np.random.default_rng([recipe.seed, 1, int(epoch)]).permutation(total)
        for epoch in np.unique(places // total)
    }
    return [int(orders[int(place // total)][place % total]) for place in places]
