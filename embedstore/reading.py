"""What can be asked of a collection: its items, their pictures, searches."""

import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

from embedstore import encoders
from embedstore.catalog import Catalog, CollectionInfo
from embedstore.corpus import images
from embedstore.corpus.bounds import read_bytes
from embedstore.errors import NotFound, SpaceMismatch
from embedstore.indices import Indices
from embedstore.searching import search
from embedstore.types import Encoder, Hit, Item, Query


class Reading:
    """The part of a collection that changes nothing."""

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

    def _picture(self, key: str) -> Path | tuple[str, bytes]:
        with self.catalog.as_opened(self.info):
            return self.catalog.original(self.info.id, key)
