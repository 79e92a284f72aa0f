"""Read webdataset shards: tars whose members with one base name make one item.

The members of an uncompressed tar lie in it as they are, so a picture is noted by its place and
read there when it is wanted, in any order; nothing is extracted.
https://github.com/webdataset/webdataset#the-webdataset-format
"""

import json
import re
import tarfile
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any, BinaryIO

from embedstore.corpus.entry import Entry, Failure, entry, inside, printable
from embedstore.corpus.fields import TEXT_FIELDS, entry_of, failure
from embedstore.corpus.formats import SUFFIXES
from embedstore.corpus.jsonl import refuse
from embedstore.corpus.member import Member
from embedstore.corpus.shards import ADVICE

_NAME = re.compile(r"(?:\./)*/*((?:.*/)?[^./]+)\.([^/]+)", re.DOTALL)
_TEXTS = ("txt", "text", "caption")
_READ = (*_TEXTS, "json", "cls")
_MOST_TEXT = 1 << 20  # bytes
_BLOCK = 512
_COMPRESSED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd")

_Part = tuple[str, str, tarfile.TarInfo]  # base name, what follows its first dot, place


def read_shards(
    shards: list[Path], prefix: str | None, skipped: dict[str, int]
) -> Iterator[Entry | Failure]:
    """Yield the samples of shards, each under the key `shard/base`.

    Args:
        shards: Tars; one that is missing or damaged is a failure, and the others are read.
        prefix: Start of every key: of one shard in place of its name, of several before it.
        skipped: Takes the count of members that belong to no sample, by suffix.
    """
    for shard in shards:
        stem = printable(shard.stem)
        start = stem if prefix is None else prefix if len(shards) == 1 else f"{prefix}/{stem}"
        try:
            if shard.exists() and not shard.is_file():  # a pipe would wait for ever
                raise tarfile.ReadError("it is a folder, pipe or device")
            with shard.open("rb") as file:
                yield from _samples(file, shard, start, skipped)
        except (tarfile.TarError, OSError, ValueError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            yield Failure(
                start,
                f"{printable(str(shard))}: cannot be read to its end ({reason}); expected a whole, "
                "uncompressed tar; what stands before is kept, download or write it again",
                blind=True,
            )


def _samples(
    file: BinaryIO, shard: Path, prefix: str, skipped: dict[str, int]
) -> Iterator[Entry | Failure]:
    if file.read(6).startswith(_COMPRESSED):
        raise tarfile.ReadError(f"it is compressed, which allows no random access; {ADVICE}")
    file.seek(0)
    with tarfile.open(fileobj=file, mode="r:") as tar:
        for base, parts in groupby(_parts(tar, skipped), key=lambda part: part[0]):
            yield _sample(file, base, list(parts), shard, prefix)
        _check_end(file, tar.offset)


def _parts(tar: tarfile.TarFile, skipped: dict[str, int]) -> Iterator[_Part]:
    end = 0
    for info in tar:
        if info.size < 0 or info.offset_data < end:  # a made-up header that leads backwards
            raise tarfile.ReadError(f"the size of {printable(info.name)} is {info.size}")
        end = info.offset_data + info.size
        name = _NAME.fullmatch(info.name)
        if info.isdir():
            continue
        if name is not None and info.isreg() and not info.issparse():
            yield printable(name[1]), name[2].lower(), info
        else:
            suffix = Path(info.name).suffix.lower() if info.isreg() else "link"
            kind = printable(suffix) or "no suffix"
            skipped[kind] = skipped.get(kind, 0) + 1


def _check_end(file: BinaryIO, offset: int) -> None:
    """Find out whether the tar ended there: tarfile stops at a damaged header without a word."""
    file.seek(offset)
    block = file.read(_BLOCK)
    if not block:
        raise tarfile.ReadError("it ends without its end mark")
    if block.strip(b"\0"):
        raise tarfile.ReadError(f"the header at byte {offset:,} is damaged")


def _sample(
    file: BinaryIO, base: str, parts: list[_Part], shard: Path, prefix: str
) -> Entry | Failure:
    place = f"{printable(shard.name)} sample {base}"
    key = f"{prefix}/{inside(base)}"
    pictures = [info for _, kind, info in parts if f".{kind}" in SUFFIXES]
    fields: dict[str, Any] = {}
    try:
        for _, kind, info in parts:
            if kind in _READ:
                _take(fields, kind, _content(file, info))
    except (ValueError, RecursionError) as error:
        return failure(place, f"has a part that cannot be read ({error})", key)
    if not pictures and not fields.get("captions"):
        found = ", ".join(kind for _, kind, _ in parts)
        return failure(place, f"has neither picture nor text, only {found:.80}", key)
    named = {**fields, "key": key, "image": shard.name if pictures else None}
    made = entry_of(named, place, shard, None)
    if isinstance(made, Failure) or not pictures:
        return made
    first = pictures[0]
    image = Member(shard, first.offset_data, first.size, printable(first.name))
    return entry(key, image, made.texts, made.meta)


def _content(file: BinaryIO, info: tarfile.TarInfo) -> str:
    if info.size > _MOST_TEXT:
        raise ValueError(
            f"{printable(info.name)} has {info.size:,} bytes of at most {_MOST_TEXT:,}"
        )
    file.seek(info.offset_data)
    data = file.read(info.size)
    if len(data) < info.size:
        raise ValueError(f"the tar ends inside {printable(info.name)}")
    return data.decode("utf-8-sig")


def _take(fields: dict[str, Any], kind: str, content: str) -> None:
    """Add what a text, class or json member says to the fields of its sample."""
    captions = fields.setdefault("captions", [])
    if kind == "cls":
        fields["cls"] = int(content) if content.strip().isdecimal() else content.strip()
        return
    found: Any = content.strip()
    if kind == "json":
        found = json.loads(content, parse_constant=refuse)
        if isinstance(found, dict):
            known = ("image", "key", *TEXT_FIELDS)
            fields.update((name, one) for name, one in found.items() if name not in known)
            found = [one for name in TEXT_FIELDS for one in _listed(found.get(name))]
    captions.extend(one for one in _listed(found) if one not in captions)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]
