"""What goes over the wire for embeddings, as OpenAI's clients have it."""

from typing import Annotated, Literal

from pydantic import Field

from api.schemas import Address, Wire

Words = Annotated[str, Field(min_length=1, max_length=100_000)]


class Picture(Wire):
    """A picture to encode."""

    image: Address = Field(
        description="A data URL with base64; or, where the server was started with "
        "`--fetch-urls`, an address of the public internet.",
        examples=["data:image/jpeg;base64,/9j/4AAQ..."],
    )


class Embeddings(Wire):
    """What to encode; texts and pictures may be mixed."""

    model: str = Field(max_length=200, examples=["mini"])
    input: Words | Annotated[list[Words | Picture], Field(min_length=1, max_length=2048)] = Field(
        examples=[["a dog on the beach"]]
    )
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: int | None = Field(default=None, description="Only what the model has.")
    user: str | None = Field(default=None, max_length=1000, description="Ignored.")


class Embedding(Wire):
    """One vector."""

    object: Literal["embedding"] = "embedding"
    index: int
    embedding: list[float] | str = Field(description="Numbers, or base64 of float32.")


class Usage(Wire):
    """What was encoded: words and pictures, which stand in for tokens."""

    prompt_tokens: int
    total_tokens: int


class Embedded(Wire):
    """Vectors in the order of the input."""

    object: Literal["list"] = "list"
    data: list[Embedding]
    model: str
    usage: Usage


class Model(Wire):
    """An encoder that may be asked."""

    id: str
    object: Literal["model"] = "model"
    created: int = 0
    owned_by: str = "embedstore"


class Models(Wire):
    """The encoders that may be asked."""

    object: Literal["list"] = "list"
    data: list[Model]
