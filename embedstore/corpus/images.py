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
from embedstore.errors import BadImage
from embedstore.types import ImagePreprocess, Pixels

__all__ = ["fit", "load", "media_type", "pixels_of", "read_bytes", "thumbnail"]

_FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
# Shrinking a JPEG while it is decoded, to no less than this many times the target, halves the time
# for 1 MP photos and moves the result by 0.6 grey levels (0.5 at 2.0, which they do not reach).
_DETAIL = 1.75
# Half of BICUBIC's time, and 97% of the sharpness it leaves; BILINEAR leaves 85%.
_SMALL = Image.Resampling.HAMMING
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
    return pixels_of(read_bytes(source, name, limits), name, preprocess, limits)


def pixels_of(
    data: bytes, name: str, preprocess: ImagePreprocess, limits: DecodeLimits = DEFAULT_LIMITS
) -> Pixels:
    """Decode bytes to `(size, size, 3)`; errors speak of `name`."""
    with one_error(name):
        enough = int(_DETAIL * preprocess.size)
        return fit(_decode(data, name, lambda _, __: (enough, enough), limits), preprocess)


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
    source: Source, side: int, limits: DecodeLimits = DEFAULT_LIMITS, quality: int = 85
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
        image = _decode(data, name, lambda width, height: _inside(width, height, side), limits)
        image.thumbnail((side, side), _SMALL)
        out = io.BytesIO()
        image.save(out, "JPEG", quality=quality)
        return out.getvalue()


def _inside(width: int, height: int, side: int) -> tuple[int, int]:
    """Scale a size until its longest side is `side`."""
    scale = side / max(width, height)
    return int(width * scale) or 1, int(height * scale) or 1


def _decode(
    data: bytes, name: str, enough: Callable[[int, int], tuple[int, int]], limits: DecodeLimits
) -> Image.Image:
    """Decode to upright RGB; a JPEG to no more than it must be to have `enough` of its size."""
    with Image.open(io.BytesIO(data), formats=decoders(data, name)) as image:
        width, height = image.size
        if width * height > limits.pixels:
            raise BadImage(
                f"{name}: announces {width} x {height} pixels; expected at most "
                f"{limits.pixels:,}; shrink it, or raise DecodeLimits.pixels"
            )
        image.draft("RGB", enough(width, height))  # a JPEG decodes at 1/2, 1/4 or 1/8 of its size
        image.load()
        return upright_rgb(image)
