"""Collections that were opened before, had without asking the store who has their name."""

from collections.abc import Callable
from typing import TypeVar

from embedstore import Collection, Store
from embedstore.errors import Moved, NotFound

T = TypeVar("T")


class Behind(Exception):
    """A collection has something to read before it answers."""


class KnownCollections:
    """The open collections of a store; what is asked of one tells itself if its name moved on."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[str, Collection] = {}

    def ask(self, name: str, question: Callable[[Collection], T]) -> T:
        """Give what a question gives, asked of the collection that has a name.

        Raises:
            NotFound: No such collection.
        """
        try:
            return question(self._known.get(name) or self._opened(name))
        except Moved:
            return question(self._opened(name))

    def ask_caught_up(self, name: str, question: Callable[[Collection], T]) -> T:
        """Give what a question gives, asked of a collection that has nothing to read first.

        Raises:
            Behind: It is not open, or has not seen the last commit; `ask` sees to that.
            Moved: Its name moved on; `ask` opens whichever has it.
        """
        known = self._known.get(name)
        if known is None or not _caught_up(known):
            raise Behind(name)
        return question(known)

    def _opened(self, name: str) -> Collection:
        opened = self._known[name] = self._store.collection(name)
        return opened


def _caught_up(collection: Collection) -> bool:
    try:
        return collection.indices.seq == collection.catalog.seq(collection.info.id)[0]
    except NotFound:  # dropped; its name may be another's by now
        return False
