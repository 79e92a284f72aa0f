"""What training minimises: a choice of losses and their weights."""

import math
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from embedstore.errors import Invalid
from embedstore.training.losses import (
    LARGEST_SCALE,
    distil_features,
    distil_scores,
    info_nce,
    multi_positive,
    sigmoid,
)

Loss = Literal["info_nce", "multi_positive", "sigmoid"]


@dataclass(frozen=True)
class Objective:
    """A contrastive loss, and how much a teacher's opinion adds to it.

    Attributes:
        loss: "info_nce" holds each row to be the only match of the other; "multi_positive" knows
            all that fit; "sigmoid" too, and judges each combination by itself.
        hard_negatives: Exponent of the weight of negatives, see `losses.multi_positive`.
        distill: Weight of `losses.distil_scores`.
        distill_features: Weight of `losses.distil_features`.
        teacher_scale: Inverse temperature of the teacher.
    """

    loss: Loss = "multi_positive"
    hard_negatives: float = 0.0
    distill: float = 0.0
    distill_features: float = 0.0
    teacher_scale: float = LARGEST_SCALE

    def __post_init__(self) -> None:
        """Refuse what cannot be minimised.

        Raises:
            Invalid: An unknown loss, a weight that is negative or not finite, a teacher's scale
                outside 0..100, or hard negatives with the sigmoid loss.
        """
        if self.loss not in get_args(Loss):
            raise Invalid(f"unknown loss {self.loss!r}; choose one of {', '.join(get_args(Loss))}")
        for name in ("hard_negatives", "distill", "distill_features"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise Invalid(f"{name} is {value}; expected 0 (off) or a positive number")
        if not 0 < self.teacher_scale <= LARGEST_SCALE:
            raise Invalid(
                f"teacher_scale is {self.teacher_scale}; expected a number above 0, at most "
                f"{LARGEST_SCALE:g}"
            )
        if self.hard_negatives and self.loss == "sigmoid":
            raise Invalid(
                f"hard_negatives is {self.hard_negatives} and the loss is sigmoid, which has no "
                "such weights; set it to 0 or choose multi_positive"
            )

    @property
    def needs_teacher(self) -> bool:
        """Whether a call takes the rows of a teacher."""
        return bool(self.distill or self.distill_features)

    def __call__(
        self,
        images: Tensor,
        texts: Tensor,
        log_scale: Tensor,
        bias: Tensor,
        positives: Tensor,
        teacher_images: Tensor | None = None,
        teacher_texts: Tensor | None = None,
    ) -> Tensor:
        """Compute what to minimise.

        Args:
            images: `(n, d)` unit rows.
            texts: `(n, d)` unit rows; row i belongs to picture i.
            log_scale: `()`, logarithm of the inverse temperature.
            bias: `()`, for the sigmoid loss.
            positives: `(n, n)` bool, from `positives_of`.
            teacher_images: `(n, e)` unit rows, where `needs_teacher`.
            teacher_texts: `(n, e)` unit rows, where `needs_teacher`.

        Returns:
            `()`, float32.

        Raises:
            Invalid: The teacher's rows are missing, or of another dimension where features are
                distilled.
        """
        total = self._contrast(images, texts, log_scale, bias, positives)
        if not self.needs_teacher:
            return total
        if teacher_images is None or teacher_texts is None:
            raise Invalid(
                f"distill is {self.distill:g} and distill_features {self.distill_features:g}, but "
                "there are no vectors of a teacher; name a teacher, or set both to 0"
            )
        if self.distill:
            total = total + self.distill * distil_scores(
                images, texts, log_scale, teacher_images, teacher_texts, self.teacher_scale
            )
        if self.distill_features:
            total = total + self.distill_features * distil_features(
                images, texts, teacher_images, teacher_texts
            )
        return total

    def _contrast(
        self, images: Tensor, texts: Tensor, log_scale: Tensor, bias: Tensor, positives: Tensor
    ) -> Tensor:
        if self.loss == "sigmoid":
            return sigmoid(images, texts, log_scale, bias, positives)
        if self.loss == "multi_positive":
            return multi_positive(images, texts, log_scale, positives, self.hard_negatives)
        if not self.hard_negatives:
            return info_nce(images, texts, log_scale)
        own = torch.eye(len(images), dtype=torch.bool, device=images.device)
        return multi_positive(images, texts, log_scale, own, self.hard_negatives)


def positives_of(photos: Tensor, captions: Tensor) -> Tensor:
    """Say which texts of a batch fit which of its pictures.

    A text fits a picture when some row of the batch pairs that photo with that caption: so do all
    captions of one photo, a photo that occurs twice, and captions that read the same, whichever of
    their photos' rows they stand in.

    Args:
        photos: `(n,)` integers, equal where rows show the same photo.
        captions: `(n,)` integers, equal where captions read the same.

    Returns:
        `(n, n)` bool, True at (i, j) where text j fits picture i.
    """
    photo = torch.searchsorted(photos.sort().values, photos)  # (n,) in 0..n-1
    caption = torch.searchsorted(captions.sort().values, captions)  # (n,)
    n = len(photos)
    paired = torch.zeros(n, n, dtype=torch.bool, device=photos.device)
    paired[photo, caption] = True
    return paired[photo][:, caption]
