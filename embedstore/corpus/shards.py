"""Which tars a path means: one, a numbered range of them, those of a folder or of a list."""

import re
from itertools import product
from pathlib import Path

from embedstore.corpus.entry import printable
from embedstore.corpus.formats import SUFFIXES
from embedstore.errors import Invalid, NotFound

_RANGE = re.compile(r"\{(\d{1,9})\.\.(\d{1,9})\}")
_MOST = 100_000
_COMPRESSED = frozenset({".gz", ".tgz", ".bz2", ".tbz2", ".xz", ".txz", ".zst", ".tzst"})
ADVICE = "decompress it (gunzip, bunzip2, unxz, unzstd) and use the .tar"


def shards_at(path: Path) -> list[Path] | None:
    """Give the shards that a path means, in order; None where it means something else.

    Raises:
        NotFound: A range of which no shard is there.
        Invalid: A compressed tar, or a list or range that names no shards.
    """
    suffix = path.suffix.lower()
    if path.is_dir():
        return _of_folder(path)
    if suffix in _COMPRESSED and (suffix[1] == "t" or Path(path.stem).suffix.lower() == ".tar"):
        raise Invalid(
            f"{printable(str(path))}: is a compressed tar, which allows no random access; expected "
            f"a plain .tar; {ADVICE}"
        )
    if suffix == ".tar":
        if path.is_file():
            return [path.resolve()]
        return _of_range(path) if _RANGE.search(path.name) else None
    return _of_list(path) if suffix == ".txt" and path.is_file() else None


def _of_folder(folder: Path) -> list[Path] | None:
    """Take a folder for shards where it holds some and no pictures or folders beside them."""
    try:
        found = sorted(folder.iterdir())
    except OSError:
        return None  # the reader of folders says what is wrong
    shards = [one.resolve() for one in found if one.suffix.lower() == ".tar" and one.is_file()]
    others = any(one.suffix.lower() in SUFFIXES or one.is_dir() for one in found)
    return shards if shards and not others else None


def _of_range(path: Path) -> list[Path]:
    ranges = [(first, last) for first, last in _RANGE.findall(path.name)]
    count = 1
    for first, last in ranges:
        count *= int(last) - int(first) + 1
    if not 0 < count <= _MOST:
        raise Invalid(
            f"{printable(str(path))}: means {max(count, 0):,} shards; expected 1 to {_MOST:,}, as "
            "in shard-{000..003}.tar"
        )
    between = _RANGE.sub("\0", path.name).split("\0")
    steps = [
        [f"{number:0{len(first)}d}" for number in range(int(first), int(last) + 1)]
        for first, last in ranges
    ]
    names = [
        between[0] + "".join(a + b for a, b in zip(numbers, between[1:], strict=True))
        for numbers in product(*steps)
    ]
    shards = [path.with_name(name).resolve() for name in names]
    if not any(shard.exists() for shard in shards):
        raise NotFound(
            f"nothing to read at {printable(str(path))}: none of its {len(shards):,} shards is "
            f"there, the first would be {printable(str(shards[0]))}; check the path"
        )
    return shards


def _of_list(path: Path) -> list[Path]:
    text = path.read_text(encoding="utf-8", errors="surrogateescape")
    names = [line.strip() for line in text.splitlines() if line.strip()]
    wrong = next((name for name in names if not name.lower().endswith(".tar")), None)
    if not names or wrong is not None:
        seen = "is empty" if wrong is None else f"holds the line {wrong!r:.80}"
        raise Invalid(
            f"{printable(str(path))}: {seen}; expected a list of webdataset shards, a .tar a line; "
            "write captions as .jsonl with an image and a caption a line"
        )
    return [(path.parent / name).resolve() for name in names]
