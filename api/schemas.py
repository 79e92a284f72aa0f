"""What goes over the wire; unknown fields are refused, sizes are bounded."""

from typing import Annotated, Any, Literal, Self

from pydantic import Base64Bytes, BaseModel, ConfigDict, Field, model_validator

Key = Annotated[str, Field(min_length=1, max_length=1024)]
Text = Annotated[str, Field(max_length=100_000)]
Address = Annotated[str, Field(min_length=1, max_length=32 << 20)]  # a data URL holds the picture
MAX_ITEMS = 256
LONGEST_CURSOR = 90_000  # it holds a vector


class Wire(BaseModel):
    """Base of every message."""

    model_config = ConfigDict(extra="forbid")


class Wrong(Wire):
    """A part of a request that is not as it should be."""

    field: str = Field(description="Where it is: body, query, path or header, and its name.")
    message: str


class OpenAIError(Wire):
    """Why a request failed, as OpenAI's clients read it."""

    message: str
    type: str
    param: str | None = None
    code: str | None = None


class Problem(Wire):
    """Why a request failed, as RFC 9457 has it."""

    type: str = Field(description="A URN that ends in the kind of problem.")
    title: str
    status: int
    detail: str
    instance: str = Field(description="The path that was asked for.")
    request_id: str | None = Field(default=None, description="Names the request in the log.")
    errors: list[Wrong] = Field(default=[], description="The fields that are wrong, if any are.")
    error: OpenAIError | None = Field(
        default=None, description="The same for OpenAI's clients, where they ask."
    )


class NewCollection(Wire):
    """A collection to create."""

    name: str = Field(examples=["photos"])
    encoder: Literal["mini", "toy"] = "mini"
    prompts: list[Text] = Field(
        default=["{}"],
        max_length=100,
        examples=[["a photo of {}"]],
        description="Templates for query words; several are averaged.",
    )


class Pictured(Wire):
    """What may come with a picture: its bytes, or where it lies."""

    image_base64: Base64Bytes | None = None
    image_url: Address | None = Field(
        default=None,
        description="Instead of the bytes: a data URL, or, where the server was started with "
        "`--fetch-urls`, an address of the public internet.",
    )

    @model_validator(mode="after")
    def _one_picture(self) -> Self:
        if self.image_base64 is not None and self.image_url is not None:
            raise ValueError("image_base64 and image_url are both given; expected one")
        return self


class NewItem(Pictured):
    """An item to store; give a picture, texts, or both."""

    key: Key
    texts: list[Text] = Field(default=[], max_length=64)
    meta: dict[str, Any] = {}


class NewItems(Wire):
    """Items to store, in one request."""

    items: list[NewItem] = Field(max_length=MAX_ITEMS)


class Keys(Wire):
    """Keys of items."""

    keys: list[Key] = Field(max_length=10_000)


class Search(Pictured):
    """What to look for; give at least text, picture, `like` or `vector`."""

    text: Text | None = Field(default=None, examples=["a dog on the beach"])
    like: Key | None = None
    vector: Annotated[list[float], Field(max_length=16_384)] | Base64Bytes | None = Field(
        default=None,
        description="Words that are encoded already, in either form of `/v1/embeddings`: numbers, "
        "or base64 of little-endian float32, which is read faster.",
    )
    without: list[Text] = Field(default=[], max_length=16, description="Words to steer away from.")
    unlike: list[Key] = Field(
        default=[], max_length=16, description="Keys of items to steer away from."
    )
    text_weight: float = Field(default=0.5, ge=0, le=1)
    target: Literal["image", "text", "both"] = "image"
    k: int = Field(default=10, ge=1, le=1000)
    where: Text | None = Field(default=None, examples=['subject == "space"'])
    diversity: float = Field(
        default=0.0, ge=0, le=1, description="Prefer hits that are unlike those before them."
    )
    min_score: float | None = Field(
        default=None,
        allow_inf_nan=False,
        description="Leave out what scores less; fewer than k hits are then all there are.",
    )
    min_probability: float | None = Field(
        default=None, ge=0, le=1, description="Leave out what is less probably relevant."
    )


class Explained(Wire):
    """How one modality is searched."""

    modality: str
    kind: str
    promise: str | dict[str, Any] = Field(
        description="exact, uncalibrated, or what was promised and measured with real queries"
    )
    tail: int = Field(description="Newer vectors, searched exactly.")
    allowed: int | None = Field(description="Items that the filter allows.")
    corrected: bool
    expanded: bool
    words: str


class Searches(Wire):
    """Several searches in one request."""

    queries: list[Search] = Field(max_length=MAX_ITEMS)


class SearchPage(Search):
    """A search that is answered in pages of k hits."""

    cursor: str | None = Field(
        default=None,
        max_length=LONGEST_CURSOR,
        description="Of the page before; left out for the first.",
    )


class StoredItem(Wire):
    """An item as it is stored."""

    key: str
    texts: list[str]
    meta: dict[str, Any]
    image: str | None = Field(description="Where to get its picture, if it has one.")


class Found(StoredItem):
    """A hit."""

    rank: int
    score: float
    text: str | None = Field(description="The caption that matched, where captions were searched.")
    probability: float | None = Field(
        description="Of being relevant, where the collection is calibrated for such a query."
    )


class FoundPage(Wire):
    """A page of hits."""

    hits: list[Found]
    cursor: str | None = Field(description="Gives the next page; null on the last.")


class StoredItems(Wire):
    """Items in the order they were stored."""

    items: list[StoredItem]
    rows: list[int] = Field(description="Of each its row; a later one is larger.")
    cursor: str | None = Field(description="Gives the next items; null at the end.")


class Failed(Wire):
    """An item that was left out, and why."""

    key: str
    reason: str


class Stored(Wire):
    """What became of the items of a request; all but the failed are stored durably."""

    added: list[str]
    replaced: list[str]
    failed: list[Failed]
    truncated: list[str]


class Deleted(Wire):
    """What became of the keys of a request."""

    deleted: int
    missing: list[str]


class CollectionSummary(Wire):
    """A collection in short."""

    name: str
    encoder: str
    items: int


class Health(Wire):
    """Whether the service answers."""

    status: Literal["ok"]


class UploadedItem(Wire):
    """What is told of a file that is uploaded."""

    file: Key
    key: Key | None = Field(default=None, description="Left out, the name of the file.")
    texts: list[Text] = Field(default=[], max_length=64)
    meta: dict[str, Any] = {}
