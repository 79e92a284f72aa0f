"""The generators that a server lets requests choose from, each loaded once."""

import logging
import threading
from collections.abc import Sequence

from api.generator_names import NoGenerator, public_names
from embedstore.answering import generators
from embedstore.answering.generators import EndpointSettings
from embedstore.answering.types import Generator
from embedstore.errors import EmbedStoreError, NotFound

log = logging.getLogger("embedstore.api")


class Allowed:
    """Names that requests may give; no request can make the server load anything else."""

    def __init__(self, names: Sequence[str] = (), endpoint: EndpointSettings | None = None) -> None:
        """Take the names.

        Args:
            names: Of generators, the first answers requests that name none; without any, the
                bundled ones are allowed, and the one that fits the collection answers.
            endpoint: How endpoints are asked.
        """
        self._given, self._endpoint = public_names(names), endpoint
        self._loaded: dict[str, Generator] = {}
        self._loading = threading.Lock()

    def load(self) -> None:
        """Load what was named, before anybody asks for it.

        Raises:
            EmbedStoreError: Why one of them cannot be loaded, for whoever starts the server.
        """
        for public, name in self._given.items():
            self._loaded[public] = generators.load(name, endpoint=self._endpoint)

    def of(self, name: str | None, space: str) -> tuple[str, Generator]:
        """Give a generator, and what it is called at the door.

        Args:
            name: That a request gave, if any: the public one, or as the server was started with.
            space: Fingerprint of the vectors that it must understand.

        Raises:
            NotFound: It is not allowed here.
            NoGenerator: It is, and cannot be loaded; why is for the log.
        """
        allowed = self._given or {each: each for each in generators.bundled()}
        first = next(iter(self._given), None)
        wanted = name or first or generators.best_for(space)
        public = next((each for each, given in allowed.items() if wanted in (each, given)), None)
        if public is None:
            raise NotFound(
                f"generator {wanted[:80]!r} is not allowed by this server; expected one of: "
                f"{', '.join(allowed)}"
            )
        with self._loading:
            if public not in self._loaded:
                self._loaded[public] = self._load(public, allowed[public])
            return public, self._loaded[public]

    def _load(self, public: str, name: str) -> Generator:
        try:
            return generators.load(name, endpoint=self._endpoint)
        except EmbedStoreError as error:
            log.error("generator %s: %s", public, error)
            raise NoGenerator(
                f"the generator {public} cannot be loaded; the server's log says why; "
                "choose another"
            ) from error
