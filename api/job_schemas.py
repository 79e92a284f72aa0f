"""What goes over the wire to start long work and to follow it."""

from typing import Any, Literal

from pydantic import Field

from api.schemas import MAX_ITEMS, Text, Wire


class Started(Wire):
    """Long work, as it stands."""

    id: str
    kind: str
    collection: str
    stoppable: bool = Field(description="Whether it can be stopped while it runs.")
    state: Literal["waiting", "running", "done", "failed", "cancelled"]
    done: int
    total: int = Field(description="Steps in all; 0 where nobody knows.")
    result: Any = None
    error: str | None = None
    error_kind: str | None = Field(default=None, description="As the title of a problem.")
    created: float
    finished: float | None = None


class ReEmbedding(Wire):
    """The space to move a collection to."""

    encoder: Literal["mini", "toy"] = "mini"
    keep: str | None = Field(
        default=None, max_length=200, description="Keep the old collection under this name."
    )
    allow_missing: bool = False
    skip_without_source: bool = False


class Calibrating(Wire):
    """What to measure search options with."""

    queries: list[Text] | None = Field(
        default=None, max_length=10_000, description="Left out, the collection's captions."
    )
    hubs: Literal["auto", "on", "off"] = "auto"
    expand: Literal["auto", "on", "off"] = "auto"


class NearDuplicates(Wire):
    """When two pictures are the same."""

    score: float = Field(default=0.96, ge=-1, le=1)
    bits: int = Field(default=3, ge=0, le=15)
    quick: bool = Field(default=False, description="Open no picture, compare vectors alone.")


class Clustering(Wire):
    """Into how many parts, and what they are called by."""

    n: int | None = Field(default=None, ge=1, le=1000)
    names: list[Text] | None = Field(default=None, max_length=MAX_ITEMS * 10)
    central: int = Field(default=5, ge=0, le=100)
