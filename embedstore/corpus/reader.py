"""Find out what lies at a path, and read it as a corpus.

A reader is one file with one function that yields entries, and one line in `_read_file`.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from embedstore.corpus.csv_file import read_csv
from embedstore.corpus.entry import Corpus, Entry, Failure, printable
from embedstore.corpus.folder import read_folder, read_picture
from embedstore.corpus.formats import SUFFIXES
from embedstore.corpus.jsonl import read_jsonl
from embedstore.corpus.karpathy import read_karpathy
from embedstore.corpus.shards import shards_at
from embedstore.corpus.webdataset import read_shards
from embedstore.errors import Invalid, NotFound

KNOWN = (
    "a folder of pictures, a picture, .jsonl, .csv, .tsv, a Karpathy .json, or webdataset shards "
    "(.tar, shard-{000..003}.tar, a folder of them, or a .txt that lists them)"
)

CAPTION_FILES = (".jsonl", ".ndjson", ".csv", ".tsv", ".json")


def read(
    path: str | Path,
    prefix: str | None = None,
    images: str | Path | None = None,
    split: str | None = None,
) -> Corpus:
    """Read a folder, a caption file, one picture or webdataset shards.

    Args:
        path: What to read.
        prefix: Start of every key; None takes the name of the folder, or the stem of a file, and
            leaves keys that a file gives as they are.
        images: Folder that the relative image names of a caption file start from; None takes the
            file's own, and `images` beside a Karpathy json.
        split: Read only this split of a Karpathy json.

    Returns:
        The corpus; its root is the prefix, or what stands for it.

    Raises:
        NotFound: Nothing there, or it cannot be read.
        Invalid: A kind of file that no reader knows, or `images` for what is no caption file.
    """
    place = Path(path).expanduser()
    try:
        shards = shards_at(place)
        place = place.resolve(strict=shards is None)
        is_folder = place.is_dir()
    except (OSError, RuntimeError) as error:  # RuntimeError: a loop of symbolic links
        reason = getattr(error, "strerror", None) or str(error)
        raise NotFound(
            f"nothing to read at {printable(str(place))}: {reason}; expected {KNOWN}; "
            "check the path"
        ) from error
    if images is not None and not (shards is None and takes_images(place)):
        raise Invalid(
            f"{printable(str(place))}: a folder of images is given ({printable(str(images))}), but "
            f"this names none; expected it with one of {', '.join(CAPTION_FILES)}; leave --images "
            "out"
        )
    skipped: dict[str, int] = {}
    prefix = (prefix or "").rstrip("/") or None
    root = prefix or printable(place.name if is_folder else place.stem)
    if shards is not None:
        entries = read_shards(shards, prefix, skipped)
    elif is_folder:
        entries = read_folder(place, root, skipped)
    else:
        folder = None if images is None else Path(images).expanduser()
        entries = _readable(place, _read_file(place, prefix, folder, split))
    return Corpus(root, _without_repeats(entries), skipped)


def takes_images(path: str | Path) -> bool:
    """Say whether a path is that of a caption file, which names images in a folder."""
    return Path(path).suffix.lower() in CAPTION_FILES and not Path(path).is_dir()


def _read_file(
    path: Path, prefix: str | None, images: Path | None, split: str | None
) -> Iterator[Entry | Failure]:
    match path.suffix.lower():
        case ".jsonl" | ".ndjson":
            return read_jsonl(path, prefix, images)
        case ".csv" | ".tsv":
            return read_csv(path, prefix, images)
        case ".json":
            return read_karpathy(path, prefix, images, split)
        case suffix if suffix in SUFFIXES:
            return read_picture(path, prefix)
        case suffix:
            raise Invalid(
                f"{printable(str(path))}: no reader for a file with the suffix {suffix!r}; "
                f"expected {KNOWN}; convert it to .jsonl with an image and a caption a line"
            )


def _readable(path: Path, entries: Iterator[Entry | Failure]) -> Iterator[Entry | Failure]:
    try:
        yield from entries
    except OSError as error:
        raise NotFound(
            f"{printable(str(path))}: cannot be read ({error.strerror}); expected a readable file; "
            "check its permissions, then run again"
        ) from error


def _without_repeats(entries: Iterable[Entry | Failure]) -> Iterator[Entry | Failure]:
    seen: set[int] = set()  # hashes: a tenth of the memory of a million keys
    for entry in entries:
        if isinstance(entry, Entry):
            if hash(entry.key) in seen:
                yield Failure(
                    entry.key,
                    f"{entry.key}: this key was met before in the corpus; expected one item a key; "
                    "the first is kept, rename this one",
                )
                continue
            seen.add(hash(entry.key))
        yield entry
