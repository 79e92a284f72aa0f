"""The far side of the decode pool: a process that may hang, crash or run out of memory."""

import mmap
import os
import resource
import signal
import sys
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import xxhash
from PIL import AvifImagePlugin

from embedstore.corpus.bounds import DecodeLimits, read_bytes
from embedstore.corpus.images import views_of
from embedstore.corpus.member import Source
from embedstore.corpus.slots import Slots
from embedstore.corpus.small import Sign, Small, sign_of
from embedstore.errors import BadImage
from embedstore.types import ImagePreprocess, Pixels

Task = tuple[int, str, Source]  # slot, name for messages, source
Reply = tuple[str, str | None, Sign, int]  # hash, what is wrong; of the small one: sign, length

# The parent reads replies at leisure; short ones never fill the pipe, so no worker waits on it.
_LONGEST_REASON = 600


@dataclass(frozen=True)
class Outcome:
    """What came of a picture.

    Attributes:
        pixels: `(size, size, 3)`; None for a bad picture.
        content_hash: xxh3_128 of its bytes; "" where unreadable.
        error: What is wrong, or None.
        small: The small picture, where it was wanted and could be made.
    """

    pixels: Pixels | None
    content_hash: str
    error: BadImage | None = None
    small: Small | None = None


def decode_one(
    source: Source,
    name: str,
    preprocess: ImagePreprocess,
    limits: DecodeLimits,
    side: int | None = None,
) -> Outcome:
    """Read a picture once, hash its bytes and decode them.

    Args:
        source: A file, the encoded bytes of one, or a part of a tar.
        name: What errors call it.
        preprocess: Size and way of resizing.
        limits: What the picture may cost.
        side: Longest side of a small picture made beside; None for none.
    """
    content_hash = ""
    try:
        sign = sign_of(source if isinstance(source, Path) else None)
        data = read_bytes(source, name, limits)
        content_hash = xxhash.xxh3_128_hexdigest(data)
        pixels, small = views_of(data, name, preprocess, side, limits)
    except BadImage as error:
        return Outcome(None, content_hash, error)
    return Outcome(pixels, content_hash, None, Small(small, sign) if small else None)


def serve(connection_fd: int, memory_fd: int) -> None:
    """Decode what the parent asks for until it hangs up.

    Args:
        connection_fd: A socket that brings settings, then lists of tasks, and takes replies.
        memory_fd: Shared memory of `Slots`, which takes the pictures.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends its workers itself
    signal.signal(signal.SIGALRM, signal.SIG_DFL)  # ignored or blocked by the parent it stays so
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGALRM})
    connection = Connection(connection_fd)
    preprocess, limits, side = connection.recv()
    slots = Slots(mmap.mmap(memory_fd, 0), preprocess.size, side)
    _confine(limits)
    connection.send("ready")
    try:
        while True:
            tasks: list[Task] = connection.recv()
            for slot, name, source in tasks:
                # Unhandled, the alarm ends the process even inside a C decoder.
                signal.setitimer(signal.ITIMER_REAL, limits.seconds)
                found = decode_one(source, name, preprocess, limits, side)
                signal.setitimer(signal.ITIMER_REAL, 0)
                connection.send(_reply(found, slots, slot))
    except (EOFError, OSError):
        return  # the parent is gone


def _reply(found: Outcome, slots: Slots, slot: int) -> Reply:
    if found.pixels is None:
        return found.content_hash, str(found.error)[:_LONGEST_REASON], (), 0
    small = found.small
    length = slots.put(slot, found.pixels, small.jpeg if small else None)
    return found.content_hash, None, small.sign if small else (), length


def _confine(limits: DecodeLimits) -> None:
    if sys.platform == "linux":  # others refuse it
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        most = limits.memory if hard == resource.RLIM_INFINITY else min(limits.memory, hard)
        resource.setrlimit(resource.RLIMIT_AS, (most, hard))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1  # threads reserve address space that is now scarce
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 2)  # libtiff writes what it dislikes straight to stderr
