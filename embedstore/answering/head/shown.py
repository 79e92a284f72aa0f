"""What a head is shown, as numbers: the picture and each neighbour with its words."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from embedstore.answering.head.config import HeadConfig
from embedstore.answering.head.vocabulary import Vocabulary
from embedstore.answering.types import Evidence, Prompt
from embedstore.errors import Invalid
from embedstore.types import Vectors

CAPTION, QUESTION, ANSWER = range(3)  # kinds of words


@dataclass(frozen=True)
class Neighbour:
    """One piece of evidence.

    Attributes:
        pieces: Its words.
        kinds: Of each piece: of a caption, a question or an answer.
        vector: `(d,)`, where it is known.
    """

    pieces: tuple[int, ...]
    kinds: tuple[int, ...]
    vector: Vectors | None = None


@dataclass(frozen=True)
class Shown:
    """All that one answer may rest on.

    Attributes:
        neighbours: In the order of their numbers.
        vector: `(d,)` of the picture, where there is one.
    """

    neighbours: tuple[Neighbour, ...]
    vector: Vectors | None = None


@dataclass(frozen=True)
class Inputs:
    """A batch of what is shown; m prompts, k neighbours each, w pieces each.

    Attributes:
        picture: `(m, d)`; zeros where there is none.
        has_picture: `(m,)`.
        vectors: `(m, k, d)`; zeros where unknown.
        likeness: `(m, k)`, inner product of picture and neighbour; 0 where either is unknown.
        present: `(m, k)`, whether there is such a neighbour.
        pieces: `(m, k, w)`, padded.
        kinds: `(m, k, w)`.
    """

    picture: Tensor
    has_picture: Tensor
    vectors: Tensor
    likeness: Tensor
    present: Tensor
    pieces: Tensor
    kinds: Tensor


def neighbour_of(
    vocabulary: Vocabulary,
    config: HeadConfig,
    texts: Sequence[str],
    question: str | None = None,
    answers: Sequence[str] = (),
    vector: Vectors | None = None,
) -> Neighbour:
    """Put the words of a neighbour in order: its answers and question, else its captions.

    Args:
        vocabulary: Of the head.
        config: How much is read.
        texts: Captions, best first.
        question: That the neighbour answers.
        answers: To it; repeated ones are read once.
        vector: `(d,)` of the neighbour.
    """
    if question is None:
        parts = [(text, CAPTION) for text in texts[: config.texts]]
    else:
        parts = [(answer, ANSWER) for answer in dict.fromkeys(answers)][:3]
        parts.append((question, QUESTION))
    pieces: list[int] = []
    kinds: list[int] = []
    for text, kind in parts:
        more = vocabulary.encode(text, config.text_pieces - len(pieces))
        pieces += more
        kinds += [kind] * len(more)
    return Neighbour(tuple(pieces), tuple(kinds), vector)


def shown(prompt: Prompt, vocabulary: Vocabulary, config: HeadConfig) -> Shown:
    """Put a prompt into numbers.

    Raises:
        Invalid: Its vectors are not of the dimension that the head was trained on.
    """

    def one(evidence: Evidence) -> Neighbour:
        return neighbour_of(
            vocabulary,
            config,
            evidence.texts,
            evidence.question,
            evidence.answers,
            _checked(evidence.vector, config),
        )

    read = tuple(one(evidence) for evidence in prompt.evidence[: config.neighbours])
    return Shown(read, _checked(prompt.vector, config))


def inputs(batch: Sequence[Shown], config: HeadConfig, padding: int) -> Inputs:
    """Collate what is shown.

    Args:
        batch: At least one.
        config: Gives the dimension.
        padding: The mark.
    """
    m, d = len(batch), config.vector
    k = max(1, *(len(one.neighbours) for one in batch))
    w = max([1, *(len(near.pieces) for one in batch for near in one.neighbours)])
    picture = np.zeros((m, d), np.float32)
    vectors = np.zeros((m, k, d), np.float32)
    present = np.zeros((m, k), bool)
    pieces = np.full((m, k, w), padding, np.int64)
    kinds = np.zeros((m, k, w), np.int64)
    for i, one in enumerate(batch):
        if one.vector is not None:
            picture[i] = one.vector
        for j, near in enumerate(one.neighbours):
            present[i, j] = True
            pieces[i, j, : len(near.pieces)] = near.pieces
            kinds[i, j, : len(near.kinds)] = near.kinds
            if near.vector is not None:
                vectors[i, j] = near.vector
    return Inputs(
        torch.from_numpy(picture),
        torch.tensor([one.vector is not None for one in batch]),
        torch.from_numpy(vectors),
        torch.from_numpy(np.einsum("md,mkd->mk", picture, vectors)),
        torch.from_numpy(present),
        torch.from_numpy(pieces),
        torch.from_numpy(kinds),
    )


def _checked(vector: Vectors | None, config: HeadConfig) -> Vectors | None:
    if vector is not None and vector.shape != (config.vector,):
        raise Invalid(
            f"this head reads vectors of {config.vector} dimensions, and these have "
            f"{vector.shape[-1]}: train one for this encoder with embedstore train-head"
        )
    return vector
