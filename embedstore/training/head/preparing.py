"""What a run needs before its first step: vectors, neighbours, vocabulary, exam."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from embedstore.answering.head.beam import Search
from embedstore.answering.head.config import HeadConfig
from embedstore.answering.head.folder import Stored
from embedstore.answering.head.vocabulary import Vocabulary
from embedstore.errors import Invalid
from embedstore.text_metrics import CiderD
from embedstore.training.head.exam import Exam, exam_of
from embedstore.training.head.examples import Examples
from embedstore.training.head.material import (
    Asked,
    captioned,
    held_out,
    questioned,
    questions_of,
)
from embedstore.training.head.neighbours import near_pictures, near_questions
from embedstore.training.head.recipe import HeadRecipe
from embedstore.training.pairs import Pairs
from embedstore.types import Encoder

# Measured on half of Flickr8k's and DAQUAR's held-out pictures, see benchmarks/LOG.md
CAPTIONS = Search(beams=16, penalty=1.1, trust=8.0, fit=2.0, fitted=6)
ANSWERS = Search(beams=8, most=12, penalty=1.0, trust=9.0)
_NEAREST = 40


@dataclass(frozen=True)
class Task:
    """What is learnt, and what is measured.

    Attributes:
        examples: To learn.
        exam: What was held out.
        vocabulary: Learnt from the texts to learn from.
        config: What the head is built like.
        learnt: Questions learnt from.
        scorer: Knows how rare the words of captions are.
    """

    examples: Examples
    exam: Exam
    vocabulary: Vocabulary
    config: HeadConfig
    learnt: int
    scorer: CiderD


def prepared(
    data: Pairs,
    qa: Path | None,
    encoder: Encoder,
    recipe: HeadRecipe,
    run: Path,
    begun: Stored | None = None,
) -> Task:
    """Encode, find neighbours, learn the vocabulary.

    Args:
        data: Photos with captions, divided.
        qa: Questions with answers, where there are such.
        encoder: That gives the vectors.
        recipe: How.
        run: Folder where vectors are kept.
        begun: The head to start from, whose vocabulary and architecture are taken.

    Raises:
        NotFound: As `questions_of` raises it, and Invalid.
        BadImage: A picture does not decode.
    """
    asked, held = held_out(questions_of(qa), recipe.hold_out) if qa is not None else ([], [])
    if qa is not None and not (asked and held):
        raise Invalid(
            f"{qa}: {len(asked)} questions to learn from and {len(held)} to measure on; expected "
            "some of both; add pictures, or change hold_out in the recipe"
        )
    vocabulary, config = _form(data, asked, encoder, recipe, begun)
    photos = captioned(data.train, encoder, run)
    val = captioned(data.val, encoder, run) if data.unseen else photos
    near = near_pictures(photos.pictures, photos.pictures, _NEAREST, itself=True)
    learnt = questioned(asked, encoder, run) if asked else None
    measured = questioned(held, encoder, run) if held else None
    rows = None
    if learnt is not None:
        pictures, words, groups = learnt.pictures, learnt.questions, learnt.groups
        rows = near_questions((pictures,) * 2, (words,) * 2, (groups,) * 2, _NEAREST)
    examples = Examples(vocabulary, config, recipe, photos, near, learnt, rows)
    exam = exam_of(val, photos, not data.unseen, measured, learnt, encoder)
    scorer = CiderD([photo.captions for photo in data.train])
    return Task(examples, exam, vocabulary, config, len(asked), scorer)


def _form(
    data: Pairs, asked: Sequence[Asked], encoder: Encoder, recipe: HeadRecipe, begun: Stored | None
) -> tuple[Vocabulary, HeadConfig]:
    if begun is not None:
        if begun.space != encoder.space.fingerprint:
            raise Invalid(
                f"the head to start from reads vectors of space {begun.space}; "
                f"{encoder.space.encoder} makes {encoder.space.fingerprint}; start from one that "
                "was trained on it"
            )
        return begun.vocabulary, replace(begun.head.config, dropout=recipe.dropout)
    vocabulary = Vocabulary.learnt(_texts(data, asked), recipe.pieces)
    config = HeadConfig(
        pieces=vocabulary.pieces,
        vector=encoder.space.dim,
        fusion=recipe.fusion,
        width=recipe.width,
        layers=recipe.layers,
        heads=recipe.heads,
        neighbours=recipe.most,
        texts=recipe.texts,
        text_pieces=recipe.text_pieces,
        dropout=recipe.dropout,
    )
    return vocabulary, config


def _texts(data: Pairs, asked: Sequence[Asked]) -> Iterator[str]:
    for photo in data.train:
        yield from photo.captions
    for one in asked:
        yield one.question
        yield from one.answers
