"""The generators that a server lets requests choose from, each loaded once."""

import threading
from collections.abc import Sequence

from embedstore.answering import generators
from embedstore.answering.types import Generator
from embedstore.errors import NotFound, Unavailable


class Allowed:
    """Names that requests may give; no request can make the server load anything else."""

    def __init__(self, names: Sequence[str] = (), key: str | None = None) -> None:
        """Take the names.

        Args:
            names: Of generators, the first answers requests that name none; without any, the
                bundled ones are allowed, and the one that fits the collection answers.
            key: What an endpoint wants to be sent.
        """
        self._names, self._key = tuple(names), key
        self._loaded: dict[str, Generator] = {}
        self._loading = threading.Lock()

    def of(self, name: str | None, space: str) -> Generator:
        """Give a generator.

        Args:
            name: That a request gave, if any.
            space: Fingerprint of the vectors that it must understand.

        Raises:
            NotFound: It is not allowed here.
            Unavailable: It is, and its files are gone; what says where they were is for the log.
        """
        allowed = self._names or generators.bundled()
        wanted = name or (self._names[0] if self._names else generators.best_for(space))
        if wanted not in allowed:
            raise NotFound(
                f"generator {wanted[:80]!r} is not allowed by this server; expected one of: "
                f"{', '.join(allowed)}"
            )
        with self._loading:
            if wanted not in self._loaded:
                self._loaded[wanted] = self._load(wanted)
            return self._loaded[wanted]

    def _load(self, name: str) -> Generator:
        try:
            return generators.load(name, key=self._key)
        except NotFound as error:
            raise Unavailable(str(error)) from error
