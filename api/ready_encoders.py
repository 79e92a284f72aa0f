"""The encoders of a service: one of each space, shared by its collections and requests."""

import threading

from api.encoder_names import BUNDLED, model_name
from embedstore import Collection, Store, encoders
from embedstore.encoding_queue import QueuedEncoder
from embedstore.errors import NotFound


class ReadyEncoders:
    """Encoders behind queues, loaded when first needed."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._queues: dict[str, QueuedEncoder] = {}
        self._named: dict[str, QueuedEncoder] = {}
        self._adding = threading.Lock()

    def serve(self, collection: Collection) -> None:
        """Let a collection encode through the queue of its space."""
        space = collection.info.space.fingerprint
        with self._adding:
            queue = self._queues.get(space)
            if queue is None:
                queue = self._queues[space] = QueuedEncoder(collection.encoder)
        collection.use(queue)

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
        with self._adding:
            if name not in self._named:
                loaded = encoders.load(name)
                space = loaded.space.fingerprint
                if space not in self._queues:
                    self._queues[space] = QueuedEncoder(loaded)
                self._named[name] = self._queues[space]
            return self._named[name]

    def close(self) -> None:
        """Finish what waits."""
        for queue in self._queues.values():
            queue.close()
