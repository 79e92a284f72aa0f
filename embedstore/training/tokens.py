"""Captions as token ids."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor

from embedstore.encoders.mini import padded
from embedstore.training.initial import tokenizer_json
from embedstore.training.pairs import Photo


class Captions:
    """The captions of all photos, tokenised once.

    Attributes:
        ids: Token ids of each caption, photo after photo.
    """

    def __init__(self, photos: Sequence[Photo], context: int) -> None:
        tokenizer = Tokenizer.from_str(tokenizer_json())
        tokenizer.enable_truncation(context)
        texts = [caption for photo in photos for caption in photo.captions]
        self.ids = [encoding.ids for encoding in tokenizer.encode_batch(texts)]
        self._counts = np.array([len(photo.captions) for photo in photos])
        self._starts = np.cumsum(self._counts) - self._counts

    def pick(self, photos: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
        """Choose one caption of each photo.

        Args:
            photos: `(b,)`, places of the photos.
            rng: Decides which.

        Returns:
            Places of the captions `(b,)`.
        """
        chosen: NDArray[np.int64] = self._starts[photos] + rng.integers(self._counts[photos])
        return chosen

    def draw(self, photos: NDArray[np.int64], rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Give one random caption of each photo as token ids and mask, both `(b, t)`."""
        return padded([self.ids[place] for place in self.pick(photos, rng)])
