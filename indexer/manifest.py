"""What one published generation consists of, and the proof that it is whole."""

import json
import mmap
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import xxhash

from indexer.block_hash import BlockHash, hash_of
from indexer.errors import CorruptSnapshot
from indexer.types import IndexSpec

FORMAT = 3
NAME = "manifest.json"
_FILE_NAME = re.compile(r"(ids|index|lists|vectors)-[0-9a-f]{16}")


@dataclass(frozen=True)
class File:
    """One file of a generation.

    Attributes:
        name: In the manifest's folder.
        bytes: Its length.
        xxh3_128: Its hash, hexadecimal; see `block_hash`.
    """

    name: str
    bytes: int
    xxh3_128: str

    @property
    def part(self) -> str:
        """What the file holds: ids, index, lists or vectors."""
        return self.name.split("-")[0]


@dataclass(frozen=True)
class Manifest:
    """One published generation.

    Attributes:
        seq: The commit whose rows it holds.
        n: Vectors.
        dim: Their dimension.
        fingerprint: Of their space.
        spec: Of their index.
        files: The ids, the index, the lists of a fast scan and, where the index is not exact, the
            float16 vectors.
        evidence: What was measured of the index, a JSON object; None where nothing was.
    """

    seq: int
    n: int
    dim: int
    fingerprint: str
    spec: IndexSpec
    files: tuple[File, ...]
    evidence: Mapping[str, Any] | None = None

    def dump(self) -> bytes:
        """Give the one text of this manifest, its own checksum included."""
        body = {"format": FORMAT, **asdict(self)}
        sealed = {**body, "checksum": xxhash.xxh3_128_hexdigest(_text(body))}
        return _text(sealed) + b"\n"


def _text(value: dict[str, Any]) -> bytes:
    return json.dumps(value, sort_keys=True, indent=1, ensure_ascii=True).encode()


def parse(text: bytes, path: Path) -> Manifest:
    """Read a manifest; any byte that `dump` would not have written is refused.

    Args:
        text: What the file holds.
        path: Its path, for the error.

    Raises:
        CorruptSnapshot: Altered, cut, or of another format.
    """
    try:
        value = json.loads(text)
        written = value["format"]
        if written != FORMAT:
            newer = "update the program, or " if written > FORMAT else ""
            raise CorruptSnapshot(
                f"{path} has format {written}, this version reads {FORMAT}: "
                f"{newer}build the index anew"
            )
        files = tuple(File(**each) for each in value["files"])
        manifest = Manifest(
            int(value["seq"]),
            int(value["n"]),
            int(value["dim"]),
            str(value["fingerprint"]),
            IndexSpec(**value["spec"]),
            files,
            value["evidence"],
        )
        sound = manifest.dump() == text and all(_FILE_NAME.fullmatch(f.name) for f in files)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise CorruptSnapshot(f"{path} is damaged: it is no manifest any more") from error
    if not sound:
        raise CorruptSnapshot(f"{path} is damaged: it does not match its own checksum")
    return manifest


def check_space(manifest: Manifest, fingerprint: str, dim: int, path: Path) -> None:
    """Refuse a generation of another space.

    Raises:
        CorruptSnapshot: Names what was found and what was expected.
    """
    found, expected = (manifest.fingerprint, manifest.dim), (fingerprint, dim)
    if found != expected:
        raise CorruptSnapshot(
            f"{path} is of space {found[0]} with dimension {found[1]}, "
            f"expected {expected[0]} with {expected[1]}"
        )


def check_file(file: File, folder: Path) -> None:
    """Refuse a file whose length or hash differs from the manifest's.

    Raises:
        CorruptSnapshot: Names the file, what was found and what was expected.
    """
    path = folder / file.name
    try:
        with path.open("rb") as stored:
            length = path.stat().st_size
            if length != file.bytes:
                raise CorruptSnapshot(
                    f"{path} is damaged: it has {length} bytes, expected {file.bytes}"
                )
            found = _hash(stored.fileno(), length)
    except OSError as error:
        raise CorruptSnapshot(f"{path} cannot be read: {error.strerror}") from error
    if found != file.xxh3_128:
        raise CorruptSnapshot(f"{path} is damaged: its bytes are not those that were written")


def _hash(descriptor: int, length: int) -> str:
    if length == 0:
        return BlockHash().hexdigest()
    with mmap.mmap(descriptor, length, prot=mmap.PROT_READ) as mapped:
        return hash_of(mapped)
