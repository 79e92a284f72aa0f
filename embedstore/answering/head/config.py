"""What a head is built like; written as JSON beside its weights."""

from dataclasses import dataclass
from typing import Literal

from embedstore.errors import Invalid

Fusion = Literal["attention", "concatenation"]
FUSIONS: tuple[Fusion, ...] = ("attention", "concatenation")


@dataclass(frozen=True)
class HeadConfig:
    """The architecture of a head.

    Attributes:
        pieces: Of its vocabulary.
        vector: Dimension of the vectors it is shown.
        fusion: How it reads its memory: by cross-attention, or before its own words in
            self-attention.
        width: Of its hidden states.
        layers: Of the decoder.
        heads: Of each attention.
        picture_tokens: That a picture becomes.
        neighbours: Shown at most; further ones are not read.
        texts: Of a neighbour that are read.
        text_pieces: Of a neighbour that are read, its texts, question and answers together.
        question_pieces: Of a question that are read.
        answer_pieces: Written at most.
        dropout: While it is trained, 0..1.
    """

    pieces: int
    vector: int
    fusion: Fusion = "attention"
    width: int = 256
    layers: int = 3
    heads: int = 4
    picture_tokens: int = 4
    neighbours: int = 6
    texts: int = 1
    text_pieces: int = 24
    question_pieces: int = 24
    answer_pieces: int = 30
    dropout: float = 0.1

    def __post_init__(self) -> None:
        if self.fusion not in FUSIONS:
            raise Invalid(f"no fusion {self.fusion!r}; expected one of {', '.join(FUSIONS)}")
        if self.heads < 1 or self.width % self.heads:
            raise Invalid(f"a width of {self.width} does not divide into {self.heads} heads")

    @property
    def length(self) -> int:
        """Pieces that a question and its answer take at most, with the mark between them."""
        return self.question_pieces + 1 + self.answer_pieces
