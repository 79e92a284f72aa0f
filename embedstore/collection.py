"""The waist of the house: a collection takes items in and gives hits out."""

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from embedstore import encoders
from embedstore.catalog import Catalog, CollectionInfo, NewRow, Written
from embedstore.corpus import images
from embedstore.corpus.bounds import read_bytes
from embedstore.errors import BadItem, NotFound, SpaceMismatch
from embedstore.index_folders import sweep
from embedstore.indices import Indices
from embedstore.intake import Added, Prepared, decoded, encoded
from embedstore.searching import search
from embedstore.types import Encoder, Hit, Item, Query, Vectors

BATCH = 64  # items encoded and committed together by `add`


class Collection:
    """Items of one space: add, search, get, delete, rebuild, compact.

    An object stays with the space it was opened with: once its name goes to another collection,
    as `re-embed` lets it in any process, every method raises `Moved`.
    """

    def __init__(self, catalog: Catalog, info: CollectionInfo, folder: Path) -> None:
        self.info = info
        self.catalog = catalog
        self.indices = Indices(catalog, info, folder)
        self._folder = folder
        self._encoder: Encoder | None = None
        self._loading = threading.Lock()

    @property
    def name(self) -> str:
        """The name of the collection."""
        return self.info.name

    @property
    def encoder(self) -> Encoder:
        """The encoder of this collection's space, loaded on first use."""
        with self._loading:
            if self._encoder is None:
                self._encoder = self._fitting(encoders.load(self.info.space.encoder))
            return self._encoder

    def use(self, encoder: Encoder) -> None:
        """Encode with this encoder from now on.

        Raises:
            SpaceMismatch: It makes vectors of another space than the collection holds.
        """
        self._encoder = self._fitting(encoder)

    def _fitting(self, encoder: Encoder) -> Encoder:
        held, offered = self.info.space, encoder.space
        if held.fingerprint != offered.fingerprint:
            raise SpaceMismatch(
                f"collection {self.name!r} holds vectors of {held.encoder} "
                f"(space {held.fingerprint}, {held.dim}-d); the encoder {offered.encoder} makes "
                f"space {offered.fingerprint}, {offered.dim}-d; move the collection to it with "
                f"`embedstore re-embed {self.name} --encoder {offered.encoder}`, or index into "
                "another with --collection NAME"
            )
        return encoder

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
        self._rebuild_if_due()

    def add_vectors(
        self,
        items: Sequence[Item],
        *,
        image: Vectors | None = None,
        text: Vectors | None = None,
    ) -> Written:
        """Store items whose vectors are made already, in one commit.

        Args:
            items: What to store; pictures are recorded, not opened.
            image: `(n, d)` unit rows, one an item.
            text: `(n, d)` unit rows, one an item.

        Raises:
            BadItem: A vector has the wrong dimension, a NaN or another length; none is stored.
        """
        for vectors in (image, text):
            if vectors is not None and len(vectors) != len(items):
                raise BadItem(f"{len(vectors)} vectors for {len(items)} items; expected one each")
        rows = [
            NewRow(
                item,
                None if image is None else image[place : place + 1],
                None if text is None else text[place : place + 1],
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
            return list(self.catalog.delete(self.info.id, keys, self.name).missing)

    def get(self, key: str) -> Item:
        """Give the item with a key.

        Raises:
            NotFound: No such item.
        """
        with self.catalog.as_opened(self.info):
            return self.catalog.get(self.info.id, key)[1]

    def image_bytes(self, key: str) -> bytes:
        """Give the encoded picture of an item, as it was stored or from its file.

        Raises:
            NotFound: No such item, or it has no picture.
            BadImage: Its file is gone or cannot be read.
        """
        kept = self._picture(key)
        return read_bytes(kept, key) if isinstance(kept, Path) else kept[1]

    def thumbnail(self, key: str, side: int) -> bytes:
        """Give the picture of an item as a JPEG of at most `side` pixels.

        Raises:
            NotFound: No such item, or it has no picture.
            BadImage: Its file is gone or no longer decodes.
        """
        kept = self._picture(key)
        return images.thumbnail(kept if isinstance(kept, Path) else kept[1], side)

    def search(self, query: Query | str, **changes: Any) -> list[Hit]:
        """Find the items nearest to a query, best first.

        Args:
            query: A `Query`, or words.
            **changes: Fields of `Query`, such as `k=5` or `where='year > 2020'`.

        Returns:
            k hits wherever that many items are allowed; what is committed before the call is seen.

        Raises:
            BadQuery: The query says nothing or asks for the impossible.
            BadFilter: `where` does not parse or names an unknown field.
            NotFound: `like` names no item.
            Moved: The name went to another collection since this one was opened.
        """
        asked = replace(query, **changes) if isinstance(query, Query) else Query(query, **changes)
        try:
            return search(asked, self.catalog, self.info, self.indices, lambda: self.encoder)
        except NotFound:
            self.catalog.check_opened(self.info)
            raise

    def rebuild(self) -> None:
        """Build the index files from the rows."""
        with self.catalog.as_opened(self.info):
            self.indices.rebuild()

    def compact(self) -> None:
        """Remove deleted items from every file: index, database and its log."""
        with self.catalog.as_opened(self.info):
            self.catalog.purge(self.info.id, self.indices.rebuild())
            self.catalog.prune_heirs(self.info.id)
            self.catalog.erase_retired()
            sweep(self.catalog, self._folder)
            self.catalog.vacuum()

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
            "fields": self.catalog.fields(self.info.id),
            "quarantined": len(self.catalog.quarantine(self.info.id)),
        }

    def close(self) -> None:
        """Finish background work."""
        self.indices.close()

    def _picture(self, key: str) -> Path | tuple[str, bytes]:
        with self.catalog.as_opened(self.info):
            return self.catalog.original(self.info.id, key)

    def _check(self, row: NewRow) -> None:
        self.catalog.check_row(self.info.id, row)

    def _rebuild_if_due(self) -> None:
        if self.indices.due():
            self.indices.rebuild_in_background()

    def _note(self, rows: Sequence[NewRow], written: Written, report: Added) -> None:
        for key in dict.fromkeys(row.item.key for row in rows):
            (report.replaced if key in written.replaced else report.added).append(key)
