"""What goes over the wire to ask and to be answered."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from api.schemas import Pictured, Text, Wire

Question = Annotated[str, Field(min_length=1, max_length=10_000)]


class Answering(Pictured):
    """What an answer may be made of."""

    generator: str | None = Field(
        default=None,
        max_length=1000,
        description="One that the server allows, as answers call it: `head:` or `hf:` with the "
        "last part of its folder, `endpoint:` with its model; left out, the first of them.",
    )
    k: int = Field(default=8, ge=1, le=100, description="Neighbours to answer from.")
    where: Text | None = Field(default=None, examples=["year >= 2020"])
    min_score: float | None = Field(default=None, allow_inf_nan=False)
    min_confidence: float | None = Field(default=None, ge=0, le=1)
    risk: float | None = Field(
        default=None, ge=0, le=1, description="Share of given answers that may be wrong."
    )
    leave_out_own: bool = Field(
        default=False,
        description="The picture itself, its near-duplicates and all with their captions are no "
        "evidence.",
    )


class Captioned(Answering):
    """A picture to caption, and what may be used."""

    @model_validator(mode="after")
    def _has_picture(self) -> Self:
        if self.image_base64 is None and self.image_url is None:
            raise ValueError("no picture is given; expected image_base64 or image_url")
        return self


class Asked(Answering):
    """A question, about a picture where one is given."""

    question: Question = Field(examples=["what stands on the desk"])


class Cited(Wire):
    """A neighbour that an answer rests on."""

    number: int = Field(description="Its place among the neighbours, from 1.")
    key: str
    text: str
    score: float
    support: float = Field(description="How much of the answer rests on it, 0 to 1.")


class Answered(Wire):
    """An answer with what it rests on, or why there is none."""

    answer: str | None
    confidence: float | None = Field(description="That it is right; null where never measured.")
    abstained: str | None = Field(description="Why there is no answer.")
    generator: str
    citations: list[Cited]
