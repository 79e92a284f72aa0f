"""An encoder without weights: texts by their words, pictures by the names of their colours.

It is the light reference of the contract tests: fast, the same everywhere, and "red" finds what is
red.
"""

import re
from collections.abc import Sequence
from dataclasses import asdict
from functools import lru_cache

import numpy as np
import xxhash
from numpy.typing import NDArray

from embedstore.encoders.pictures import check
from embedstore.types import ImagePreprocess, Pixels, Space, Vectors, digest

_DIM = 128
_WORDS = 256  # the context
_LAYOUT_WEIGHT = 0.2  # tells pictures of the same colours apart, without drowning the colours
_GRID = 4
_COLOURS: dict[str, tuple[int, int, int]] = {
    "black": (0, 0, 0),
    "white": (255, 255, 255),
    "gray": (128, 128, 128),
    "red": (220, 20, 20),
    "green": (20, 160, 20),
    "blue": (20, 20, 220),
    "yellow": (240, 230, 20),
    "orange": (255, 140, 0),
    "purple": (128, 0, 128),
    "pink": (255, 150, 190),
    "brown": (120, 70, 20),
    "cyan": (0, 220, 220),
}
_PREPROCESS = ImagePreprocess(size=32, resize="squash", interpolation="bilinear")


class ToyEncoder:
    """Hashed bags of words, and of colour names."""

    def __init__(self) -> None:
        self.preprocess = _PREPROCESS
        self.space = Space(
            "toy", digest(["toy", 1]), digest([asdict(_PREPROCESS), "lower-case words"]), _DIM
        )
        rng = np.random.default_rng(0)
        self._layout = rng.standard_normal((_GRID * _GRID * 3, _DIM)) / _DIM**0.5

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Encode each text as the sum of its words' vectors; `(n, 128)`."""
        bags = [np.sum([_word(word) for word in _words(text)], axis=0) for text in texts]
        return _unit(bags)

    def encode_images(self, images: Sequence[Pixels]) -> Vectors:
        """Encode pictures as colour names by area, and a little of the layout; `(n, 128)`.

        Raises:
            Invalid: A picture has another size or type.
        """
        check(images, _PREPROCESS.size, "toy")
        return _unit([self._picture(image) for image in images])

    def overlong(self, texts: Sequence[str]) -> list[bool]:
        """Say for each text whether it has more words than are read."""
        return [len(re.findall(r"\w+", text)) > _WORDS for text in texts]

    def _picture(self, image: Pixels) -> NDArray[np.float64]:
        names, points = list(_COLOURS), np.array(list(_COLOURS.values()), np.float64)
        pixels = image.reshape(-1, 3).astype(np.float64)
        nearest = ((pixels[:, None] - points) ** 2).sum(-1).argmin(1)
        shares = np.bincount(nearest, minlength=len(names)) / len(pixels)
        colours = shares @ np.stack([_word(name) for name in names])
        side = image.shape[0] // _GRID
        cells = image.reshape(_GRID, side, _GRID, side, 3).mean((1, 3)) / 255.0 - 0.5
        row: NDArray[np.float64] = colours + _LAYOUT_WEIGHT * (cells.reshape(-1) @ self._layout)
        return row


def _words(text: str) -> list[str]:
    # A text without words still needs a vector, and one that no word has.
    return re.findall(r"\w+", text.lower())[:_WORDS] or [""]


@lru_cache(maxsize=65536)
def _word(word: str) -> NDArray[np.float64]:
    rng = np.random.default_rng(xxhash.xxh3_64_intdigest(word.encode("utf-8", "surrogatepass")))
    vector = rng.standard_normal(_DIM)
    vector /= np.linalg.norm(vector)
    vector.flags.writeable = False
    return vector


def _unit(rows: Sequence[NDArray[np.float64]]) -> Vectors:
    if not rows:
        return np.zeros((0, _DIM), np.float32)
    matrix = np.stack(rows)
    unit: Vectors = (matrix / np.linalg.norm(matrix, axis=1, keepdims=True)).astype(np.float32)
    return unit
