"""Searches that the event loop does itself, where a thread would cost more than the search."""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from api.schemas import Search

T = TypeVar("T")

SHORT_SECONDS = 0.005  # nobody else is answered meanwhile
MOST_HITS = 100
_SHARE = 0.1  # of the last search in what is known of a collection
# Of a collection that nobody searched yet, whose index may have to be read first
_UNKNOWN_SECONDS = 4 * SHORT_SECONDS


class LoopSearches:
    """How long the searches of each collection take, and a turn for each that the loop does.

    To hand a search to a thread and back costs a millisecond, of two threads that both want
    Python's lock and find their caches cold; a short search takes two (LOG.md). Between two
    searches the loop looks at what came, so that what is refused is refused at once.
    """

    def __init__(self, *, database_here: bool) -> None:
        """Begin to measure.

        Args:
            database_here: Whether the store is in a file; the loop waits for no network.
        """
        self._here = database_here
        self._seconds: dict[str, float] = {}
        self._turn = asyncio.Lock()

    def are_short(self, name: str) -> bool:
        """Say whether searches of a collection are so short that the loop may do them."""
        return self._here and self._seconds.get(name, _UNKNOWN_SECONDS) <= SHORT_SECONDS

    async def run(self, name: str, search: Callable[[], T]) -> T:
        """Search in the loop, once it has looked at what came since the search before."""
        await self._turn.acquire()
        try:
            began = time.perf_counter()  # what waits for a disk counts
            found = search()
            self._note(name, time.perf_counter() - began)
            return found
        finally:
            asyncio.get_running_loop().call_soon(self._turn.release)

    def timed(self, name: str, search: Callable[[], T]) -> T:
        """Search in a thread, and note what the loop would have taken for it."""
        began = time.thread_time()  # what waits for other threads does not count
        found = search()
        self._note(name, time.thread_time() - began)
        return found

    def _note(self, name: str, seconds: float) -> None:
        """Note what a search took; a long one keeps the next few from the loop."""
        known = self._seconds.get(name, _UNKNOWN_SECONDS)
        self._seconds[name] = known + _SHARE * (seconds - known)


def takes_little(wanted: Sequence[Search]) -> bool:
    """Say whether what was sent is one search that neither filters, nor scores or ranks more."""
    if len(wanted) != 1:
        return False
    asked = wanted[0]
    scores_all = asked.min_score is not None or asked.min_probability is not None
    ranks_again = asked.diversity or asked.target == "both" or asked.k > MOST_HITS
    return not (asked.where or scores_all or ranks_again)
