"""What can be asked of a collection: its items, their pictures, searches."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from embedstore import encoders
from embedstore.batching import search_many
from embedstore.catalog import Catalog, CollectionInfo
from embedstore.corpus import images
from embedstore.corpus.bounds import read_bytes
from embedstore.errors import BadQuery, NotFound
from embedstore.explaining import Explanation, explain
from embedstore.fitting import fitting
from embedstore.indices import Indices
from embedstore.paging import Page, search_page
from embedstore.query_form import as_query
from embedstore.query_vector import MAX_HITS
from embedstore.searching import search
from embedstore.stages import looked_up
from embedstore.thumbnails import Thumbnails, version_of
from embedstore.types import Encoder, Hit, Item, Query


class Reading:
    """The part of a collection that changes nothing."""

    def __init__(self, catalog: Catalog, info: CollectionInfo, folder: Path) -> None:
        self.catalog = catalog
        self.indices = Indices(catalog, info, folder)
        self._thumbnails = Thumbnails(self.indices.folder / "thumbnails")
        self._folder = folder
        self._encoder: Encoder | None = None
        self._loading = threading.Lock()

    @property
    def info(self) -> CollectionInfo:
        """What it is, with the options of the last commit that was seen."""
        return self.indices.info

    @property
    def name(self) -> str:
        """The name of the collection."""
        return self.info.name

    @property
    def encoder(self) -> Encoder:
        """The encoder of this collection's space, loaded on first use."""
        with self._loading:
            if self._encoder is None:
                self._encoder = fitting(encoders.load(self.info.space.encoder), self.info)
            return self._encoder

    def use(self, encoder: Encoder) -> None:
        """Encode with this encoder from now on.

        Raises:
            SpaceMismatch: It makes vectors of another space than the collection holds.
        """
        self._encoder = fitting(encoder, self.info)

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
        with self.catalog.as_opened(self.info):
            kept = self.catalog.original(self.info.id, key)
        return read_bytes(kept, key) if isinstance(kept, Path) else kept[1]

    def thumbnail(self, key: str, side: int) -> bytes:
        """Give the picture of an item as a JPEG of at most `side` pixels.

        It is kept for the next time, until the item is deleted or its picture is another.

        Raises:
            NotFound: No such item, or it has no picture.
            BadImage: Its file is gone or no longer decodes.
        """
        row, path = self._picture_place(key)
        version = version_of(self.info.id, row, path)
        small = self.kept_thumbnail(key, side, version)
        if small is None:
            looked_up("thumbnail", False)
            small = images.thumbnail(path or self.image_bytes(key), side)
            self._thumbnails.keep(key, side, version, small)
            try:
                self.catalog.picture_place(self.info.id, self.name, key)
            except NotFound:  # deleted while it was made
                self._thumbnails.forget([key])
        return small

    def kept_thumbnail(self, key: str, side: int, version: str) -> bytes | None:
        """Give a thumbnail that was made before, without a look at the rows; None for none.

        Args:
            key: Of the item.
            side: Pixels.
            version: What `picture_version` gives.
        """
        small = self._thumbnails.get(key, side, version)
        if small is not None:
            looked_up("thumbnail", True)
        return small

    def picture_version(self, key: str) -> str:
        """Name a picture as it is now.

        Raises:
            NotFound: No such item, or it has no picture.
        """
        return version_of(self.info.id, *self._picture_place(key))

    def _picture_place(self, key: str) -> tuple[int, Path | None]:
        with self._named():
            return self.catalog.picture_place(self.info.id, self.name, key)

    def search(self, query: Query | str | None = None, **changes: Any) -> list[Hit]:
        """Find the items nearest to a query, best first.

        Args:
            query: A `Query`, or words; None where fields say it all, such as `vector=row`.
            **changes: Fields of `Query`, such as `k=5` or `where='year > 2020'`.

        Returns:
            k hits wherever that many items are allowed; what is committed before the call is seen.

        Raises:
            BadQuery: The query says nothing or asks for the impossible.
            BadFilter: `where` does not parse or names an unknown field.
            NotFound: `like` names no item.
            Moved: The name went to another collection since this one was opened.
        """
        asked = as_query(query, **changes)
        with self._named():
            return search(asked, self.catalog, self.info, self.indices, lambda: self.encoder)

    def search_many(self, queries: Sequence[Query | str], **changes: Any) -> list[list[Hit]]:
        """Find the items nearest to each of several queries, in much less time than one by one.

        Args:
            queries: Each a `Query`, or words.
            **changes: Fields of `Query` for all of them, such as `k=5`.

        Returns:
            For each what `search` gives; scores may differ in the last digit.

        Raises:
            EmbedStoreError: What `search` raises for a query, and which one it is.
        """
        asked = [as_query(query, **changes) for query in queries]
        with self._named():
            return search_many(asked, self.catalog, self.info, self.indices, lambda: self.encoder)

    def search_page(
        self, query: Query | str | None = None, cursor: str | None = None, **changes: Any
    ) -> Page:
        """Find the items nearest to a query page by page, k at a time.

        No item is skipped or given twice, whatever is stored, deleted, replaced or rebuilt between
        two pages: items stored after the first page do not appear, those deleted meanwhile vanish,
        and so do those replaced, in both forms. Every row is scored, for an approximate index that
        is rebuilt between two pages would find others.

        Args:
            query: A `Query`, or words; k may differ from page to page.
            cursor: Of the page before; None for the first page.
            **changes: Fields of `Query`, such as `k=50`.

        Raises:
            BadQuery: The cursor is of another search; or the order depends on other hits: target
                "both", diversity, an expanding collection.
            Moved: The name went to another collection since this one was opened.
        """
        asked = as_query(query, **changes)
        with self._named():
            return search_page(
                asked, cursor, self.catalog, self.info, self.indices, lambda: self.encoder
            )

    def explain(self, query: Query | str | None = None, **changes: Any) -> tuple[Explanation, ...]:
        """Say how a query is searched: which index, what recall it promises, what the filter does.

        Args:
            query: A `Query`, or words.
            **changes: Fields of `Query`.

        Returns:
            One explanation for each modality that is searched.

        Raises:
            BadQuery: The query says nothing or asks for the impossible.
            BadFilter: `where` does not parse or names an unknown field.
        """
        asked = as_query(query, **changes)
        with self.catalog.as_opened(self.info):
            return explain(asked, self.catalog, self.info, self.indices)

    def items(self, after: int = 0, limit: int = 100, where: str | None = None) -> dict[int, Item]:
        """List items by row, in the order they were stored.

        An item that is replaced is stored anew, so it comes again, in its new form.

        Args:
            after: The last row of the list before; 0 to begin.
            limit: Items wanted, 1 to 10,000.
            where: A filter over metadata.

        Raises:
            BadQuery: The limit is out of range.
            BadFilter: `where` does not parse or names an unknown field.
        """
        if not 1 <= limit <= MAX_HITS:
            raise BadQuery(f"limit is {limit}; expected 1 to {MAX_HITS}")
        with self.catalog.as_opened(self.info):
            return self.catalog.page(self.info.id, after, limit, where)

    def __iter__(self) -> Iterator[Item]:
        """Give every item in the order they were stored."""
        after = 0
        while page := self.items(after, 1000):
            yield from page.values()
            after = max(page)

    @contextmanager
    def _named(self) -> Iterator[None]:
        """Say `Moved` where nothing is found because the name went to another collection."""
        try:
            yield
        except NotFound:
            self.catalog.check_opened(self.info)
            raise
