"""Small pictures kept beside the index files: a cache, which may be deleted at any time.

A file begins with the version of the picture that it was made of, so that another version never
passes for it. It is named after the item's key, so that any process finds the files of an item
that it deletes.
"""

import logging
import os
import shutil
import uuid
import zlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from embedstore.corpus.small import Sign, sign_of
from embedstore.types import digest

PAGE_SIDE = 320  # pixels; what the page asks for in its grid, made while indexing
FILES = 512  # a drawer, of 256: about 2 GB in all
LARGEST_SIDE = 512  # what is larger is seen once in a while, and would crowd out the others
SPARE = 256 << 20  # bytes of the disk that are left to rows: what nobody asked for yet can wait

log = logging.getLogger("embedstore")


class Thumbnails:
    """The small pictures of one collection; any number of processes may share them."""

    def __init__(self, folder: Path) -> None:
        """Keep them in a folder, which is made when the first one comes."""
        self._folder = folder

    def get(self, key: str, side: int, version: str) -> bytes | None:
        """Give a small picture as it was kept; None where there is none of this version."""
        try:
            held = self._place(key, side).read_bytes()
        except OSError:  # not there, or out of reach: it is made anew
            return None
        head = len(_head(version, b""))
        picture = held[head:]
        return picture if held[:head] == _head(version, picture) else None

    def keep(self, key: str, side: int, version: str, picture: bytes) -> None:
        """Keep a small picture, unless it is large; a full drawer loses its older half."""
        if side > LARGEST_SIDE:
            return
        place = self._place(key, side)
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            _make_room(place.parent)
            _write(place, version, picture)
        except OSError as error:
            log.info("a thumbnail is not kept: %s", error.strerror)

    def add(self, side: int, pictures: Mapping[str, tuple[str, bytes]]) -> list[str]:
        """Keep small pictures that nobody asked for yet, where there is room.

        None is removed for them: those that were looked at, and those of the first items, which
        the page shows first, are worth more than those that come last.

        Args:
            side: Pixels.
            pictures: For each key the version and the picture.

        Returns:
            Keys of those that are kept. The first that cannot be written ends the attempt.
        """
        kept: list[str] = []
        try:
            if pictures and _disk_is_full(self._folder):
                return kept
            for key, (version, picture) in pictures.items():
                place = self._place(key, side)
                place.parent.mkdir(exist_ok=True)
                if place.exists() or _count(place.parent) < FILES:
                    _write(place, version, picture)
                    kept.append(key)
        except OSError as error:
            log.info("thumbnails are not kept: %s", error.strerror)
        return kept

    def forget(self, keys: Sequence[str]) -> None:
        """Remove the small pictures of some items."""
        names = {_name(key) for key in keys}
        try:
            for drawer in {self._folder / name[:2] for name in names}:
                for path in drawer.glob("*-*"):
                    if path.name.partition("-")[0] in names:
                        path.unlink(missing_ok=True)
        except OSError as error:
            log.warning("thumbnails of deleted items stay until compact: %s", error.strerror)

    def clear(self) -> None:
        """Remove all."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _place(self, key: str, side: int) -> Path:
        name = _name(key)
        return self._folder / name[:2] / f"{name}-{side}"


def version_of(collection_id: int, row: int, path: Path | None) -> str:
    """Name a picture as it is now: a row never changes, the file that it names may."""
    return version_at(collection_id, row, sign_of(path))


def version_at(collection_id: int, row: int, sign: Sign) -> str:
    """Name a picture as it was when its file had a sign."""
    return digest([collection_id, row, *sign])[:24]


def _name(key: str) -> str:
    return digest(ascii(key))  # a key that is asked for may hold half a letter


def _head(version: str, picture: bytes) -> bytes:
    return f"{version} {zlib.crc32(picture):08x}\n".encode()


def _write(place: Path, version: str, picture: bytes) -> None:
    partial = place.with_name(f"{uuid.uuid4().hex}.partial")
    try:
        partial.write_bytes(_head(version, picture) + picture)
        partial.replace(place)
    except OSError:
        with suppress(OSError):  # nothing may be there
            partial.unlink()
        raise


def _disk_is_full(folder: Path) -> bool:
    folder.mkdir(parents=True, exist_ok=True)
    return shutil.disk_usage(folder).free < SPARE


def _count(drawer: Path) -> int:
    with os.scandir(drawer) as held:
        return sum(1 for _ in held)


def _make_room(drawer: Path) -> None:
    held = list(drawer.iterdir())
    if len(held) < FILES:
        return
    aged = sorted((path.stat().st_mtime_ns, path) for path in held)
    for _, path in aged[: FILES // 2]:
        path.unlink(missing_ok=True)
