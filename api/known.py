"""Collections that were opened before, had without asking the store who has their name."""

from collections.abc import Callable
from typing import TypeVar

from embedstore import Collection, Store
from embedstore.errors import Moved

T = TypeVar("T")


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

    def _opened(self, name: str) -> Collection:
        opened = self._known[name] = self._store.collection(name)
        return opened
