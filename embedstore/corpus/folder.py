"""Read a folder of pictures, and all folders in it."""

import os
from collections.abc import Iterator
from pathlib import Path

from embedstore.corpus.entry import Entry, Failure, entry, printable
from embedstore.corpus.formats import SUFFIXES

_Identity = tuple[int, int]  # device and inode


def read_folder(root: Path, prefix: str, skipped: dict[str, int]) -> Iterator[Entry | Failure]:
    """Yield the pictures under a folder, in the order of their names, folder by folder.

    Args:
        root: The folder.
        prefix: Start of every key.
        skipped: Takes the count of files that are no pictures, by suffix.
    """
    yield from _walk(root, "", prefix, skipped, set())


def read_picture(path: Path, prefix: str | None) -> Iterator[Entry | Failure]:
    """Yield one picture, under the key that reading its folder gives."""
    name = printable(path.name)
    yield entry(f"{prefix or printable(path.parent.name)}/{name}", path, meta={"folder": ""})


def _walk(
    folder: Path, inside: str, prefix: str, skipped: dict[str, int], visited: set[_Identity]
) -> Iterator[Entry | Failure]:
    def skip(kind: str) -> None:
        skipped[kind] = skipped.get(kind, 0) + 1

    try:
        status = folder.stat()
        if (status.st_dev, status.st_ino) in visited:  # a link to a folder read before, or above
            skip("folder met before")
            return
        visited.add((status.st_dev, status.st_ino))
        found = sorted(os.scandir(folder), key=lambda one: one.name)
    except OSError as error:
        place = f"{prefix}/{inside}".rstrip("/")
        reason = f"{place}: the folder cannot be read ({error.strerror}); check its permissions"
        yield Failure(place, reason, blind=True)
        return
    for one in found:
        path, name = Path(one.path), printable(one.name)
        if name.startswith("."):
            skip("hidden")
        elif _is_folder(one):
            yield from _walk(path, f"{inside}{name}/", prefix, skipped, visited)
        elif path.suffix.lower() in SUFFIXES:
            yield entry(f"{prefix}/{inside}{name}", path, meta={"folder": inside.rstrip("/")})
        else:
            skip(printable(path.suffix.lower()) or "no suffix")


def _is_folder(one: os.DirEntry[str]) -> bool:
    try:
        return one.is_dir()
    except OSError:
        return False  # a link that leads nowhere; named like a picture it fails when it is decoded
