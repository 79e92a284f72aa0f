"""New items on their way into the tables: checked, and made into rows."""

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from embedstore.catalog import metadata, vector_codec
from embedstore.catalog.metadata import KEY_BYTES
from embedstore.catalog.values import NewRow
from embedstore.errors import BadItem
from embedstore.types import MODALITIES, Item, Modality, Vectors

NORM_TOLERANCE = 1e-2

_texts_to_json = json.JSONEncoder().encode  # ASCII: escapes keep even half a surrogate pair
Record = dict[str, Any]  # one row of a table, by column


@dataclass(frozen=True)
class Batch:
    """Checked items as rows of each table; `number` gives them their row ids.

    Attributes:
        items: One an item.
        vectors: Row ids hold the place in `items` until they are numbered.
        originals: The same.
        fields: Path of every metadata field.
    """

    items: list[Record]
    vectors: list[Record]
    originals: list[Record]
    fields: set[metadata.Path]

    def number(self, collection_id: int, first: int, seq: int) -> None:
        """Give the rows their ids, ascending from `first`, and their commit."""
        for place, record in enumerate(self.items):
            record.update(row=first + place, collection_id=collection_id, seq=seq)
        for record in (*self.vectors, *self.originals):
            record["row"] += first


def batch(rows: Sequence[NewRow], dim: int) -> Batch:
    """Check items and make them into rows.

    Args:
        rows: Items with distinct keys.
        dim: Dimension of the collection's vectors.

    Raises:
        BadItem: The first item that cannot be stored, by key; none is stored.
    """
    fields: set[metadata.Path] = set()
    items = [_item(row, fields) for row in rows]
    vectors: list[Record] = []
    for modality in MODALITIES:
        vectors += _vectors(rows, modality, dim)
    for record in vectors:
        items[record["row"]][f"{record['modality']}_count"] += 1
    for record in items:
        if not record["image_count"] + record["text_count"]:
            raise BadItem(f"item {record['key']!r} has no vector; expected one or more")
    return Batch(items, vectors, list(_originals(rows)), fields)


def _item(row: NewRow, fields: set[metadata.Path]) -> Record:
    item = row.item
    check_key(item.key)
    meta, found = metadata.encode(item.key, item.meta)
    fields |= found
    return {
        "key": item.key,
        "meta": meta,
        "texts": _texts_to_json(item.texts),
        "path": os.fsencode(item.image) if isinstance(item.image, Path) else None,
        "corpus": row.corpus,
        "stamp": row.stamp,
        "content_hash": row.content_hash,
        "image_count": 0,
        "text_count": 0,
    }


def check_key(key: str) -> None:
    """Refuse a key that a database cannot hold.

    Raises:
        BadItem: Empty, too long, or not plain Unicode.
    """
    if not isinstance(key, str) or not key or not metadata.storable(key):
        raise BadItem(f"key {key!r} cannot be stored; expected text, not empty, without NUL")
    if len(key.encode()) > KEY_BYTES:
        raise BadItem(f"key {key[:40]!r}... has {len(key.encode())} bytes; at most {KEY_BYTES}")


def _vectors(rows: Sequence[NewRow], modality: Modality, dim: int) -> Iterator[Record]:
    given: list[tuple[int, Vectors]] = []
    for place, row in enumerate(rows):
        own = row.image if modality == "image" else row.text
        if own is not None and len(own):
            _check_shape(row.item.key, modality, own, dim)
            given.append((place, own))
    if not given:
        return
    block = np.concatenate([part for _, part in given]).astype(np.float32, copy=False)
    owners = [(place, part) for place, vectors in given for part in range(len(vectors))]
    _check_norms([rows[place].item.key for place, _ in owners], modality, block)
    for (place, part), (blob, crc) in zip(owners, vector_codec.encode(block), strict=True):
        yield {"row": place, "modality": modality, "part": part, "vector": blob, "crc": crc}


def _check_shape(key: str, modality: Modality, vectors: Vectors, dim: int) -> None:
    if vectors.ndim != 2 or vectors.shape[1] != dim:
        raise BadItem(
            f"item {key!r}: {modality} vectors have shape {vectors.shape}; expected (n, {dim})"
        )


def _check_norms(keys: Sequence[str], modality: Modality, block: Vectors) -> None:
    norms = np.sqrt(np.einsum("nd,nd->n", block, block))
    wrong = np.flatnonzero(~(np.abs(norms - 1) <= NORM_TOLERANCE))  # NaN is wrong too
    if len(wrong):
        norm = float(norms[wrong[0]])
        seen = f"has norm {norm:.4g}" if np.isfinite(norm) else "holds NaN or infinity"
        raise BadItem(
            f"item {keys[wrong[0]]!r}: {modality} vector {seen}; expected a unit vector: "
            "divide it by its norm"
        )


def _originals(rows: Sequence[NewRow]) -> Iterator[Record]:
    for place, row in enumerate(rows):
        kept = row.original if row.original is not None else _picture(row.item)
        if kept is not None:
            yield {"row": place, "media_type": media_type(kept), "bytes": kept}


def _picture(item: Item) -> bytes | None:
    return item.image if isinstance(item.image, bytes) else None


_SIGNATURES = (
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"GIF8", "image/gif"),
    (8, b"WEBP", "image/webp"),
    (4, b"ftypavif", "image/avif"),
    (4, b"ftyphei", "image/heic"),
    (0, b"BM", "image/bmp"),
    (0, b"II*\0", "image/tiff"),
    (0, b"MM\0*", "image/tiff"),
)


def media_type(picture: bytes) -> str:
    """Tell the media type of an encoded picture from its first bytes."""
    for start, signature, name in _SIGNATURES:
        if picture[start : start + len(signature)] == signature:
            return name
    return "application/octet-stream"
