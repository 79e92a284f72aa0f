"""A collection that another machine serves."""

from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np

from embedstore import client_told
from embedstore.answering.types import Answer
from embedstore.calibration import Calibration, Choice
from embedstore.catalog import FieldsHeld
from embedstore.client_items import add, picture_sent
from embedstore.client_jobs import Progress, done
from embedstore.client_line import Line, part
from embedstore.clusters import CENTRAL, Cluster
from embedstore.duplicates import DIFFERENT_BITS, SCORE, Duplicates
from embedstore.errors import BadQuery
from embedstore.explaining import Explanation
from embedstore.intake import Added
from embedstore.map import POINTS, Map
from embedstore.paging import Page
from embedstore.query_form import as_query
from embedstore.query_vector import MAX_HITS, check
from embedstore.types import Hit, Item, Query

MOST_LISTED = 1000  # items in one answer


class RemoteCollection:
    """What `Collection` does, done by a server; pictures are sent to it and kept there."""

    def __init__(self, line: Line, name: str) -> None:
        self._line, self.name = line, name
        self._path = f"/collections/{part(name)}"

    def add(self, items: Iterable[Item]) -> Added:
        """Store items; see `Collection.add`."""
        path = f"{self._path}/items"
        return add(items, lambda batch: self._line.ask("POST", path, {"items": batch}))

    def delete(self, keys: Sequence[str]) -> list[str]:
        """Delete items, and give the keys that were not there."""
        told = self._line.ask("POST", f"{self._path}/delete", {"keys": list(keys)})
        return list(told["missing"])

    def get(self, key: str) -> Item:
        """Give the item with a key; see `Collection.get`."""
        return client_told.item(self._line.ask("GET", f"{self._path}/items/{part(key)}"))

    def image_bytes(self, key: str) -> bytes:
        """Give the encoded picture of an item."""
        return self._line.raw("GET", f"{self._path}/originals/{part(key)}").content

    def thumbnail(self, key: str, side: int) -> bytes:
        """Give the picture of an item as a JPEG of at most `side` pixels."""
        path = f"{self._path}/thumbnails/{part(key)}?side={side}"
        return self._line.raw("GET", path).content

    def search(self, query: Query | str | None = None, **changes: Any) -> list[Hit]:
        """Find the items nearest to a query, best first; see `Collection.search`."""
        asked = _wire(as_query(query, **changes))
        return [
            client_told.hit(each) for each in self._line.ask("POST", f"{self._path}/search", asked)
        ]

    def search_many(self, queries: Sequence[Query | str], **changes: Any) -> list[list[Hit]]:
        """Find the items nearest to each of several queries; see `Collection.search_many`."""
        asked = {"queries": [_wire(as_query(query, **changes)) for query in queries]}
        told = self._line.ask("POST", f"{self._path}/search_many", asked)
        return [[client_told.hit(each) for each in hits] for hits in told]

    def search_page(
        self, query: Query | str | None = None, cursor: str | None = None, **changes: Any
    ) -> Page:
        """Find the items nearest to a query page by page; see `Collection.search_page`."""
        asked = {**_wire(as_query(query, **changes)), "cursor": cursor}
        told = self._line.ask("POST", f"{self._path}/search_page", asked)
        return Page([client_told.hit(each) for each in told["hits"]], told["cursor"])

    def explain(self, query: Query | str | None = None, **changes: Any) -> tuple[Explanation, ...]:
        """Say how a query is searched; see `Collection.explain`."""
        asked = _wire(as_query(query, **changes))
        told = self._line.ask("POST", f"{self._path}/explain", asked)
        for each in told:
            del each["words"]
        return tuple(Explanation(**each) for each in told)

    def caption(self, image: Path | bytes, generator: str | None = None, **settings: Any) -> Answer:
        """Say what a picture shows, as far as its neighbours tell; see `Answerer.caption`.

        Args:
            image: A file, or the encoded bytes of one.
            generator: One that the server allows; None takes its first.
            **settings: Of `answering.answerer.Settings`: k, where, min_score, min_confidence,
                risk; `leave_out_own=True` keeps the picture's own group from being evidence.
        """
        asked = {"image_base64": picture_sent(image), "generator": generator, **settings}
        return client_told.answer(self._line.ask("POST", f"{self._path}/caption", asked))

    def ask(
        self,
        question: str,
        image: Path | bytes | None = None,
        generator: str | None = None,
        **settings: Any,
    ) -> Answer:
        """Answer a question, about a picture where one is given; see `Answerer.ask`, `caption`."""
        pictured = {"question": question, "image_base64": picture_sent(image)}
        asked = {**pictured, "generator": generator, **settings}
        return client_told.answer(self._line.ask("POST", f"{self._path}/ask", asked))

    def items(self, after: int = 0, limit: int = 100, where: str | None = None) -> dict[int, Item]:
        """List items by row, in the order they were stored; see `Collection.items`."""
        if not 1 <= limit <= MAX_HITS:
            raise BadQuery(f"limit is {limit}; expected 1 to {MAX_HITS}")
        found: dict[int, Item] = {}
        while len(found) < limit:
            wanted = min(limit - len(found), MOST_LISTED)
            asked = {"after": after, "limit": wanted, **({} if where is None else {"where": where})}
            told = self._line.ask(
                "GET", f"{self._path}/items?{urlencode(asked, errors='backslashreplace')}"
            )
            found |= zip(told["rows"], map(client_told.item, told["items"]), strict=True)
            if told["cursor"] is None:
                break
            after = max(found)
        return found

    def __iter__(self) -> Iterator[Item]:
        """Give every item in the order they were stored."""
        after = 0
        while page := self.items(after, MOST_LISTED):
            yield from page.values()
            after = max(page)

    def rebuild(self) -> None:
        """Build the index files from the rows."""
        done(self._line, f"{self._path}/rebuild")

    def compact(self) -> None:
        """Remove deleted items from every file."""
        done(self._line, f"{self._path}/compact")

    def duplicates(
        self,
        *,
        score: float = SCORE,
        bits: int = DIFFERENT_BITS,
        read: bool = True,
        progress: Progress | None = None,
    ) -> Duplicates:
        """Find groups of pictures that are nearly the same; see `duplicates.duplicates`."""
        wanted = {"score": score, "bits": bits, "quick": not read}
        told = done(self._line, f"{self._path}/duplicates", wanted, progress)
        return client_told.duplicates(told)

    def clusters(
        self, n: int | None = None, *, names: Sequence[str] | None = None, central: int = CENTRAL
    ) -> list[Cluster]:
        """Part the pictures into clusters with names; see `clusters.clusters`."""
        called = None if names is None else list(names)
        wanted = {"n": n, "names": called, "central": central}
        return client_told.clusters(done(self._line, f"{self._path}/clusters", wanted))

    def calibrate(
        self,
        queries: Sequence[str] | None = None,
        *,
        hubs: Choice = "auto",
        expand: Choice = "auto",
    ) -> Calibration:
        """Choose the search options by measuring; see `calibration.calibrate`."""
        asked = None if queries is None else list(queries)
        wanted = {"queries": asked, "hubs": hubs, "expand": expand}
        return client_told.calibration(done(self._line, f"{self._path}/calibrate", wanted))

    def map_of(self, most: int = POINTS) -> Map:
        """Lay the pictures on a plane; see `map.map_of`."""
        return client_told.drawn(self._line.ask("GET", f"{self._path}/map?most={most}"))

    def fields(self) -> FieldsHeld:
        """Tell what the metadata fields hold; see `Collection.fields`."""
        told = self._line.ask("GET", f"{self._path}/fields")
        return client_told.fields(told)

    def describe(self) -> Mapping[str, Any]:
        """Give counts, space, index and quarantine as one JSON object."""
        told: dict[str, Any] = self._line.ask("GET", self._path)
        return told


def _wire(query: Query) -> dict[str, Any]:
    check(query)  # as a collection does, whose words a refusal then has
    sent = {each.name: getattr(query, each.name) for each in fields(Query) if each.name != "image"}
    sent = {
        name: each.item() if isinstance(each, np.generic) else each for name, each in sent.items()
    }
    if query.vector is not None:
        sent["vector"] = b64encode(np.asarray(query.vector, "<f4").tobytes()).decode()
    return {**sent, "image_base64": picture_sent(query.image)}
