"""The encoders of a service: one of each space, shared by its collections and requests."""

import logging
import threading

from api.encoder_names import BUNDLED, NoEncoder, model_name
from embedstore import Collection, Store, encoders
from embedstore.encoding_queue import QueuedEncoder
from embedstore.errors import EmbedStoreError, NotFound
from embedstore.types import Encoder

log = logging.getLogger("embedstore.api")


class ReadyEncoders:
    """Encoders behind queues, loaded when first needed."""

    def __init__(self, store: Store, most_waiting: int) -> None:
        """Take a store.

        Args:
            store: Whose collections are encoded for.
            most_waiting: Calls that wait for one encoder at most.
        """
        self._store, self._most_waiting = store, most_waiting
        self._queues: dict[str, QueuedEncoder] = {}
        self._named: dict[str, QueuedEncoder] = {}
        self._locks: dict[str, threading.Lock] = {}

    def serve(self, collection: Collection) -> None:
        """Let a collection encode through the queue of its space.

        Raises:
            NoEncoder: It cannot be loaded.
        """
        space = collection.info.space
        with self._alone(space.fingerprint):
            if space.fingerprint not in self._queues:
                self._queues[space.fingerprint] = self._queue(_loaded(collection))
        collection.use(self._queues[space.fingerprint])

    def waiting(self) -> dict[str, int]:
        """Give how many calls wait for each encoder that is loaded."""
        return {model_name(queue.space): queue.waiting for queue in list(self._queues.values())}

    def _alone(self, name: str) -> threading.Lock:
        """Give the lock of one encoder: nobody waits for another that is slow to load."""
        return self._locks.setdefault(name, threading.Lock())

    def models(self) -> list[str]:
        """Name the encoders that requests may choose: the bundled one and those in use."""
        used = (model_name(info.space) for info in self._store.collections())
        return list(dict.fromkeys((*BUNDLED, *used)))

    def of(self, model: str) -> QueuedEncoder:
        """Give an encoder by the name of its model.

        Raises:
            NotFound: It is none of `models`; no request can make the server load anything else.
        """
        for info in self._store.collections():
            if model_name(info.space) == model:
                self.serve(self._store.collection(info.name))
                return self._queues[info.space.fingerprint]
        if model not in BUNDLED:
            raise NotFound(f"no model {model[:80]!r}; expected one of: {', '.join(self.models())}")
        return self.named(model)

    def named(self, name: str) -> QueuedEncoder:
        """Give an encoder by the name that `encoders.load` takes, loaded once."""
        with self._alone(name):
            if name not in self._named:
                loaded = encoders.load(name)
                space = loaded.space.fingerprint
                with self._alone(space):
                    if space not in self._queues:
                        self._queues[space] = self._queue(loaded)
                self._named[name] = self._queues[space]
            return self._named[name]

    def _queue(self, encoder: Encoder) -> QueuedEncoder:
        return QueuedEncoder(encoder, most_waiting=self._most_waiting)

    def close(self) -> None:
        """Finish what waits."""
        for queue in self._queues.values():
            queue.close()


def _loaded(collection: Collection) -> Encoder:
    try:
        return collection.encoder
    except EmbedStoreError as error:
        name = model_name(collection.info.space)
        log.error("encoder %s: %s", name, error)
        raise NoEncoder(
            f"the encoder {name} of collection {collection.name!r} cannot be loaded; "
            "the server's log says why; other collections are served"
        ) from error
