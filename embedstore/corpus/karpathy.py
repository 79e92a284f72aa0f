"""Read the Karpathy layout: one json with the images, sentences and splits of a data set.

Karpathy and Fei-Fei, "Deep Visual-Semantic Alignments", CVPR 2015; used for Flickr8k, Flickr30k
and COCO.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from embedstore.corpus.entry import Entry, Failure, entry, inside, printable
from embedstore.errors import Invalid, NotFound


def read_karpathy(
    path: Path, prefix: str | None, images: Path | None, split: str | None
) -> Iterator[Entry | Failure]:
    """Yield the images of a data set with their sentences, and their split as metadata.

    Args:
        path: The json.
        prefix: Start of every key; None takes the file's stem.
        images: Folder that image names start from; None looks for `images` beside the json.
        split: Yield only this split.

    Raises:
        Invalid: Another layout of json, or a split that it does not have.
        NotFound: No folder of images.
    """
    records = _records(path)
    splits = sorted({str(record.get("split")) for record in records if isinstance(record, dict)})
    if split is not None and split not in splits:
        raise Invalid(f"{path.name}: has no split {split!r}; expected one of {', '.join(splits)}")
    folder = images or path.parent / "images"
    if not folder.is_dir():
        raise NotFound(
            f"{path.name}: there is no folder of images at {folder}; name it with --images"
        )
    stem = prefix or printable(path.stem)
    for number, record in enumerate(records):
        place = f"{path.name} image {number}"
        if split is None or not isinstance(record, dict) or record.get("split") == split:
            yield _entry(record, place, folder, stem)


def _entry(record: Any, place: str, folder: Path, prefix: str) -> Entry | Failure:
    try:
        name = str(Path(record.get("filepath", ""), record["filename"]))
        texts = tuple(sentence["raw"] for sentence in record["sentences"])
        if not all(isinstance(text, str) for text in texts):
            raise TypeError("a sentence is not a string")
        meta = {"split": record["split"]} if "split" in record else {}
        filled = tuple(text for text in texts if text.strip())
        return entry(f"{prefix}/{printable(inside(name))}", folder / name, filled, meta)
    except (AttributeError, KeyError, TypeError, UnicodeEncodeError) as error:
        return Failure(
            place,
            f"{place}: is not as expected ({type(error).__name__}: {error}); expected filename "
            "and sentences with raw texts; correct it",
            blind=True,
        )


def _records(path: Path) -> list[Any]:
    try:
        content = json.loads(path.read_bytes())
        records = content["images"]
        if not isinstance(records, list):
            raise TypeError("images is not a list")
        if records and "sentences" not in records[0]:
            raise KeyError("sentences")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise Invalid(
            f"{printable(str(path))}: is not in the Karpathy layout ({type(error).__name__}: "
            f"{error}); expected an object with images, each with filename and sentences; "
            "write other captions as .jsonl with an image and a caption a line"
        ) from error
    return records
