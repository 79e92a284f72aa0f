"""Published generations of one vector set in a folder: a cache that can be deleted at any time.

Files are written under names never used before, the manifest last; a reader therefore finds the
old generation or the new one, whole. faiss notices few damaged files (a flipped bit gives wrong
neighbours in one of five cases), so every byte of a file is hashed before faiss reads any of it,
and nothing is searched before all files are proved.
"""

import errno
import os
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock

from indexer import manifest as manifests
from indexer import mapped_lists
from indexer.block_hash import BlockHash
from indexer.errors import CorruptSnapshot, DiskFull
from indexer.faiss_index import FaissIndex
from indexer.gpu import usable
from indexer.lazy import load_faiss
from indexer.manifest import File, Manifest
from indexer.planner import PQ_KINDS
from indexer.types import Ids, Kind

UNWRITABLE = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM}
LOCK = "publish.lock"


@dataclass(frozen=True)
class Published:
    """One generation, open.

    Attributes:
        seq: The commit whose rows it holds.
        ids: `(n,)`, ascending, one a position.
        index: Over n positions.
    """

    seq: int
    ids: Ids
    index: FaissIndex


def publish(folder: Path, ids: Ids, index: FaissIndex, seq: int, fingerprint: str) -> Manifest:
    """Write a generation so that a crash at any moment leaves the old or the new one.

    Args:
        folder: Made if missing.
        ids: `(n,)`, ascending.
        index: Over n positions.
        seq: The commit whose rows it holds.
        fingerprint: Of the vectors' space.

    Returns:
        What is published now: a sound generation of a later commit is left in place.

    Raises:
        DiskFull: The folder cannot be written; what was published is untouched.
    """
    written: list[Path] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / LOCK):
            current = _current(folder, fingerprint)
            if current is not None and current.seq > seq:
                return current
            files = []
            for part in ("ids", *index.parts):
                path = folder / f"{part}-{secrets.token_hex(8)}"
                written.append(path)
                files.append(_write(path, _content(part, ids, index)))
            sync_folder(folder)
            new = Manifest(
                seq,
                len(ids),
                index.spec.dim,
                fingerprint,
                index.spec,
                tuple(files),
                index.evidence,
            )
            _write(folder / manifests.NAME, lambda sink: sink(new.dump()))
            written.clear()  # from the manifest's rename on, these files are the generation
            sync_folder(folder)
            _purge(folder, new)
            return new
    except OSError as error:
        if error.errno not in UNWRITABLE:
            raise
        raise DiskFull(
            f"could not publish an index in {folder}: {error.strerror}; the previous one is "
            "untouched, free space or allow writing and rebuild"
        ) from error
    finally:
        _remove(written)


def load(folder: Path, fingerprint: str, dim: int, min_seq: int = 0) -> Published | None:
    """Open what is published, once every byte of it is proved.

    Args:
        folder: Where `publish` wrote.
        fingerprint: Of the space that is wanted.
        dim: Of the vectors that are wanted.
        min_seq: A generation of an earlier commit counts as none.

    Returns:
        The generation, or None where there is none.

    Raises:
        CorruptSnapshot: A file is missing, cut, altered, of another space or a newer format.
    """
    path = folder / manifests.NAME
    text = _read(path)
    while text is not None:
        try:
            found = manifests.parse(text, path)
            manifests.check_space(found, fingerprint, dim, path)
            return _open(found, folder) if found.seq >= min_seq else None
        except CorruptSnapshot:
            # Another process may have published and removed these files meanwhile.
            newer = _read(path)
            if newer == text:
                raise
            text = newer
    if not any(folder.glob("ids-*")):
        return None
    with FileLock(folder / LOCK):  # the first publisher may be about to write its manifest
        if _read(path) is None:
            raise CorruptSnapshot(f"{path} is missing beside the files it names")
    return load(folder, fingerprint, dim, min_seq)


def _open(found: Manifest, folder: Path) -> Published:
    """Open every file in a thread of its own, so that one is hashed while another is read."""
    with ThreadPoolExecutor(len(found.files)) as threads:
        opened = list(threads.map(lambda file: _part(file, found.spec.kind, folder), found.files))
    parts = {file.part: part for file, part in zip(found.files, opened, strict=True)}
    ids = parts["ids"]
    if "lists" in parts:
        _attach(parts["index"], parts["lists"])
    index = FaissIndex(usable(found.spec), parts["index"], parts.get("vectors"))
    if not len(ids) == len(index) == found.n:
        raise CorruptSnapshot(
            f"{folder} holds {len(ids)} ids and {len(index)} vectors, expected {found.n}"
        )
    return Published(found.seq, ids, index.with_evidence(found.evidence))


def _part(file: File, kind: Kind, folder: Path) -> Any:
    """Prove a file, and only then read it or have it mapped."""
    manifests.check_file(file, folder)
    path = folder / file.name
    try:
        match file.part:
            case "ids":
                return np.fromfile(path, dtype="<i8").astype(np.int64, copy=False)
            case "lists":
                return path
        # Without its lists, an index of a fast scan is small and searched faster from memory.
        faiss, mapped = load_faiss(), file.part == "vectors" or kind not in PQ_KINDS
        return faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC if mapped else 0)
    except (OSError, RuntimeError) as error:
        raise CorruptSnapshot(f"{path} cannot be opened: {error}") from error


def _attach(index: Any, lists: Path) -> None:
    try:
        mapped_lists.attach(index, lists)
    except (OSError, RuntimeError) as error:
        raise CorruptSnapshot(f"{lists} cannot be opened: {error}") from error


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _current(folder: Path, fingerprint: str) -> Manifest | None:
    """Give the manifest in place if its generation can be opened."""
    text = _read(folder / manifests.NAME)
    try:
        found = None if text is None else manifests.parse(text, folder / manifests.NAME)
        if found is not None:
            manifests.check_space(found, fingerprint, found.dim, folder)
            for file in found.files:
                manifests.check_file(file, folder)
    except CorruptSnapshot:
        return None
    return found


def _content(part: str, ids: Ids, index: FaissIndex) -> Callable[[Callable[[bytes], Any]], Any]:
    if part == "ids":
        return lambda sink: sink(ids.astype("<i8").tobytes())
    return partial(index.write, part)


def _write(path: Path, content: Callable[[Callable[[bytes], Any]], Any]) -> File:
    """Write, fsync and rename a file; nothing of it stays where that fails."""
    draft = path.with_name(f"{path.name}.tmp")
    checksum = BlockHash()
    try:
        with draft.open("wb") as file:

            def sink(data: bytes) -> None:
                checksum.update(data)
                file.write(data)

            content(sink)
            file.flush()
            os.fsync(file.fileno())
            length = file.tell()
        draft.replace(path)
    finally:
        _remove([draft])
    return File(path.name, length, checksum.hexdigest())


def sync_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _purge(folder: Path, kept: Manifest) -> None:
    """Remove every other file, so that removed vectors are gone from the disk too."""
    names = {manifests.NAME, LOCK, *(file.name for file in kept.files)}
    _remove([path for path in folder.iterdir() if path.is_file() and path.name not in names])
    sync_folder(folder)


def _remove(paths: list[Path]) -> None:
    for path in paths:
        with suppress(FileNotFoundError):
            path.unlink()
