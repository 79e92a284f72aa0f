"""Examples: what is shown, and the texts that are to be written from it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from embedstore.answering.head.config import HeadConfig
from embedstore.answering.head.shown import Neighbour, Shown, neighbour_of
from embedstore.answering.head.vocabulary import Vocabulary
from embedstore.training.head.made_questions import made, things
from embedstore.training.head.material import Captioned, Questioned
from embedstore.training.head.neighbours import sampled
from embedstore.training.head.recipe import HeadRecipe
from embedstore.training.head.renaming import renamed, replaced
from embedstore.types import Vectors

_RENAMED_READING = 0.3  # share of made questions whose answer nobody can know but from a neighbour
_ANY_ORDER = 0.3  # share of neighbours whose captions come as they happen to
_BLIND = 0.2  # share of questions asked without their picture


@dataclass(frozen=True)
class Lesson:
    """One example.

    Attributes:
        shown: What may be used.
        texts: To be written from it: pieces given before, and pieces to write.
    """

    shown: Shown
    texts: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...]


class Examples:
    """Makes examples of photos and questions.

    Args:
        vocabulary: Of the head.
        config: How much it reads and writes.
        recipe: How neighbours are drawn.
        photos: Captioned ones.
        near: `(n, k)`, neighbours of each photo.
        questions: Asked by people, where there are such.
        near_questions: `(q, k)`, neighbours of each question.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        config: HeadConfig,
        recipe: HeadRecipe,
        photos: Captioned,
        near: NDArray[np.int64],
        questions: Questioned | None = None,
        near_questions: NDArray[np.int64] | None = None,
    ) -> None:
        self._vocabulary, self._config, self._recipe = vocabulary, config, recipe
        self.photos, self._near = photos, near
        self.questions, self._near_questions = questions, near_questions
        self._encode = lru_cache(200_000)(vocabulary.encode)

    def captions(self, photo: int, rng: np.random.Generator) -> Lesson:
        """Ask for captions of a photo."""
        recipe, said = self._recipe, self.photos.captions[photo]
        order = rng.permutation(len(said))[: recipe.captions]
        targets = [said[one] for one in order]
        near = self._drawn(self._near[photo], rng)
        asked = self._noisy(self.photos.pictures[photo], rng)
        texts = [self._captions_of(one, asked, rng, without=said) for one in near]
        change = None
        if rng.random() < recipe.rename:
            change = renamed(targets, [text for some in texts for text in some], rng)
        neighbours = [
            self._neighbour(some, self.photos.pictures[one], change)
            for one, some in zip(near, texts, strict=True)
        ]
        blind = bool(near) and rng.random() < recipe.blind
        vector = None if blind else asked
        prefix = (self._vocabulary.caption,)
        return Lesson(
            Shown(tuple(neighbours), vector),
            tuple((prefix, self._target(replaced(text, change))) for text in targets),
        )

    def asked(self, number: int, rng: np.random.Generator) -> Lesson:
        """Ask a question that people asked."""
        found, rows = self.questions, self._near_questions
        if found is None or rows is None:
            raise ValueError("there are no questions")
        one = found.asked[number]
        answer = one.answers[int(rng.integers(len(one.answers)))]
        near = self._drawn(rows[number], rng)
        change = None
        if rng.random() < self._recipe.rename:
            said = [text for other in near for text in found.asked[other].answers]
            change = renamed([answer], said, rng)
        neighbours = [
            self._neighbour(
                (),
                found.pictures[other],
                change,
                found.asked[other].question,
                found.asked[other].answers,
            )
            for other in near
        ]
        vector = None if rng.random() < _BLIND else self._noisy(found.pictures[number], rng)
        return self._question(one.question, replaced(answer, change), neighbours, vector)

    def made(self, photo: int, rng: np.random.Generator) -> Lesson:
        """Ask a made question of a photo; in half of them words are all there is to answer from."""
        said = self.photos.captions[photo]
        caption = said[int(rng.integers(len(said)))]
        absent = things()[int(rng.integers(len(things())))]
        pairs = made(" ".join(caption.lower().split()).rstrip(" ."), said, absent)
        question, answer = pairs[int(rng.integers(len(pairs)))]
        near = self._drawn(self._near[photo], rng)
        asked = self._noisy(self.photos.pictures[photo], rng)
        texts = [self._captions_of(one, asked, rng) for one in near]
        reading = rng.random() < 0.5
        if reading:  # the caption that it was made from is somewhere in the evidence
            near, texts = near[: self._recipe.most - 1], texts[: self._recipe.most - 1]
            place = int(rng.integers(len(near) + 1))
            near.insert(place, photo)
            texts.insert(place, (caption,))
        change = None
        if reading and rng.random() < _RENAMED_READING:
            change = renamed([answer], [text for some in texts for text in some], rng)
        neighbours = [
            self._neighbour(some, self.photos.pictures[one], change)
            for one, some in zip(near, texts, strict=True)
        ]
        vector = None if reading else asked
        question, answer = replaced(question, change), replaced(answer, change)
        return self._question(question, answer, neighbours, vector)

    def _question(
        self, question: str, answer: str, neighbours: Sequence[Neighbour], vector: Vectors | None
    ) -> Lesson:
        words = self._encode(question, self._config.question_pieces)
        prefix = (*words, self._vocabulary.answer)
        return Lesson(Shown(tuple(neighbours), vector), ((prefix, self._target(answer)),))

    def _drawn(self, row: NDArray[np.int64], rng: np.random.Generator) -> list[int]:
        if rng.random() < self._recipe.alone:
            return []
        recipe = self._recipe
        return list(sampled(row, rng, recipe.pool, recipe.most, recipe.least))

    def _captions_of(
        self, photo: int, asked: Vectors, rng: np.random.Generator, without: Sequence[str] = ()
    ) -> tuple[str, ...]:
        """Give what a neighbour says: mostly what fits the asked picture best, as in use."""
        said = self.photos.best_first(photo, asked)
        if rng.random() < _ANY_ORDER:
            said = tuple(rng.permutation(said).tolist())
        said = tuple(text for text in said if text not in without)
        return said[: int(rng.integers(1, self._config.texts + 1))]

    def _neighbour(
        self,
        texts: Sequence[str],
        vector: Vectors,
        change: tuple[str, str] | None,
        question: str | None = None,
        answers: Sequence[str] = (),
    ) -> Neighbour:
        return neighbour_of(
            self._vocabulary,
            self._config,
            [replaced(text, change) for text in texts],
            None if question is None else replaced(question, change),
            [replaced(text, change) for text in answers],
            vector,
        )

    def _noisy(self, vector: Vectors, rng: np.random.Generator) -> Vectors:
        """Blur a picture a little: its encoder knows the photos it learnt from too well."""
        noise = rng.standard_normal(len(vector)).astype(np.float32)
        moved = vector + self._recipe.noise * rng.random() * noise / np.sqrt(len(vector))
        blurred: Vectors = (moved / np.linalg.norm(moved)).astype(np.float32)
        return blurred

    def _target(self, text: str) -> tuple[int, ...]:
        most = self._recipe.target
        pieces = self._encode(text, most + 1)
        if len(pieces) > most:  # cut, so it does not end here
            return tuple(pieces[:most])
        return (*pieces, self._vocabulary.end)
