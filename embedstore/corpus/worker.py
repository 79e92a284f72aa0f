"""The far side of the decode pool: a process that may hang, crash or run out of memory."""

import mmap
import os
import resource
import signal
import sys
from multiprocessing.connection import Connection

import numpy as np
import xxhash
from PIL import AvifImagePlugin

from embedstore.corpus.bounds import DecodeLimits, read_bytes
from embedstore.corpus.images import pixels_of
from embedstore.corpus.member import Source
from embedstore.errors import BadImage
from embedstore.types import ImagePreprocess, Pixels

Task = tuple[int, str, Source]  # slot, name for messages, source
Reply = tuple[str, str | None]  # content hash, what is wrong

# The parent reads replies at leisure; short ones never fill the pipe, so no worker waits on it.
_LONGEST_REASON = 600


def decode_one(
    source: Source, name: str, preprocess: ImagePreprocess, limits: DecodeLimits
) -> tuple[Pixels | None, str, BadImage | None]:
    """Read a picture once, hash its bytes and decode them.

    Returns:
        Pixels `(size, size, 3)` or None, the hash ("" where unreadable), what is wrong or None.
    """
    content_hash = ""
    try:
        data = read_bytes(source, name, limits)
        content_hash = xxhash.xxh3_128_hexdigest(data)
        return pixels_of(data, name, preprocess, limits), content_hash, None
    except BadImage as error:
        return None, content_hash, error


def serve(connection_fd: int, memory_fd: int) -> None:
    """Decode what the parent asks for until it hangs up.

    Args:
        connection_fd: A socket that brings settings, then lists of tasks, and takes replies.
        memory_fd: Shared memory of `(slots, size, size, 3)` bytes, which takes the pixels.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends its workers itself
    signal.signal(signal.SIGALRM, signal.SIG_DFL)  # ignored or blocked by the parent it stays so
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGALRM})
    connection = Connection(connection_fd)
    preprocess, limits = connection.recv()
    side = preprocess.size
    slots = np.frombuffer(mmap.mmap(memory_fd, 0), np.uint8).reshape(-1, side, side, 3)
    _confine(limits)
    connection.send("ready")
    try:
        while True:
            tasks: list[Task] = connection.recv()
            for slot, name, source in tasks:
                # Unhandled, the alarm ends the process even inside a C decoder.
                signal.setitimer(signal.ITIMER_REAL, limits.seconds)
                pixels, content_hash, error = decode_one(source, name, preprocess, limits)
                signal.setitimer(signal.ITIMER_REAL, 0)
                if pixels is not None:
                    slots[slot] = pixels
                connection.send((content_hash, str(error)[:_LONGEST_REASON] if error else None))
    except (EOFError, OSError):
        return  # the parent is gone


def _confine(limits: DecodeLimits) -> None:
    if sys.platform == "linux":  # others refuse it
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        most = limits.memory if hard == resource.RLIM_INFINITY else min(limits.memory, hard)
        resource.setrlimit(resource.RLIMIT_AS, (most, hard))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1  # threads reserve address space that is now scarce
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 2)  # libtiff writes what it dislikes straight to stderr
