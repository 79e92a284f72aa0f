"""A store in one file: consistent while others write, checked before it counts as made.

The file is a zip of the catalog and a manifest with its counts and checksum. Index files are a
cache and left out. So are API keys, and pictures that lie in files of their own.
"""

import errno
import hashlib
import json
import os
import sqlite3
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, cast

from embedstore.catalog import Catalog
from embedstore.errors import Conflict, Corrupt, Invalid, NotFound, StorageFull
from embedstore.store import CATALOG_FILE, Store

MANIFEST = "manifest.json"
FORMAT = 1
_BLOCK = 1 << 20
_LARGEST_MANIFEST = 16 << 20


def backup(store: Store, path: Path) -> dict[str, Any]:
    """Write a store that may be in use to one file; it is there whole, or not at all.

    Args:
        store: Open; others may read and write it meanwhile.
        path: The file; one that is there is replaced.

    Returns:
        The manifest.

    Raises:
        Invalid: The store is in a database server.
        Corrupt: The store is damaged; no file is made.
        StorageFull: No room for twice the catalog.
    """
    if store.catalog.dialect != "sqlite":
        raise Invalid(
            "this store is in PostgreSQL, which has its own backups; use "
            "`pg_dump --schema=embedstore --format=custom --file=FILE DATABASE`"
        )
    path = path.expanduser().absolute()
    with _writable(path.parent) as beside:
        copy = beside / CATALOG_FILE
        _copy(store.folder / CATALOG_FILE, copy)
        manifest = _described(copy)
        packed = beside / path.name
        with zipfile.ZipFile(packed, "w") as archive:  # vectors and pictures do not shrink
            archive.writestr(MANIFEST, json.dumps(manifest, indent=1))
            archive.write(copy, CATALOG_FILE)
        _keep(packed, path)
    return manifest


def restore(path: Path, folder: Path) -> dict[str, Any]:
    """Make a store from a backup.

    Args:
        path: The file.
        folder: Where the store shall be; empty, or not there.

    Returns:
        The manifest.

    Raises:
        NotFound: No such file.
        Invalid: It is no backup, or of a newer version.
        Corrupt: What it holds is not what was saved; no store is made.
        Conflict: The folder holds something.
        StorageFull: No room.
    """
    folder = folder.expanduser().absolute()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Conflict(f"{folder} is not empty; restore into another with --store FOLDER")
    with _opened(path) as archive, _writable(folder) as beside:
        manifest = _manifest(archive, path)
        copy = beside / CATALOG_FILE
        with archive.open(CATALOG_FILE) as packed, copy.open("wb") as file:
            _unpack(cast(BinaryIO, packed), file, manifest, path)
        _keep(copy, folder / CATALOG_FILE)
    return manifest


def _copy(source: Path, target: Path) -> None:
    try:
        with (
            closing(sqlite3.connect(f"{source.as_uri()}?mode=ro", uri=True)) as live,
            closing(sqlite3.connect(target)) as copy,
        ):
            live.backup(copy)  # in one step: one snapshot, and no writer waits for it
    except sqlite3.DatabaseError as error:
        full = "full" in str(error)
        kind = StorageFull if full else Corrupt
        told = "make room" if full else "run `embedstore doctor`"
        raise kind(f"cannot copy {source} ({error}); {told}") from error


def _described(copy: Path) -> dict[str, Any]:
    from embedstore import __version__

    with closing(Catalog(copy)) as catalog:
        if faults := catalog.check():
            raise Corrupt(f"the store is damaged ({faults[0]}); no backup was made")
        collections = {
            info.name: {
                "encoder": info.space.encoder,
                "fingerprint": info.space.fingerprint,
                **catalog.count(info.id),
            }
            for info in catalog.collections()
        }
    return {
        "format": FORMAT,
        "embedstore": __version__,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "collections": collections,
        "bytes": copy.stat().st_size,
        "sha256": _checksum(copy),
    }


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        archive = zipfile.ZipFile(path)
    except FileNotFoundError as error:
        raise NotFound(f"no file {path}; expected one that `embedstore backup` made") from error
    except (zipfile.BadZipFile, OSError) as error:
        raise Invalid(
            f"{path} is no backup; expected a file that `embedstore backup` made"
        ) from error
    with archive:
        yield archive


def _manifest(archive: zipfile.ZipFile, path: Path) -> dict[str, Any]:
    try:
        if archive.getinfo(MANIFEST).file_size > _LARGEST_MANIFEST:
            raise ValueError("too large")
        manifest: dict[str, Any] = json.loads(archive.read(MANIFEST))
        version, archive_size = manifest["format"], archive.getinfo(CATALOG_FILE).file_size
        whole = archive_size == manifest["bytes"] and isinstance(manifest["sha256"], str)
    except (KeyError, TypeError, ValueError, zipfile.BadZipFile) as error:
        raise Invalid(f"{path} is no backup: its manifest cannot be read") from error
    if version != FORMAT:
        raise Invalid(
            f"{path} has format {version}; this version reads {FORMAT}; update embedstore"
        )
    if not whole:
        raise Corrupt(f"{path} does not hold what was saved; take another backup")
    return manifest


def _unpack(packed: BinaryIO, file: BinaryIO, manifest: dict[str, Any], path: Path) -> None:
    seen = hashlib.sha256()
    try:
        while block := packed.read(_BLOCK):
            seen.update(block)
            file.write(block)
    except zipfile.BadZipFile as error:
        raise Corrupt(f"{path} is damaged ({error}); take another backup") from error
    if seen.hexdigest() != manifest["sha256"]:
        raise Corrupt(f"{path} does not hold what was saved; take another backup")


@contextmanager
def _writable(folder: Path) -> Iterator[Path]:
    """Give a folder in a folder, gone afterwards; a full disk is told as such."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".partial-", dir=folder) as beside:
            yield Path(beside)
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        told = "make room there" if full else "choose another folder, or make it writable"
        raise StorageFull(f"cannot write in {folder} ({error.strerror}); {told}") from error


def _keep(made: Path, target: Path) -> None:
    with made.open("rb") as file:
        os.fsync(file.fileno())
    made.replace(target)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
