"""The nouns of embedstore: frozen values that every room shares."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import xxhash
from numpy.typing import NDArray

Vectors = NDArray[np.float32]  # (n, d), unit rows
Halves = NDArray[np.float16]  # (n, d), unit rows as the catalog keeps them
Pixels = NDArray[np.uint8]  # (h, w, 3), RGB
Modality = Literal["image", "text"]
Target = Literal["image", "text", "both"]
IN_CATALOG = b""  # stands for the bytes of a picture, which a hit does not carry
MODALITIES: tuple[Modality, ...] = ("image", "text")


def digest(value: object) -> str:
    """Hash any JSON value; equal values have equal digests on every machine."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return xxhash.xxh3_128_hexdigest(text.encode())


@dataclass(frozen=True)
class ImagePreprocess:
    """How a picture becomes the pixels an encoder takes; part of the space's identity.

    Attributes:
        size: Side of the square result, pixels.
        resize: "shortest" scales the short side and crops the centre; "squash" ignores the aspect.
        interpolation: Name of Pillow's filter.
        mean: Per channel, of pixels in 0..1.
        std: Per channel, of pixels in 0..1.
    """

    size: int
    resize: Literal["shortest", "squash"] = "shortest"
    interpolation: Literal["bilinear", "bicubic"] = "bicubic"
    mean: tuple[float, float, float] = (0.5, 0.5, 0.5)
    std: tuple[float, float, float] = (0.5, 0.5, 0.5)


@dataclass(frozen=True)
class Space:
    """The identity of an embedding space; vectors of two spaces are never compared.

    Attributes:
        encoder: Name that `encoders.load` takes.
        weights: Hash of the weights.
        preprocessing: Hash of the image preprocessing and the tokeniser.
        dim: Dimension of the vectors.
    """

    encoder: str
    weights: str
    preprocessing: str
    dim: int

    @cached_property
    def fingerprint(self) -> str:
        """The short name of the space, whatever its encoder is called."""
        return digest([self.weights, self.preprocessing, self.dim])[:16]


class Encoder(Protocol):
    """Items into unit vectors of one space."""

    @property
    def space(self) -> Space:
        """The space of every vector this encoder makes."""

    @property
    def preprocess(self) -> ImagePreprocess:
        """What `corpus.images.load` does to a picture before `encode_images`."""

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Encode texts as unit rows `(n, d)`, the same whatever the batch."""

    def encode_images(self, images: Sequence[Pixels]) -> Vectors:
        """Encode `(size, size, 3)` pictures as unit rows `(n, d)`, the same whatever the batch."""

    def overlong(self, texts: Sequence[str]) -> list[bool]:
        """Say for each text whether its end is cut because it exceeds the context."""


@dataclass(frozen=True)
class Item:
    """One thing in a collection: a picture, its texts, or both.

    Attributes:
        key: Unique in its collection, chosen by the user.
        image: A file, or the encoded bytes of one; None for a text item. In a hit, `IN_CATALOG`
            where the catalog keeps the picture: `Collection.image_bytes` gives it.
        texts: Captions or passages; each gets a vector of its own.
        meta: Any JSON object.
    """

    key: str
    image: Path | bytes | None = None
    texts: tuple[str, ...] = ()
    meta: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Query:
    """What to look for.

    Attributes:
        text: Words.
        image: A picture, weighed against `text` where both are given.
        like: Key of an item whose neighbours are wanted; the item itself is left out.
        without: Words to steer away from.
        unlike: Keys of items to steer away from.
        text_weight: Share of the text where text and picture are mixed, 0..1.
        target: Search pictures, captions, or both (fused by rank).
        k: Hits wanted.
        where: A filter over metadata, such as `year >= 2020 and tag in ["sea", "sky"]`.
        vector: `(d,)`, a query that is already encoded; stands in for `text`.
        diversity: 0 ranks by score alone, 1 by how little a hit resembles those before it; the
            best hit stays the first.
        min_score: Leave out what scores less. Every item is then scored, whatever the index, so
            that fewer than k hits are all there are; k hits are the best, and there may be more.
        min_probability: Leave out what is less probably relevant, as completely; for words that
            look for pictures, in a collection that `embedstore calibrate` has measured.
    """

    text: str | None = None
    image: Path | bytes | None = None
    like: str | None = None
    without: tuple[str, ...] = ()
    unlike: tuple[str, ...] = ()
    text_weight: float = 0.5
    target: Target = "image"
    k: int = 10
    where: str | None = None
    vector: Vectors | None = field(default=None, compare=False)
    diversity: float = 0.0
    min_score: float | None = None
    min_probability: float | None = None


@dataclass(frozen=True)
class Hit:
    """An item that a search found.

    Attributes:
        item: What was found.
        score: Inner product of unit vectors, or the fused rank score where target is "both". In a
            calibrated collection a picture found with words has its bias taken off it.
        rank: 1 for the best; by score, but where the query asks for diversity.
        text: The caption that matched, where captions were searched.
        probability: That the picture is the one which such words describe; None where the query
            is not of words for pictures, or that was not measured (`embedstore calibrate`).
    """

    item: Item
    score: float
    rank: int
    text: str | None = None
    probability: float | None = None


def as_json(value: Any) -> dict[str, Any]:
    """Give a frozen value as a JSON object; bytes are left out, paths become text."""

    def plain(entry: Any) -> Any:
        if isinstance(entry, bytes):
            return None
        if isinstance(entry, Path):
            return str(entry)
        if isinstance(entry, Mapping):
            return {name: plain(part) for name, part in entry.items()}
        if isinstance(entry, list | tuple):
            return [plain(part) for part in entry]
        return entry

    return {name: plain(part) for name, part in asdict(value).items()}
