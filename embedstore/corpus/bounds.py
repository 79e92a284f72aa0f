"""The bounds of a picture, and the one error that stands for all that can go wrong with it."""

import stat
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from PIL import Image, UnidentifiedImageError

from embedstore.corpus.entry import printable
from embedstore.corpus.formats import EXPECTED
from embedstore.corpus.member import Member, Source
from embedstore.errors import BadImage


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


def read_bytes(
    source: Source, name: str | None = None, limits: DecodeLimits = DEFAULT_LIMITS
) -> bytes:
    """Read a file within its limit.

    Args:
        source: A file, the bytes of one, or a part of a tar.
        name: What to call it in a message; None takes the path.
        limits: How large it may be.

    Raises:
        BadImage: It is missing, unreadable, not a plain file, empty or too large.
    """
    name = spoken(source) if name is None else name
    if not isinstance(source, bytes | Path | Member):  # where Python's types are not checked
        raise BadImage(
            f"{name}: is a {type(source).__name__}; expected a pathlib.Path, or the bytes of a "
            "picture"
        )
    if isinstance(source, bytes):
        data = source
    else:
        path = source.path if isinstance(source, Member) else source
        try:
            _refuse_special(path, name)
            with path.open("rb") as file:
                data = _read(file, source, limits.bytes + 1)
        except (OSError, ValueError) as error:  # ValueError: a NUL in the name
            reason = getattr(error, "strerror", None) or str(error)
            raise BadImage(
                f"{name}: cannot be read ({reason}); expected a readable file; "
                "check that it exists and its permissions"
            ) from error
    if not data:
        raise BadImage(f"{name}: is empty (0 bytes); expected {EXPECTED}; give another picture")
    if len(data) > limits.bytes:
        raise BadImage(
            f"{name}: is larger than the limit of {limits.bytes:,} bytes; "
            "shrink it, or raise DecodeLimits.bytes"
        )
    return data


def _read(file: BinaryIO, source: Path | Member, most: int) -> bytes:
    if isinstance(source, Path):
        return file.read(most)
    file.seek(source.offset)
    data = file.read(min(source.size, most))
    if len(data) < min(source.size, most):
        raise BadImage(
            f"{spoken(source)}: the tar ends after {len(data):,} of its {source.size:,} bytes; "
            "expected a whole tar; download or write it again"
        )
    return data


def _refuse_special(path: Path, name: str) -> None:
    mode = path.stat().st_mode
    if not stat.S_ISREG(mode):  # a pipe would wait for ever
        kind = "a folder" if stat.S_ISDIR(mode) else "a pipe, socket or device"
        raise BadImage(f"{name}: is {kind}; expected a picture file; give another picture")


def spoken(source: Source) -> str:
    """Name a picture for a message."""
    if isinstance(source, bytes):
        return f"picture of {len(source):,} bytes"
    return printable(str(source))


@contextmanager
def one_error(name: str) -> Iterator[None]:
    """Turn whatever a decoder throws into one `BadImage`."""
    try:
        with _QUIET:
            yield
    except BadImage:
        raise
    except Exception as error:
        raise BadImage(
            f"{name}: cannot be decoded ({_in_words(error)}); expected {EXPECTED}; "
            "give another picture"
        ) from error


def _in_words(error: Exception) -> str:
    """Say what a decoder means, whose own words are for programmers."""
    if isinstance(error, UnidentifiedImageError):
        return "its format is not known"
    if isinstance(error, Image.DecompressionBombError):
        return "it announces too many pixels"
    if isinstance(error, MemoryError):
        return "there is too little memory"
    cut = isinstance(error, EOFError) or "truncated" in str(error).lower()
    return "its file ends too early" if cut else "its data are damaged"


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
