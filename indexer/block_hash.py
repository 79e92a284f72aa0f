"""The hash of a file, made of its blocks' so that every core can prove a part of it.

xxh3_128 of the whole where that is one block, else of the blocks' hashes one after the other.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from mmap import mmap

import xxhash

BLOCK = 1 << 26  # bytes


class BlockHash:
    """Hashes what is written, in whatever pieces it comes."""

    def __init__(self) -> None:
        self._done: list[bytes] = []
        self._block = xxhash.xxh3_128()
        self._room = BLOCK

    def update(self, data: bytes) -> None:
        """Take the next bytes."""
        view = memoryview(data)
        while len(view) > self._room:
            self._block.update(view[: self._room])
            view = view[self._room :]
            self._done.append(self._block.digest())
            self._block, self._room = xxhash.xxh3_128(), BLOCK
        self._block.update(view)
        self._room -= len(view)

    def hexdigest(self) -> str:
        """Give the hash, hexadecimal."""
        return _joined([*self._done, self._block.digest()])


def hash_of(mapped: mmap) -> str:
    """Give the hash of a mapped file, hexadecimal; cores share it, for xxhash lets others run."""
    starts = range(0, len(mapped), BLOCK)
    with memoryview(mapped) as view:
        if len(starts) == 1:
            return _joined([_digest(view, 0)])
        with ThreadPoolExecutor(min(len(starts), os.cpu_count() or 1)) as cores:
            return _joined(list(cores.map(partial(_digest, view), starts)))


def _digest(view: memoryview, start: int) -> bytes:
    with view[start : start + BLOCK] as block:
        return xxhash.xxh3_128_digest(block)


def _joined(digests: list[bytes]) -> str:
    return digests[0].hex() if len(digests) == 1 else xxhash.xxh3_128_hexdigest(b"".join(digests))
