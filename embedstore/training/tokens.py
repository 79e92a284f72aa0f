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
    """The captions of each photo, tokenised once."""

    def __init__(self, photos: Sequence[Photo], context: int) -> None:
        tokenizer = Tokenizer.from_str(tokenizer_json())
        tokenizer.enable_truncation(context)
        self._ids = [
            [encoding.ids for encoding in tokenizer.encode_batch(list(photo.captions))]
            for photo in photos
        ]

    def draw(self, chosen: NDArray[np.int64], rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Give one random caption of each chosen photo.

        Returns:
            Token ids and mask, both `(b, t)`.
        """
        return padded([self._ids[place][rng.integers(len(self._ids[place]))] for place in chosen])
