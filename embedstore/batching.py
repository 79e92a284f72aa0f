"""Many searches at once: what they ask of the encoder, the indices and the catalog in one go."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from embedstore.catalog import Catalog, CollectionInfo
from embedstore.errors import EmbedStoreError
from embedstore.indices import Indices
from embedstore.query_vector import check
from embedstore.ranking import Ranked, hits
from embedstore.searching import ATTEMPTS, composed, ranked_rows
from embedstore.types import Encoder, Hit, Modality, Query, Vectors
from indexer import Neighbors


def search_many(
    queries: Sequence[Query],
    catalog: Catalog,
    info: CollectionInfo,
    indices: Indices,
    encoder: Callable[[], Encoder],
) -> list[list[Hit]]:
    """Give for each query what `searching.search` gives.

    All words are encoded in one call, queries that look in the same place for as many rows share
    one call of the index, and all items come back in one round trip.

    Raises:
        EmbedStoreError: What `searching.search` raises, of the first query that is wrong, with
            its number.
    """
    for place, query in enumerate(queries, 1):
        with _numbered(place, len(queries)):
            check(query)
    encoding = _encoding_at_once(queries, info, encoder)
    asked = []
    for place, query in enumerate(queries, 1):
        with _numbered(place, len(queries)):
            asked.append((query, *composed(query, catalog, info, encoding)))
    for attempt in range(ATTEMPTS):
        seen = indices.seq
        found = _ranked(asked, catalog, indices.info, indices)
        rows = list(dict.fromkeys(each.row for one in found for each in one))
        seq, items = catalog.lookup(info.id, rows, info.name)
        if (seq == seen or attempt > 0) and len(items) == len(rows):
            break
        indices.refresh()
    return [hits(one, items) for one in found]


@contextmanager
def _numbered(place: int, amount: int) -> Iterator[None]:
    try:
        yield
    except EmbedStoreError as error:
        raise type(error)(f"query {place} of {amount}: {error}") from error


def _encoding_at_once(
    queries: Sequence[Query], info: CollectionInfo, encoder: Callable[[], Encoder]
) -> Callable[[], Encoder]:
    """Give the encoder with all the words of some queries encoded already."""
    prompts = info.options.get("prompts", ("{}",))
    asked = [prompt.replace("{}", each.text) for each in queries if each.text for prompt in prompts]
    texts = list(dict.fromkeys([*asked, *(text for each in queries for text in each.without)]))
    if not texts:
        return encoder
    ready = encoder()
    known = dict(zip(texts, ready.encode_texts(texts), strict=True))
    return lambda: cast(Encoder, _Encoded(ready, known))


@dataclass(frozen=True)
class _Encoded:
    """An encoder that knows the vectors of some texts; all else it asks the real one."""

    real: Encoder
    known: dict[str, Vectors]

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        return np.stack([self.known[text] for text in texts])

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)


class _Wanted(NamedTuple):
    """What a search asks of the indices; searches that agree in it share one call."""

    modality: Modality
    k: int
    share_of_text: float
    exact: bool
    filter: int


class _Waiting(Exception):
    """A search has asked the indices for what it was not given yet."""

    def __init__(self, wanted: _Wanted, vector: Vectors, allow: NDArray[np.int64] | None) -> None:
        self.wanted, self.vector, self.allow = wanted, vector, allow


@dataclass
class _Asking:
    """The indices for one search, run again from its start whenever it has been given more.

    A search asks the same in the same order each time, so the first answers stand.
    """

    real: Indices
    given: list[Neighbors] = field(default_factory=list)
    place: int = 0

    def neighbors(
        self,
        modality: Modality,
        vector: Vectors,
        k: int,
        allow: NDArray[np.int64] | None,
        share_of_text: float,
        exact: bool = False,
    ) -> Neighbors:
        if self.place < len(self.given):
            self.place += 1
            return self.given[self.place - 1]
        wanted = _Wanted(modality, k, share_of_text, exact, id(allow))
        raise _Waiting(wanted, vector, allow)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)


def _ranked(
    asked: Sequence[tuple[Query, Vectors, int | None]],
    catalog: Catalog,
    info: CollectionInfo,
    indices: Indices,
) -> list[list[Ranked]]:
    found: list[list[Ranked]] = [[] for _ in asked]
    asking = {place: _Asking(indices) for place in range(len(asked))}
    while asking:
        groups: dict[_Wanted, list[tuple[int, _Waiting]]] = defaultdict(list)
        for place, one in list(asking.items()):
            one.place = 0
            query, vector, skip = asked[place]
            try:
                with _numbered(place + 1, len(asked)):
                    found[place] = ranked_rows(
                        query, vector, skip, catalog, info, cast(Indices, one)
                    )
                del asking[place]
            except _Waiting as waiting:
                groups[waiting.wanted].append((place, waiting))
        for wanted, waiting_ones in groups.items():
            _answer(wanted, waiting_ones, asking, indices)
    return found


def _answer(
    wanted: _Wanted,
    waiting: Sequence[tuple[int, _Waiting]],
    asking: dict[int, _Asking],
    indices: Indices,
) -> None:
    """Give every search of a group its part of one call of the indices."""
    vectors = np.stack([each.vector for _, each in waiting])  # (q, d)
    allow = waiting[0][1].allow
    told = indices.neighbors(
        wanted.modality, vectors, wanted.k, allow, wanted.share_of_text, wanted.exact
    )
    for row, (place, _) in enumerate(waiting):
        part = slice(row, row + 1)
        asking[place].given.append(Neighbors(told.ids[part], told.scores[part], told.parts[part]))
