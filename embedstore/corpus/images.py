"""Files into pixels, whatever the files are: bounded, upright, RGB.

Every failure is one `BadImage`. Decoders run on bytes that anyone may have made, so the bytes, the
pixels and the formats are bounded here, and time and memory by the processes of `decoder`.
"""

import io
from collections.abc import Callable

import numpy as np
from PIL import Image

from embedstore.corpus.bounds import DEFAULT_LIMITS, DecodeLimits, one_error, read_bytes, spoken
from embedstore.corpus.colour import to_rgb, upright_rgb
from embedstore.corpus.formats import decoders, media_type
from embedstore.corpus.member import Source
from embedstore.corpus.small import small_beside, small_jpeg
from embedstore.errors import BadImage
from embedstore.types import ImagePreprocess, Pixels

__all__ = ["fit", "load", "media_type", "read_bytes", "thumbnail", "views_of"]

_FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
# Shrinking a JPEG while it is decoded, to no less than this many times the target, halves the time
# for 1 MP photos and moves the result by 0.6 grey levels (0.5 at 2.0, which they do not reach).
_DETAIL = 1.75
_QUALITY = 85  # of small JPEGs
# A strip of 20,000 x 10 pixels would grow to 400 MB on its way to a square of 224.
_LONGEST_ASPECT = 16


def load(
    source: Source, preprocess: ImagePreprocess, limits: DecodeLimits = DEFAULT_LIMITS
) -> Pixels:
    """Decode a picture to what an encoder takes.

    Args:
        source: A file, the encoded bytes of one, or a part of a tar.
        preprocess: Size and way of resizing.
        limits: What the picture may cost.

    Returns:
        Pixels `(size, size, 3)`.

    Raises:
        BadImage: It cannot be read or decoded within the limits.
    """
    name = spoken(source)
    return views_of(read_bytes(source, name, limits), name, preprocess, None, limits)[0]


def views_of(
    data: bytes, name: str, preprocess: ImagePreprocess, side: int | None, limits: DecodeLimits
) -> tuple[Pixels, bytes | None]:
    """Decode bytes once, to what an encoder takes and to a small picture.

    The small one never decides how much is decoded: pixels are the same with it and without.

    Args:
        data: The encoded picture.
        name: What errors call it.
        preprocess: Size and way of resizing.
        side: Longest side of the small picture; None for none.
        limits: What the picture may cost.

    Returns:
        Pixels `(size, size, 3)`, and what `small_beside` gives.

    Raises:
        BadImage: It cannot be decoded within the limits.
    """
    with one_error(name):
        enough = int(_DETAIL * preprocess.size)
        image, whole = _decode(data, name, lambda _, __: (enough, enough), limits)
        return fit(image, preprocess), small_beside(image, whole, side, _QUALITY)


def fit(image: Image.Image, preprocess: ImagePreprocess) -> Pixels:
    """Resize and crop to a square, the same pixels as torchvision's Resize and CenterCrop.

    Args:
        image: A decoded picture.
        preprocess: Size and way of resizing.

    Returns:
        Pixels `(size, size, 3)`.
    """
    rgb, size = to_rgb(image), preprocess.size
    resample = _FILTERS[preprocess.interpolation]
    if preprocess.resize == "squash":
        return np.array(rgb.resize((size, size), resample))
    short = min(rgb.size)
    width, height = (size if side == short else int(size * side / short) for side in rgb.size)
    left, top = round((width - size) / 2), round((height - size) / 2)
    if max(width, height) <= _LONGEST_ASPECT * size:
        whole = rgb.resize((width, height), resample)
        return np.array(whole.crop((left, top, left + size, top + size)))
    x, y = rgb.width / width, rgb.height / height
    box = (left * x, top * y, (left + size) * x, (top + size) * y)
    return np.array(rgb.resize((size, size), resample, box))


def thumbnail(
    source: Source, side: int, limits: DecodeLimits = DEFAULT_LIMITS, quality: int = _QUALITY
) -> bytes:
    """Make a small JPEG for a page.

    Args:
        source: A file, the encoded bytes of one, or a part of a tar.
        side: Longest side of the result, pixels.
        limits: What the picture may cost.
        quality: Of the JPEG, 1..95.

    Raises:
        BadImage: It cannot be read or decoded within the limits.
    """
    name = spoken(source)
    data = read_bytes(source, name, limits)
    with one_error(name):
        image, _ = _decode(data, name, lambda width, height: _inside(width, height, side), limits)
        return small_jpeg(image, side, quality)


def _inside(width: int, height: int, side: int) -> tuple[int, int]:
    """Scale a size until its longest side is `side`."""
    scale = side / max(width, height)
    return int(width * scale) or 1, int(height * scale) or 1


def _decode(
    data: bytes, name: str, enough: Callable[[int, int], tuple[int, int]], limits: DecodeLimits
) -> tuple[Image.Image, int]:
    """Decode to upright RGB; a JPEG to no more than it must be to have `enough` of its size.

    Returns:
        The picture, and the longest side of the whole one.
    """
    with Image.open(io.BytesIO(data), formats=decoders(data, name)) as image:
        width, height = image.size
        if width * height > limits.pixels:
            raise BadImage(
                f"{name}: announces {width} x {height} pixels; expected at most "
                f"{limits.pixels:,}; shrink it, or raise DecodeLimits.pixels"
            )
        image.draft("RGB", enough(width, height))  # a JPEG decodes at 1/2, 1/4 or 1/8 of its size
        image.load()
        return upright_rgb(image), max(width, height)
