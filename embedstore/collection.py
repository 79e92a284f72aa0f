"""The waist of the house: a collection takes items in and gives hits out."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from embedstore import encoders
from embedstore.catalog import Catalog, CollectionInfo, NewRow, Written
from embedstore.corpus import images
from embedstore.errors import BadItem, BadQuery, SpaceMismatch
from embedstore.indices import Indices
from embedstore.intake import Added, Prepared, decoded, encoded
from embedstore.query_vector import check, query_vector
from embedstore.ranking import Ranked, fuse, hits, ranked
from embedstore.types import MODALITIES, Encoder, Hit, Item, Query, Vectors

BATCH = 64  # items encoded and committed together by `add`
FUSION_DEPTH = 100  # rows taken from each modality before they are fused by rank
ATTEMPTS = 5  # of a search that other writers keep overtaking


class Collection:
    """Items of one space: add, search, get, delete, rebuild, compact."""

    def __init__(self, catalog: Catalog, info: CollectionInfo, folder: Path) -> None:
        self.info = info
        self.catalog = catalog
        self.indices = Indices(catalog, info, folder)
        self._encoder: Encoder | None = None

    @property
    def name(self) -> str:
        """The name of the collection."""
        return self.info.name

    @property
    def encoder(self) -> Encoder:
        """The encoder of this collection's space, loaded on first use."""
        if self._encoder is None:
            self.use(encoders.load(self.info.space.encoder))
        assert self._encoder is not None
        return self._encoder

    def use(self, encoder: Encoder) -> None:
        """Encode with this encoder from now on.

        Raises:
            SpaceMismatch: It makes vectors of another space than the collection holds.
        """
        held, offered = self.info.space, encoder.space
        if held.fingerprint != offered.fingerprint:
            raise SpaceMismatch(
                f"collection {self.name!r} holds vectors of {held.encoder} "
                f"(space {held.fingerprint}, {held.dim}-d); the encoder {offered.encoder} makes "
                f"space {offered.fingerprint}, {offered.dim}-d; index into another collection: "
                f"`embedstore index PATH --collection NAME --encoder {offered.encoder}`"
            )
        self._encoder = encoder

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
        rows = encoded(batch, self.encoder, report)
        if not rows:
            return
        written = self.catalog.put(self.info.id, rows)
        self._note(rows, written, report)
        self.indices.rebuild_if_due()

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
        written = self.catalog.put(self.info.id, rows)
        self.indices.rebuild_if_due()
        return written

    def delete(self, keys: Sequence[str]) -> list[str]:
        """Delete items; they are gone from answers at once, from every file after `compact`.

        Returns:
            The keys that were not there.
        """
        return list(self.catalog.delete(self.info.id, keys).missing)

    def get(self, key: str) -> Item:
        """Give the item with a key.

        Raises:
            NotFound: No such item.
        """
        return self.catalog.get(self.info.id, key)[1]

    def image_bytes(self, key: str) -> bytes:
        """Give the encoded picture of an item, as it was stored or from its file.

        Raises:
            NotFound: No such item, it has no picture, or its file is gone.
        """
        return self.catalog.image_bytes(self.info.id, key)

    def thumbnail(self, key: str, side: int) -> bytes:
        """Give the picture of an item as a JPEG of at most `side` pixels.

        Raises:
            NotFound: No such item, it has no picture, or its file is gone.
            BadImage: Its file no longer decodes.
        """
        return images.thumbnail(self.image_bytes(key), side)

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
        """
        asked = replace(query, **changes) if isinstance(query, Query) else Query(query, **changes)
        check(asked)
        skip = None if asked.like is None else self.catalog.get(self.info.id, asked.like)[0]
        vector = query_vector(
            asked, lambda: self.encoder, self._prompts, self._vector_of, self.info.space.dim
        )
        for attempt in range(ATTEMPTS):
            found = self._ranked(asked, vector, skip)
            seq, items = self.catalog.lookup(self.info.id, [each.row for each in found])
            caught_up = seq == self.indices.seq or attempt > 0
            if caught_up and len(items) == len(found):
                break
            self.indices.refresh()
        return hits(found, items)

    def rebuild(self) -> None:
        """Build the index files from the rows."""
        self.indices.rebuild()

    def compact(self) -> None:
        """Remove deleted items from every file: index, database and its log."""
        self.catalog.purge(self.info.id, self.indices.rebuild())
        self.catalog.vacuum()

    def describe(self) -> Mapping[str, Any]:
        """Give counts, space, index and quarantine as one JSON object."""
        info = self.catalog.describe(self.name)
        return {
            "name": self.name,
            "encoder": info.space.encoder,
            "fingerprint": info.space.fingerprint,
            "dim": info.space.dim,
            "prompts": list(self._prompts),
            "seq": info.seq,
            "created": info.created_at,
            **self.catalog.count(self.info.id),
            "index": self.indices.counts(),
            "fields": self.catalog.fields(self.info.id),
            "quarantined": len(self.catalog.quarantine(self.info.id)),
        }

    def close(self) -> None:
        """Finish background work."""
        self.indices.close()

    @property
    def _prompts(self) -> Sequence[str]:
        return tuple(self.info.options.get("prompts", ("{}",)))

    def _vector_of(self, key: str) -> Vectors:
        row, _ = self.catalog.get(self.info.id, key)
        for modality in MODALITIES:
            vectors = self.catalog.vectors_of(row, modality)
            if len(vectors):
                mean: Vectors = vectors.mean(axis=0)
                return mean
        raise BadQuery(f"item {key!r} has no vector to look for neighbours of")

    def _ranked(self, query: Query, vector: Vectors, skip: int | None) -> list[Ranked]:
        allow = None
        if query.where is not None:
            allow = self.catalog.allowed(self.info.id, query.where, self.indices.seq)
        wanted = query.k + (skip is not None)
        if query.target == "both":
            depth = max(wanted, FUSION_DEPTH)
            found = fuse(
                [
                    ranked(self.indices.neighbors(modality, vector, depth, allow), modality)
                    for modality in MODALITIES
                ],
                wanted,
            )
        else:
            found = ranked(
                self.indices.neighbors(query.target, vector, wanted, allow), query.target
            )
        return [each for each in found if each.row != skip][: query.k]

    def _note(self, rows: Sequence[NewRow], written: Written, report: Added) -> None:
        for row in rows:
            known = report.replaced if row.item.key in written.replaced else report.added
            known.append(row.item.key)
