"""Captions rewarded as a whole, by how far people agree with them, not for each next piece alone.

Rennie et al., "Self-Critical Sequence Training for Image Captioning", CVPR 2017; the rival of a
line is the mean of the others drawn with it: Luo, "A Better Variant of Self-Critical Sequence
Training", https://arxiv.org/abs/2003.09971.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from embedstore.answering.head.model import Head, Memory
from embedstore.answering.head.pointer import log_probability, mixed
from embedstore.answering.head.shown import inputs
from embedstore.answering.head.vocabulary import Vocabulary
from embedstore.text_metrics import CiderD
from embedstore.training.head.examples import Lesson
from embedstore.training.head.lessons import batch_of

_WEIGHT = 3.0  # of a unit of CIDEr-D beside the surprise of a piece; lines differ by .3 or so


def reward_loss(
    head: Head,
    lessons: Sequence[Lesson],
    vocabulary: Vocabulary,
    scorer: CiderD,
    samples: int,
    most: int,
    temperature: float = 1.0,
) -> tuple[Tensor, Tensor]:
    """Draw lines, and make those probable that are better than the others about the same picture.

    Args:
        head: That learns.
        lessons: Captions to be written; what they would teach is what lines are judged by.
        vocabulary: Of the head.
        scorer: Judges.
        samples: Lines of a picture, 2 or more.
        most: Pieces of a line at most.
        temperature: Of the draw; below 1 what is probable is drawn more often still, as smoothing
            made it less so than it is.

    Returns:
        What a step lowers, and the mean CIDEr-D of the lines.
    """
    shown = inputs([lesson.shown for lesson in lessons], head.config, vocabulary.padding)
    head.eval()  # lines are drawn as they will be in use
    with torch.no_grad():
        drawn = draw(head, head.remember(shown), vocabulary, samples, most, temperature)
    head.train()
    rewards = torch.tensor(
        [
            _judged(lesson, lines, vocabulary, scorer)
            for lesson, lines in zip(lessons, drawn, strict=True)
        ]
    )  # (m, g)
    rivals = (rewards.sum(1, keepdim=True) - rewards) / (samples - 1)
    begun = (vocabulary.caption,)
    batch = batch_of(
        [
            Lesson(lesson.shown, tuple((begun, line) for line in lines))
            for lesson, lines in zip(lessons, drawn, strict=True)
        ],
        head.config,
        vocabulary,
    )
    memory = head.remember(batch.shown)
    states, pointed, _ = head(batch.written, memory)
    told = log_probability(head.logits(states), pointed, memory.pieces, batch.targets)  # (m, g, t)
    gained = (rewards - rivals)[..., None] * told * batch.counts
    return -_WEIGHT * gained.sum() / batch.counts.sum(), rewards.mean()


def draw(
    head: Head,
    memory: Memory,
    vocabulary: Vocabulary,
    samples: int,
    most: int,
    temperature: float = 1.0,
) -> list[list[tuple[int, ...]]]:
    """Draw lines by their probability.

    Args:
        head: That writes.
        memory: Of m prompts.
        vocabulary: Of the head.
        samples: Lines a prompt.
        most: Pieces of a line at most, its end among them.
        temperature: Of the draw.

    Returns:
        For each prompt its lines, with their end where they have come to it.
    """
    m = len(memory.pieces)
    newest = torch.full((m, samples, 1), vocabulary.caption)
    lines: list[list[list[int]]] = [[[] for _ in range(samples)] for _ in range(m)]
    ended = torch.zeros((m, samples), dtype=torch.bool)
    past = None
    for _ in range(most):
        states, pointed, past = head(newest, memory, past)
        spread = mixed(head.logits(states), pointed, memory.pieces)[:, :, 0]  # (m, g, v)
        likely = spread.flatten(0, 1).float() ** (1.0 / temperature)
        chosen = torch.multinomial(likely, 1).view(m, samples)
        for i, j in (~ended).nonzero().tolist():
            lines[i][j].append(int(chosen[i, j]))
        ended |= chosen == vocabulary.end
        if bool(ended.all()):
            break
        newest = chosen[..., None]
    return [[tuple(line) for line in some] for some in lines]


def _judged(
    lesson: Lesson, lines: Sequence[tuple[int, ...]], vocabulary: Vocabulary, scorer: CiderD
) -> list[float]:
    known = [vocabulary.decode(told) for _, told in lesson.texts]
    said = [vocabulary.decode(line) for line in lines]
    return list(scorer.corpus(said, [known] * len(said))[1])
