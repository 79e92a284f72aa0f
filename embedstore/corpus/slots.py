"""Memory that decode processes share with their parent: a slot for each picture in flight.

A slot holds the pixels and behind them the small picture: through a pipe the small ones would
fill it, and a worker would wait until the encoder lets the parent read.
"""

import mmap
import os
import sys
import tempfile

import numpy as np

from embedstore.types import Pixels


class Slots:
    """The slots, as both ends see them.

    Args:
        memory: Of `count * slot_bytes(size, side)` bytes.
        size: Side of the pixels.
        side: Longest side of the small pictures; None for none.
    """

    def __init__(self, memory: mmap.mmap, size: int, side: int | None) -> None:
        self._shape = (size, size, 3)
        self._pixels = size * size * 3
        self._bytes = slot_bytes(size, side)
        self._memory = memory

    def put(self, slot: int, pixels: Pixels, small: bytes | None) -> int:
        """Lay down pixels and a small picture.

        Returns:
            Bytes of the small picture that are there; 0 for none, or one that has no room.
        """
        start = slot * self._bytes
        self._memory[start : start + self._pixels] = pixels.tobytes()
        if small is None or len(small) > self._bytes - self._pixels:
            return 0
        start += self._pixels
        self._memory[start : start + len(small)] = small
        return len(small)

    def pixels(self, slot: int) -> Pixels:
        """Give the pixels `(size, size, 3)` of a slot, copied."""
        flat = np.frombuffer(self._memory, np.uint8, self._pixels, slot * self._bytes)
        return flat.reshape(self._shape).copy()

    def small(self, slot: int, length: int) -> bytes:
        """Give the small picture of a slot."""
        start = slot * self._bytes + self._pixels
        return self._memory[start : start + length]


def slot_bytes(size: int, side: int | None) -> int:
    """Count the bytes of a slot; pure noise at quality 85 has less than a byte a pixel."""
    return size * size * 3 + (side or 0) ** 2


def shared_memory(size: int) -> int:
    """Make memory that a child can map: not in /dev/shm, which containers keep very small."""
    if sys.platform == "linux":
        fd = os.memfd_create("embedstore-pixels", 0)
    else:
        with tempfile.TemporaryFile() as file:
            fd = os.dup(file.fileno())
    os.truncate(fd, size)
    return fd
