"""How the service searches: with its encoders, in threads and so many at once, or in its loop."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import partial
from typing import TypeVar

import numpy as np
from anyio import CapacityLimiter, to_thread

from api.known import Behind, KnownCollections
from api.loop_searches import LoopSearches, takes_little
from api.pictures import Pictures
from api.ready_encoders import ReadyEncoders
from api.schemas import Search
from embedstore import Collection, Query
from embedstore.corpus import default_workers
from embedstore.errors import BadQuery, Moved
from embedstore.types import Vectors

T = TypeVar("T")


class Searching:
    """Searches of a store; the event loop waits for none but short ones.

    Those that wait for an encoder, or for a picture from elsewhere, take a thread each, so that
    the encoder gets them together. All others only compute: more of them at once than there are
    cores would wait for one another, and keep the event loop from its turn. Short ones the loop
    does itself.
    """

    def __init__(
        self,
        known: KnownCollections,
        encoders: ReadyEncoders,
        decoding: AbstractContextManager[object],
        pictures: Pictures,
        loop: LoopSearches,
    ) -> None:
        self._known, self._encoders = known, encoders
        self._decoding, self._pictures = decoding, pictures
        self._loop = loop
        self._cores = CapacityLimiter(default_workers() + 1)

    async def run(
        self,
        name: str,
        wanted: Sequence[Search],
        search: Callable[[Collection, list[Query]], T],
        *,
        every_row: bool = False,
    ) -> T:
        """Search without keeping the event loop.

        Args:
            name: Of the collection.
            wanted: What was sent.
            search: What to do with the collection and the queries that were meant.
            every_row: Whether it scores every row.
        """
        waits = any(_waits(each) for each in wanted)

        def found(collection: Collection) -> T:
            asked = [query_of(each, self._pictures.of(each)) for each in wanted]
            if waits:
                self._encoders.serve(collection)
            decodes = any(each.image is not None for each in asked)
            with self._decoding if decodes else nullcontext():
                return search(collection, asked)

        work = partial(self._known.ask, name, found)
        if not (waits or every_row) and takes_little(wanted):
            if self._loop.are_short(name):
                # Asked when its turn has come: others may commit while it waits
                quickly = partial(self._known.ask_caught_up, name, found)
                with suppress(Behind, Moved):
                    return await self._loop.run(name, quickly)
            work = partial(self._loop.timed, name, work)
        # Each is begun by the event loop, which so has its turn between two; threads that take the
        # next one themselves leave it waiting, and refusals with it, for a quarter of a second
        return await to_thread.run_sync(work, limiter=None if waits else self._cores)


def _waits(wanted: Search) -> bool:
    sent = (wanted.text, wanted.image_base64, wanted.image_url)
    return bool(wanted.without) or any(each is not None for each in sent)


def query_of(wanted: Search, image: bytes | None) -> Query:
    """Give the query that a request means.

    Args:
        wanted: What was sent.
        image: The picture that it holds or names, or that was sent beside it.
    """
    if image is None and wanted.text is None and wanted.like is None and wanted.vector is None:
        raise BadQuery(
            "the query is empty; give text, image_base64, image_url, like (an item's key) or vector"
        )
    return Query(
        text=wanted.text,
        image=image,
        like=wanted.like,
        vector=None if wanted.vector is None else _vector(wanted.vector),
        without=tuple(wanted.without),
        unlike=tuple(wanted.unlike),
        text_weight=wanted.text_weight,
        target=wanted.target,
        k=wanted.k,
        where=wanted.where,
        diversity=wanted.diversity,
        min_score=wanted.min_score,
        min_probability=wanted.min_probability,
    )


def _vector(sent: list[float] | bytes) -> Vectors:
    """Give a vector as it was sent; what is no number is refused with the query."""
    if isinstance(sent, list):
        with np.errstate(over="ignore"):
            return np.array(sent, np.float32)
    if len(sent) % 4:
        raise BadQuery(
            f"the vector has {len(sent)} bytes; expected base64 of float32, 4 bytes each"
        )
    return np.frombuffer(sent, "<f4")
