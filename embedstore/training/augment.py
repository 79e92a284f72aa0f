"""Versions of a photo that its captions fit as well."""

from dataclasses import dataclass, replace

import numpy as np
from PIL import Image, ImageEnhance

from embedstore.corpus.images import load
from embedstore.training.pairs import Photo
from embedstore.training.ranges import check_ranges
from embedstore.types import ImagePreprocess, Pixels

_DETAIL = 1.25  # photos are decoded to this many times the side, for crops of them are enlarged
_MOST_ASPECT = 4 / 3


@dataclass(frozen=True)
class Augment:
    """How far a version may be from its photo; captions that name colours and places still fit.

    Attributes:
        least_area: Share of the photo that a crop shows at least, 0..1; 1 crops nothing.
        jitter: Greatest change of brightness, contrast and saturation, 0..1.
        flip: Chance of a mirror image, where no caption says left or right.
    """

    least_area: float = 0.5
    jitter: float = 0.2
    flip: float = 0.5

    def __post_init__(self) -> None:
        """Refuse what makes no picture.

        Raises:
            Invalid: A number is outside its range, which is named.
        """
        check_ranges(self, (("least_area", 0.01, 1), ("jitter", 0, 1), ("flip", 0, 1)))


def version_of(
    photo: Photo, preprocess: ImagePreprocess, augment: Augment, rng: np.random.Generator
) -> Pixels:
    """Give a random version of a photo.

    Args:
        photo: What to open.
        preprocess: Size of the result.
        augment: How far it may be from the photo.
        rng: Decides which.

    Returns:
        Pixels `(size, size, 3)`.

    Raises:
        BadImage: The file does not decode.
    """
    image = _crop(photo, preprocess, augment.least_area, rng)
    if augment.jitter:
        for change in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
            image = change(image).enhance(1.0 + augment.jitter * rng.uniform(-1.0, 1.0))
    if rng.random() < augment.flip and not photo.sided:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return np.array(image)


def _crop(
    photo: Photo, preprocess: ImagePreprocess, least_area: float, rng: np.random.Generator
) -> Image.Image:
    """Cut out a random rectangle; Szegedy et al., https://arxiv.org/abs/1409.4842, section 6."""
    if least_area >= 1.0:
        return Image.fromarray(load(photo.path, preprocess))
    side = round(_DETAIL * preprocess.size)
    whole = Image.fromarray(load(photo.path, replace(preprocess, size=side)))
    share = rng.uniform(least_area, 1.0) ** 0.5 * side
    stretch = _MOST_ASPECT ** rng.uniform(-0.5, 0.5)
    width, height = min(share * stretch, side), min(share / stretch, side)
    left, top = rng.uniform(0, side - width), rng.uniform(0, side - height)
    box = (left, top, left + width, top + height)
    return whole.resize((preprocess.size, preprocess.size), Image.Resampling.BICUBIC, box)
