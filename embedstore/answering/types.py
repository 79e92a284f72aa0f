"""The nouns of answering: what a generator is shown, what it writes, what a person gets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np

from embedstore.types import Encoder, Vectors

CITED = 0.01  # support of an answer from which on a piece of evidence is cited


@dataclass(frozen=True)
class Evidence:
    """One neighbour as a generator is shown it; its number is its place in the prompt, from 1.

    Attributes:
        key: Of the item.
        texts: Its captions, the one that matched first; what an answer may rest on.
        score: As the search gave it.
        question: What was asked about the item, where it holds a question with answers.
        answers: The answers to that question, each given by somebody.
        vector: `(d,)` unit row of its picture, else of its text; None where it was not read.
    """

    key: str
    texts: tuple[str, ...]
    score: float
    question: str | None = None
    answers: tuple[str, ...] = ()
    vector: Vectors | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Prompt:
    """What is asked, and all that may be used to answer it.

    Attributes:
        evidence: Neighbours, best first.
        question: Words of the question; None asks for a caption.
        image: The picture that is asked about, a file or encoded bytes.
        vector: `(d,)` unit row of that picture in the collection's space.
        encoder: That gave the vector.
    """

    evidence: tuple[Evidence, ...]
    question: str | None = None
    image: Path | bytes | None = field(default=None, compare=False)
    vector: Vectors | None = field(default=None, compare=False)
    encoder: Encoder | None = field(default=None, compare=False)

    def fits(self, texts: Sequence[str]) -> Vectors:
        """Score texts with the picture `(texts,)`; all 0 where there is none, or nobody to ask."""
        if self.encoder is None or self.vector is None:
            return np.zeros(len(texts), np.float32)
        scores: Vectors = self.encoder.encode_texts(texts) @ self.vector
        return scores


@dataclass(frozen=True)
class Draft:
    """What a generator wrote, before anybody decides whether to believe it.

    Attributes:
        text: One line; empty where the generator found nothing to say.
        support: For each piece of evidence how much of the text rests on it, 0..1; those of 0 are
            not cited.
        log_probability: Mean natural logarithm of the probability of a token, or of the share of
            votes; at most 0.
        signals: Further named figures that tell how sure the generator is; each generator has
            its own names and gives all of them every time.
        writer: Name of the generator that stood in for the one that was asked; None where none did.
    """

    text: str
    support: tuple[float, ...]
    log_probability: float
    signals: Mapping[str, float] = field(default_factory=dict)
    writer: str | None = None


class Generator(Protocol):
    """Evidence into words; every prompt is answered on its own, whatever stands beside it."""

    @property
    def name(self) -> str:
        """What `generators.load` takes, and what calibrations are kept under."""

    def generate(self, prompts: Sequence[Prompt]) -> list[Draft]:
        """Write one draft a prompt; a prompt without evidence gets an empty one.

        Raises:
            Unavailable: What it needs cannot be reached.
        """


@dataclass(frozen=True)
class Citation:
    """A neighbour that an answer rests on.

    Attributes:
        number: Its place among what was shown, from 1.
        key: Of the item.
        text: What it says.
        score: As the search gave it.
        support: How much of the answer rests on it, 0..1.
    """

    number: int
    key: str
    text: str
    score: float
    support: float


@dataclass(frozen=True)
class Answer:
    """An answer with what it rests on, or why there is none.

    Attributes:
        text: The answer; None where it abstains.
        confidence: Calibrated probability that it is right, 0..1; None where that was never
            measured for the generator.
        citations: What it rests on, strongest first; empty where it abstains.
        abstained: Why there is no answer; None where there is one.
        generator: Which one wrote it.
    """

    text: str | None
    confidence: float | None
    citations: tuple[Citation, ...]
    abstained: str | None
    generator: str
