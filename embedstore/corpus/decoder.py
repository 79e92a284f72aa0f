"""Decode the pictures of a corpus, in order, with a bounded number in flight."""

import os
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from embedstore.corpus.bounds import DEFAULT_LIMITS, DecodeLimits, read_bytes, spoken
from embedstore.corpus.entry import Entry
from embedstore.corpus.member import Member
from embedstore.corpus.pool import Job, Pool
from embedstore.corpus.small import Small
from embedstore.corpus.worker import Outcome, decode_one
from embedstore.errors import BadImage
from embedstore.types import ImagePreprocess, Pixels

_MOST_WORKERS = 32


@dataclass(frozen=True)
class Decoded:
    """An entry with its pixels, or with the reason why there are none.

    Attributes:
        entry: As it was given.
        pixels: `(size, size, 3)`; None for a text entry or a bad picture.
        error: What is wrong with the picture, or None.
        content_hash: xxh3_128 of the file's bytes; "" where there is no file or it is unreadable.
        small: The small picture, where it was wanted and could be made.
    """

    entry: Entry
    pixels: Pixels | None
    error: BadImage | None
    content_hash: str
    small: Small | None = None


def keepable(decoded: Decoded) -> tuple[Path | bytes | None, BadImage | None]:
    """Give the picture as a catalog keeps it, or what is wrong with it.

    Returns:
        Its path; its bytes where it lies in a tar, for a path alone would not lead back to it.
    """
    image = decoded.entry.image
    if not isinstance(image, Member):
        return image, decoded.error
    if decoded.error is not None:
        return None, decoded.error
    try:
        return read_bytes(image), None
    except BadImage as error:  # the tar changed since the picture was decoded
        return None, error


def default_workers() -> int:
    """Count the cores this process may use."""
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    return min(cores, _MOST_WORKERS)


def decode_all(
    entries: Iterable[Entry],
    preprocess: ImagePreprocess,
    workers: int | None = None,
    limits: DecodeLimits = DEFAULT_LIMITS,
    ahead: int = 128,
    side: int | None = None,
) -> Iterator[Decoded]:
    """Decode the pictures of entries, in their order; a bad one never stops the rest.

    Args:
        entries: Read as there is room, by the thread that consumes the results.
        preprocess: Size and way of resizing.
        workers: Processes; None takes the cores, 0 decodes here, without limits on time and memory.
        limits: What one picture may cost.
        ahead: Entries in flight at most, which bounds the memory; twice a batch of the encoder
            keeps the workers busy while it runs.
        side: Longest side of a small picture made beside the pixels; None for none.

    Yields:
        One result an entry.

    Raises:
        Unavailable: Workers cannot be started.
    """
    count = default_workers() if workers is None else workers
    if count == 0:
        return (_decode_here(entry, preprocess, limits, side) for entry in entries)
    return _decode_in_pool(entries, Pool(preprocess, limits, count, ahead, side), ahead)


def _decode_here(
    entry: Entry, preprocess: ImagePreprocess, limits: DecodeLimits, side: int | None
) -> Decoded:
    if entry.image is None:
        return Decoded(entry, None, None, "")
    found = decode_one(entry.image, spoken(entry.image), preprocess, limits, side)
    return _decoded(entry, found)


def _decode_in_pool(entries: Iterable[Entry], pool: Pool, ahead: int) -> Iterator[Decoded]:
    source, more = iter(entries), True
    flight: deque[tuple[Entry, Job | None]] = deque()
    with pool:
        while more or flight:
            # Refilled in portions: one message brings a worker many tasks.
            if more and len(flight) * 4 <= ahead * 3:
                portion = list(islice(source, ahead - len(flight)))
                more = len(flight) + len(portion) == ahead
                jobs = [None if one.image is None else pool.job(one.image) for one in portion]
                flight.extend(zip(portion, jobs, strict=True))
                pool.submit([job for job in jobs if job])
                continue
            entry, job = flight.popleft()
            yield (
                Decoded(entry, None, None, "") if job is None else _decoded(entry, pool.result(job))
            )


def _decoded(entry: Entry, found: Outcome) -> Decoded:
    return Decoded(entry, found.pixels, found.error, found.content_hash, found.small)
