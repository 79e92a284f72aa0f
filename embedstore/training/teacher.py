"""A frozen encoder whose opinion of the photos and captions is learnt too."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from embedstore import encoders
from embedstore.corpus.images import load
from embedstore.errors import Invalid
from embedstore.training.dual import Dual
from embedstore.training.objective import Objective
from embedstore.training.pairs import Photo
from embedstore.training.prefetch import grouped, prefetched
from embedstore.training.unreadable import Unreadable
from embedstore.types import Encoder, Pixels

_BATCH = 64


class Teacher:
    """The vectors of all photos and captions, computed once.

    Attributes:
        images: `(photos, e)` unit rows.
        texts: `(texts, e)` unit rows.
        fingerprint: Of the space they lie in.
    """

    def __init__(
        self,
        encoder: Encoder,
        photos: Sequence[Photo],
        texts: Sequence[str],
        unreadable: Unreadable,
    ) -> None:
        size = encoder.preprocess.size
        blank = np.zeros((size, size, 3), np.uint8)

        def decode(place: int) -> Pixels:
            look = encoder.preprocess
            found = unreadable.attempt(place, lambda: load(photos[place].path, look))
            return blank if found is None else found

        groups = grouped(range(len(photos)), _BATCH)
        rows = [encoder.encode_images(pixels) for pixels in prefetched(decode, groups)]
        self.fingerprint = encoder.space.fingerprint
        self.images = torch.from_numpy(np.concatenate(rows))
        self.texts = torch.from_numpy(encoder.encode_texts(texts))

    def rows(self, photos: Tensor, captions: Tensor, device: torch.device) -> tuple[Tensor, Tensor]:
        """Give the vectors of a batch, both `(b, e)`, from places `(b,)`."""
        return self.images[photos].to(device), self.texts[captions].to(device)


def chosen_teacher(
    name: str | None, objective: Objective, dual: Dual, device: torch.device
) -> Encoder | None:
    """Load the teacher that an objective asks for.

    Raises:
        Invalid: A teacher without a weight, a weight without a teacher, or one whose features have
            another dimension than those that are to learn from them.
    """
    if name is None:
        if objective.needs_teacher:
            raise Invalid("distillation has a weight and no teacher; name an encoder as --teacher")
        return None
    if not objective.needs_teacher:
        raise Invalid(
            f"teacher {name!r} has no weight; give --distill a number such as 1, or leave it out"
        )
    encoder = encoders.load(name, str(device))
    if objective.distill_features and encoder.space.dim != dual.dim:
        raise Invalid(
            f"teacher {name!r} has vectors of {encoder.space.dim} dimensions; expected {dual.dim} "
            "to learn its features; learn its scores with --distill, which takes any dimension"
        )
    return encoder
