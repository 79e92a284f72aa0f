"""What a head is measured by: captions and answers on what was held out, beside simpler ways."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from embedstore.answering.consensus import ConsensusGenerator
from embedstore.answering.head.folder import Stored
from embedstore.answering.head.generator import draft
from embedstore.answering.types import Evidence, Prompt
from embedstore.text_metrics import CiderD, bleu, vqa_accuracy
from embedstore.training.head.material import Captioned, Questioned
from embedstore.training.head.neighbours import near_pictures, near_questions
from embedstore.types import Encoder, Vectors

CIDER, BLEU, ACCURACY = "captions@cider", "captions@bleu4", "questions@accuracy"
_K = 8  # neighbours, as many as answering takes unless told otherwise


@dataclass(frozen=True)
class Exam:
    """What was held out, with its neighbours among what is learnt from.

    Attributes:
        captions: A prompt a photo, and its captions.
        questions: A prompt a question, and its answers.
        usual: The most usual answer of all.
    """

    captions: Sequence[tuple[Prompt, tuple[str, ...]]]
    questions: Sequence[tuple[Prompt, tuple[str, ...]]]
    usual: str

    def few(self, count: int) -> "Exam":
        """Give a part of it, spread over all."""
        return Exam(_spread(self.captions, count), _spread(self.questions, count), self.usual)

    def figures(self, write: Callable[[Prompt], str]) -> dict[str, float]:
        """Measure a way of writing.

        Args:
            write: Prompts into captions and answers.

        Returns:
            CIDEr-D and BLEU-4 of captions, exact accuracy of answers, where there are such.
        """
        found: dict[str, float] = {}
        if self.captions:
            said = [write(prompt) for prompt, _ in self.captions]
            known = [texts for _, texts in self.captions]
            found[CIDER] = float(CiderD(known).corpus(said, known)[0])
            found[BLEU] = float(bleu(said, known)[3])
        if self.questions:
            right = [vqa_accuracy(write(prompt), told) for prompt, told in self.questions]
            found[ACCURACY] = float(np.mean(right))
        return found

    def rivals(self) -> dict[str, dict[str, float]]:
        """Measure what needs no training: the nearest neighbour, all of them, the usual answer."""
        consensus = ConsensusGenerator()
        found = {
            "nearest": self.figures(_nearest),
            "consensus": self.figures(lambda prompt: consensus.generate([prompt])[0].text),
        }
        if self.questions:
            usual = Exam((), self.questions, self.usual).figures(lambda _: self.usual)
            found["usual answer"] = usual
        return found


def measured(stored: Stored, exam: Exam) -> dict[str, float]:
    """Measure a head."""
    return exam.figures(lambda prompt: draft(stored, prompt).text)


def worth(figures: Mapping[str, float]) -> float:
    """Give one number to choose by: the sum of CIDEr-D and accuracy."""
    return figures.get(CIDER, 0.0) + figures.get(ACCURACY, 0.0)


def exam_of(
    photos: Captioned,
    bank: Captioned,
    itself: bool,
    questions: Questioned | None,
    asked: Questioned | None,
    encoder: Encoder,
) -> Exam:
    """Put what was held out into prompts.

    Args:
        photos: Held out.
        bank: Learnt from; neighbours come from it.
        itself: Whether both are the same, as of very few photos.
        questions: Held out, where there are such.
        asked: Learnt from, likewise.
        encoder: That gave the vectors.
    """
    near = near_pictures(photos.pictures, bank.pictures, _K, itself)
    captions = [
        (Prompt(_photos(row, vector, bank), None, None, vector, encoder), said)
        for row, vector, said in zip(near, photos.pictures, photos.captions, strict=True)
    ]
    if questions is None or asked is None or not questions.asked:
        return Exam(captions, (), "")
    rows = near_questions(
        (questions.pictures, asked.pictures),
        (questions.questions, asked.questions),
        (np.full(len(questions.asked), -1), asked.groups),  # no picture is on both sides
        _K,
    )
    told = [
        (
            Prompt(
                _questions(row, number, questions, asked),
                one.question,
                None,
                questions.pictures[number],
            ),
            one.answers,
        )
        for number, (row, one) in enumerate(zip(rows, questions.asked, strict=True))
    ]
    usual = Counter(answer for one in asked.asked for answer in one.answers).most_common(1)[0][0]
    return Exam(captions, told, usual)


def _photos(row: NDArray[np.int64], vector: Vectors, bank: Captioned) -> tuple[Evidence, ...]:
    def one(place: int) -> Evidence:
        own, said = bank.pictures[place], bank.best_first(place, vector)
        return Evidence(str(place), said, float(own @ vector), vector=own)

    return tuple(one(int(place)) for place in row[row >= 0])


def _questions(
    row: NDArray[np.int64], number: int, held: Questioned, asked: Questioned
) -> tuple[Evidence, ...]:
    def score(one: int) -> float:
        alike = asked.pictures[one] @ held.pictures[number]
        return float(alike + asked.questions[one] @ held.questions[number]) / 2

    return tuple(
        Evidence(
            str(one),
            (asked.asked[one].question,),
            score(int(one)),
            asked.asked[one].question,
            asked.asked[one].answers,
            asked.pictures[one],
        )
        for one in row[row >= 0]
    )


def _nearest(prompt: Prompt) -> str:
    best = prompt.evidence[0] if prompt.evidence else Evidence("", ("",), 0.0)
    return best.answers[0] if best.answers else best.texts[0]


def _spread(
    all_of_them: Sequence[tuple[Prompt, tuple[str, ...]]], count: int
) -> Sequence[tuple[Prompt, tuple[str, ...]]]:
    return all_of_them[:: max(1, -(-len(all_of_them) // count))]
