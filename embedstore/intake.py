"""Items on their way in: decoded, encoded in one batch, made into rows."""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

import numpy as np

from embedstore.catalog import NewRow
from embedstore.corpus import Failure
from embedstore.corpus.bounds import DEFAULT_LIMITS, spoken
from embedstore.corpus.small import Small
from embedstore.corpus.worker import decode_one
from embedstore.errors import BadItem
from embedstore.thumbnails import PAGE_SIDE
from embedstore.types import Encoder, Item, Pixels, Vectors

log = logging.getLogger("embedstore")


@dataclass
class Added:
    """What became of the items of an `add`.

    Attributes:
        added: Keys that are new.
        replaced: Keys whose item was replaced.
        failed: Items left out; the others are stored.
        truncated: Keys of items with a text longer than the encoder's context.
    """

    added: list[str] = field(default_factory=list)
    replaced: list[str] = field(default_factory=list)
    failed: list[Failure] = field(default_factory=list)
    truncated: list[str] = field(default_factory=list)

    def add(self, other: "Added") -> None:
        """Take over what became of further items."""
        self.added += other.added
        self.replaced += other.replaced
        self.failed += other.failed
        self.truncated += other.truncated


@dataclass(frozen=True)
class Prepared:
    """An item ready to be encoded; where it came from, if a corpus.

    Attributes:
        item: What to store.
        pixels: Its picture as the encoder takes it.
        corpus: The root it was read from.
        stamp: Cheap sign of change of its source.
        content_hash: Hash of its content.
        small: Its thumbnail, where it was made from what was decoded.
    """

    item: Item
    pixels: Pixels | None
    corpus: str | None = None
    stamp: str | None = None
    content_hash: str | None = None
    small: Small | None = None


def decoded(batch: Sequence[Item], encoder: Encoder, report: Added) -> Iterator[Prepared]:
    """Decode the pictures of a batch; a bad one is reported and left out."""
    for item in batch:
        if item.image is None:
            yield Prepared(item, None)
            continue
        name, preprocess = spoken(item.image), encoder.preprocess
        found = decode_one(item.image, name, preprocess, DEFAULT_LIMITS, PAGE_SIDE)
        if found.error is not None:
            report.failed.append(Failure(item.key, str(found.error)))
            continue
        yield Prepared(item, found.pixels, small=found.small)


def encoded(
    batch: Sequence[Prepared],
    encoder: Encoder,
    check: Callable[[NewRow], None],
    report: Added,
) -> list[NewRow]:
    """Encode a batch: all pictures in one call, all texts in another.

    Args:
        batch: Decoded items.
        encoder: Makes the vectors.
        check: Raises BadItem for a row that the catalog cannot store, such as one with NaN.
        report: Gets the items with a text that was cut, and those that cannot be stored.

    Returns:
        Rows for the catalog.
    """
    pixels = [each.pixels for each in batch if each.pixels is not None]
    texts = [text for each in batch for text in each.item.texts]
    image_vectors = iter(encoder.encode_images(pixels) if pixels else ())
    text_vectors = iter(encoder.encode_texts(texts) if texts else ())
    cut = iter(encoder.overlong(texts) if texts else ())
    rows, before = [], len(report.truncated)
    for each in batch:
        image = None if each.pixels is None else _matrix(image_vectors, 1)
        count = len(each.item.texts)
        text = _matrix(text_vectors, count) if count else None
        if any(list(islice(cut, count))):
            report.truncated.append(each.item.key)
        row = _row(each, image, text)
        try:
            check(row)
            rows.append(row)
        except BadItem as error:
            report.failed.append(Failure(each.item.key, str(error)))
    if count := len(report.truncated) - before:  # keys are paths, which are not for a log
        log.warning("%d items have a text that exceeds the context; its end is ignored", count)
    return rows


def _matrix(vectors: Iterator[Vectors], count: int) -> Vectors:
    return np.stack(list(islice(vectors, count)))


def _row(prepared: Prepared, image: Vectors | None, text: Vectors | None) -> NewRow:
    item = prepared.item
    original = item.image if isinstance(item.image, bytes) else None
    return NewRow(
        item, image, text, prepared.corpus, prepared.stamp, prepared.content_hash, original
    )
