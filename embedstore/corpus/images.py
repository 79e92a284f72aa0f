"""Files into pixels, whatever the files are: bounded, upright, RGB.

Every failure is one `BadImage`. Decoders run on bytes that anyone may have made, so the bytes, the
pixels and the formats are bounded here, and time and memory by the processes of `decoder`.
"""

import io
import stat
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from embedstore.corpus.colour import to_rgb, upright_rgb
from embedstore.corpus.entry import printable
from embedstore.corpus.formats import EXPECTED, decoders, media_type
from embedstore.errors import BadImage
from embedstore.types import ImagePreprocess, Pixels

__all__ = [
    "DEFAULT_LIMITS",
    "DecodeLimits",
    "fit",
    "load",
    "media_type",
    "pixels_of",
    "spoken",
    "read_bytes",
    "thumbnail",
]

_FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
# Shrinking a JPEG while it is decoded, to no less than this many times the target, halves the time
# for 1 MP photos and moves the result by 0.6 grey levels (0.5 at 2.0, which they do not reach).
_DETAIL = 1.75
# A strip of 20,000 x 10 pixels would grow to 400 MB on its way to a square of 224.
_LONGEST_ASPECT = 16


@dataclass(frozen=True)
class DecodeLimits:
    """What one picture may cost.

    Attributes:
        bytes: Size of the file.
        pixels: Width times height that the file announces.
        seconds: Time in a decode worker.
        memory: Address space of a decode worker, bytes.
    """

    bytes: int = 20 << 20
    pixels: int = 50_000_000
    seconds: float = 10.0
    memory: int = 2 << 30


DEFAULT_LIMITS = DecodeLimits()


def load(
    source: Path | bytes, preprocess: ImagePreprocess, limits: DecodeLimits = DEFAULT_LIMITS
) -> Pixels:
    """Decode a picture to what an encoder takes.

    Args:
        source: A file, or the encoded bytes of one.
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
    with _one_error(name, data):
        return fit(_decode(data, name, preprocess.size, limits), preprocess)


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
    source: Path | bytes, side: int, limits: DecodeLimits = DEFAULT_LIMITS, quality: int = 85
) -> bytes:
    """Make a small JPEG for a page.

    Args:
        source: A file, or the encoded bytes of one.
        side: Longest side of the result, pixels.
        limits: What the picture may cost.
        quality: Of the JPEG, 1..95.

    Raises:
        BadImage: It cannot be read or decoded within the limits.
    """
    name = spoken(source)
    data = read_bytes(source, name, limits)
    with _one_error(name, data):
        image = _decode(data, name, side, limits)
        image.thumbnail((side, side), Image.Resampling.BICUBIC)
        out = io.BytesIO()
        image.save(out, "JPEG", quality=quality)
        return out.getvalue()


def read_bytes(source: Path | bytes, name: str, limits: DecodeLimits = DEFAULT_LIMITS) -> bytes:
    """Read a file within its limit.

    Raises:
        BadImage: It is missing, unreadable, not a plain file, empty or too large.
    """
    if isinstance(source, bytes):
        data = source
    else:
        try:
            _refuse_special(source, name)
            with source.open("rb") as file:
                data = file.read(limits.bytes + 1)
        except (OSError, ValueError) as error:  # ValueError: a NUL in the name
            reason = getattr(error, "strerror", None) or str(error)
            raise BadImage(
                f"{name}: cannot be read ({reason}); expected a readable file; "
                "check that it exists and its permissions, then run again"
            ) from error
    if not data:
        raise BadImage(f"{name}: is empty (0 bytes); expected {EXPECTED}; replace or remove it")
    if len(data) > limits.bytes:
        raise BadImage(
            f"{name}: is larger than the limit of {limits.bytes:,} bytes; "
            "shrink it, or raise DecodeLimits.bytes"
        )
    return data


def _refuse_special(path: Path, name: str) -> None:
    mode = path.stat().st_mode
    if not stat.S_ISREG(mode):  # a pipe would wait for ever
        kind = "a folder" if stat.S_ISDIR(mode) else "a pipe, socket or device"
        raise BadImage(f"{name}: is {kind}; expected a picture file; remove it from the corpus")


def _decode(data: bytes, name: str, side: int, limits: DecodeLimits) -> Image.Image:
    """Decode to upright RGB with a short side of at least `side` where the picture has it."""
    with Image.open(io.BytesIO(data), formats=decoders(data, name)) as image:
        width, height = image.size
        if width * height > limits.pixels:
            raise BadImage(
                f"{name}: announces {width} x {height} pixels; expected at most "
                f"{limits.pixels:,}; shrink it, or raise DecodeLimits.pixels"
            )
        enough = int(_DETAIL * side)
        image.draft("RGB", (enough, enough))  # a JPEG decodes at 1/2, 1/4 or 1/8 of its size
        image.load()
        return upright_rgb(image)


def spoken(source: Path | bytes) -> str:
    """Name a picture for a message."""
    if isinstance(source, bytes):
        return f"picture of {len(source):,} bytes"
    return printable(str(source))


@contextmanager
def _one_error(name: str, data: bytes) -> Iterator[None]:
    """Turn whatever a decoder throws into one `BadImage`."""
    try:
        with _QUIET:
            yield
    except BadImage:
        raise
    except Exception as error:
        seen = f"{type(error).__name__} {error}".strip().replace("\n", " ")[:200]
        if isinstance(error, UnidentifiedImageError):
            seen = f"no known format, its first bytes are {data[:12]!r}"
        raise BadImage(
            f"{name}: cannot be decoded ({seen}); expected {EXPECTED}; replace or remove it"
        ) from error


class _Quiet:
    """Keep Pillow's warnings from leaking.

    `catch_warnings` swaps process-wide state, so of overlapping threads the first one swaps it
    and the last one puts it back.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0

    def __enter__(self) -> None:
        with self._lock:
            if self._inside == 0:
                self._saved = warnings.catch_warnings()
                self._saved.__enter__()
                warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
                warnings.filterwarnings("ignore", module=r"PIL\.")
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                self._saved.__exit__(None, None, None)


_QUIET = _Quiet()
