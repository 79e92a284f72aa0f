"""Collections that were opened before, had without asking the store who has their name."""

from collections.abc import Callable
from typing import TypeVar

from embedstore import Collection, Store
from embedstore.errors import Moved, NotFound

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

    def caught_up(self, name: str) -> bool:
        """Say whether a collection is open and has seen the last commit: a search only searches."""
        known = self._known.get(name)
        if known is None:
            return False
        try:
            return known.indices.seq == known.catalog.seq(known.info.id)[0]
        except NotFound:
            return False

    def ask_once(self, name: str, question: Callable[[Collection], T]) -> T:
        """Give what a question gives, asked of a collection that is open.

        Raises:
            Moved: Its name moved on; `ask` opens whichever has it.
        """
        return question(self._known[name])

    def _opened(self, name: str) -> Collection:
        opened = self._known[name] = self._store.collection(name)
        return opened
