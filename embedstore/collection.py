"""The waist of the house: a collection takes items in and gives hits out."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

import numpy as np

from embedstore.catalog import FieldsHeld, NewRow, Written
from embedstore.early_thumbnails import keep_early
from embedstore.errors import BadItem
from embedstore.forgetting import forget_captions
from embedstore.index_folders import remove, sweep
from embedstore.intake import Added, Prepared, decoded, encoded
from embedstore.reading import Reading
from embedstore.types import Item, Vectors

BATCH = 64  # items encoded and committed together by `add`


class Collection(Reading):
    """Items of one space: add, search, get, delete, rebuild, compact.

    An object stays with the space it was opened with: once its name goes to another collection,
    as `re-embed` lets it in any process, every method raises `Moved`.
    """

    def add(self, items: Iterable[Item]) -> Added:
        """Encode and store items; one whose key is there already replaces it.

        Returns:
            What became of each; all but the failed are stored durably.

        Raises:
            StorageFull: The disk is full; what earlier batches stored stays.
        """
        report = Added()
        stream = iter(items)
        while batch := list(islice(stream, BATCH)):
            self.store(list(decoded(batch, self.encoder, report)), report)
        return report

    def store(self, batch: Sequence[Prepared], report: Added) -> None:
        """Encode one batch and commit it whole, noting in the report what became of each item."""
        rows = encoded(batch, self.encoder, self._check, report)
        if not rows:
            return
        with self.catalog.as_opened(self.info):
            written = self.catalog.put(self.info.id, rows, self.name)
        self._note(rows, written, report)
        keep_early(self._thumbnails, self.catalog, self.info.id, batch, rows, written)
        self._rebuild_if_due()

    def add_vectors(
        self,
        items: Sequence[Item],
        *,
        image: Vectors | None = None,
        text: Vectors | Sequence[Vectors] | None = None,
    ) -> Written:
        """Store items whose vectors are made already, in one commit.

        Args:
            items: What to store; pictures are recorded, not opened.
            image: `(n, d)` unit rows, one an item.
            text: `(n, d)` unit rows, one an item, or for each item `(c, d)`, one a text.

        Raises:
            BadItem: A vector has the wrong dimension, a NaN or another length, or a key cannot be
                stored; none is stored.
        """
        for vectors in (image, text):
            if vectors is not None and len(vectors) != len(items):
                raise BadItem(f"{len(vectors)} vectors for {len(items)} items; expected one each")
        for item in items:
            _check_segments(item.key)
        rows = [
            NewRow(
                item,
                None if image is None else image[place : place + 1],
                None if text is None else np.atleast_2d(text[place]),
            )
            for place, item in enumerate(items)
        ]
        with self.catalog.as_opened(self.info):
            written = self.catalog.put(self.info.id, rows, self.name)
        self._rebuild_if_due()
        return written

    def delete(self, keys: Sequence[str]) -> list[str]:
        """Delete items; they are gone from answers at once, from every file after `compact`.

        Returns:
            The keys that were not there.
        """
        with self.catalog.as_opened(self.info):
            missing = self.catalog.delete(self.info.id, keys, self.name).missing
        self._thumbnails.forget(keys)
        return list(missing)

    def rebuild(self) -> None:
        """Build the index files from the rows."""
        with self.catalog.as_opened(self.info):
            self.indices.rebuild()

    def compact(self) -> None:
        """Remove deleted items from every file: index, database and its log."""
        with self.catalog.as_opened(self.info):
            forget_captions(self.catalog, self.info)
            self.catalog.purge(self.info.id, self.indices.rebuild())
            remove(self._folder, self.catalog.prune_heirs(self.info.id))
            self.catalog.erase_retired()
            sweep(self.catalog, self._folder)
            self._thumbnails.clear()
            self.catalog.vacuum()

    def fields(self) -> FieldsHeld:
        """Tell what the metadata fields hold, by a sample of up to 5,000 items spread over all."""
        with self.catalog.as_opened(self.info):
            return self.catalog.sample_fields(self.info.id)

    def describe(self) -> Mapping[str, Any]:
        """Give counts, space, index and quarantine as one JSON object."""
        self.catalog.check_opened(self.info)
        info = self.catalog.describe(self.name)
        return {
            "name": self.name,
            "encoder": info.space.encoder,
            "fingerprint": info.space.fingerprint,
            "dim": info.space.dim,
            "prompts": list(info.options["prompts"]),
            "query_bank": self.indices.bank_size(),
            "expand": bool(info.options.get("expand", False)),
            "seq": info.seq,
            "created": info.created_at,
            **self.catalog.count(self.info.id),
            "index": self.indices.describe(),
            "tuned": self.catalog.promised(self.info.id),
            "fields": self.catalog.fields(self.info.id),
            "indexed_fields": self.catalog.indexed_fields(),
            "quarantined": len(self.catalog.quarantine(self.info.id)),
        }

    def close(self) -> None:
        """Finish background work."""
        self.indices.close()

    def _check(self, row: NewRow) -> None:
        _check_segments(row.item.key)
        self.catalog.check_row(self.info.id, row)

    def _rebuild_if_due(self) -> None:
        if self.indices.due():
            self.indices.rebuild_in_background()

    def _note(self, rows: Sequence[NewRow], written: Written, report: Added) -> None:
        for key in dict.fromkeys(row.item.key for row in rows):
            (report.replaced if key in written.replaced else report.added).append(key)


def _check_segments(key: str) -> None:
    """Refuse a key that no address can hold: browsers and clients resolve such parts of a path.

    Raises:
        BadItem: It has one.
    """
    if not {".", ".."}.isdisjoint(str(key).split("/")):
        raise BadItem(
            f"key {key!r} has `.` or `..` as a part of its own between slashes, which no address "
            "can hold; expected a key without"
        )
