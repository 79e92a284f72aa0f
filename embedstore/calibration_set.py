"""Photos with captions that an export is measured on, each decoded once."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TypeVar

import numpy as np

from embedstore.corpus import Entry, read
from embedstore.corpus.images import load
from embedstore.corpus.member import Member
from embedstore.errors import Invalid
from embedstore.metrics import image_to_text, text_to_image
from embedstore.types import Encoder, ImagePreprocess, Pixels, Vectors

DEPTHS = (1, 5, 10)
_TIMED, _TURNS = 32, 5  # pictures or captions in a turn, and turns
MOST_PHOTOS = 2000  # decoded pictures are held in memory
T = TypeVar("T")


@dataclass(frozen=True)
class CalibrationSet:
    """What an encoder is measured on.

    Attributes:
        name: Of the corpus.
        images: Where the pictures are.
        captions: Of each picture, at least one.
        preprocess: How pictures become pixels.
    """

    name: str
    images: tuple[Path | Member, ...]
    captions: tuple[tuple[str, ...], ...]
    preprocess: ImagePreprocess

    @cached_property
    def pictures(self) -> list[Pixels]:
        """Give every picture, decoded at the first call.

        Raises:
            BadImage: One does not decode; leaving it out would flatter the figures.
        """
        return [load(image, self.preprocess) for image in self.images]

    @cached_property
    def texts(self) -> list[str]:
        """Give all captions in one list."""
        return [text for texts in self.captions for text in texts]

    def parted(self, share: float) -> "tuple[CalibrationSet, CalibrationSet]":
        """Cut in two, so that what is fitted on one is measured on the other."""
        cut = max(1, int(len(self.images) * share))
        parts = (slice(None, cut), slice(cut, None))
        first, second = (
            CalibrationSet(self.name, self.images[part], self.captions[part], self.preprocess)
            for part in parts
        )
        return first, second

    def vectors(self, encoder: Encoder) -> tuple[Vectors, Vectors]:
        """Encode the pictures `(n, d)` and the captions `(m, d)`."""
        return encoder.encode_images(self.pictures), encoder.encode_texts(self.texts)

    def recall(self, images: Vectors, texts: Vectors) -> dict[str, float]:
        """Give recall@k of both directions by name."""
        owner = [place for place, texts in enumerate(self.captions) for _ in texts]
        found = {
            "text -> image": text_to_image(images, texts, owner),
            "image -> text": image_to_text(images, texts, owner),
        }
        return {f"{way} R@{k}": each.at(k) for way, each in found.items() for k in DEPTHS}


def calibration_set(
    path: Path | None, preprocess: ImagePreprocess, split: str | None = None
) -> CalibrationSet:
    """Read photos with captions; the sample gallery where no path is given.

    Raises:
        NotFound: Nothing there.
        Invalid: A kind of file that no reader knows, or fewer than two photos with captions.
    """
    if path is None:
        from embedstore.gallery import corpus

        path = corpus()
    entries: Sequence[Entry] = list(
        islice(
            (
                entry
                for entry in read(path, split=split).entries
                if isinstance(entry, Entry) and entry.image is not None and entry.texts
            ),
            MOST_PHOTOS,
        )
    )
    if len(entries) < 2:
        raise Invalid(
            f"{path}: {len(entries)} photos with captions; expected at least two to measure "
            f"recall@k, and 1,000 captions to trust it; give another file with --calibration"
        )
    images = tuple(entry.image for entry in entries if entry.image is not None)
    name = path.name if split is None else f"{path.name}, {split}"
    return CalibrationSet(name, images, tuple(entry.texts for entry in entries), preprocess)


def cosine(first: Vectors, second: Vectors) -> float:
    """Give the mean cosine of unit rows in pairs."""
    return float(np.mean(np.sum(first * second, axis=1)))


def rates(
    fast: Callable[[list[T]], object], exact: Callable[[list[T]], object], things: list[T]
) -> tuple[float, float]:
    """Give the things a CPU-second that two encoders take on one thread: medians of turns."""
    from embedstore.encoders.devices import one_thread

    timed = (things * _TIMED)[:_TIMED]
    seconds: tuple[list[float], list[float]] = ([], [])
    with one_thread():
        for _ in range(_TURNS):
            for encode, taken in zip((fast, exact), seconds, strict=True):
                started = time.process_time()
                encode(timed)
                taken.append(time.process_time() - started)
    rate, reference = (_TIMED / float(np.median(taken)) for taken in seconds)
    return rate, reference
