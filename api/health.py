"""Whether the service lives, and whether it answers as it did when it began."""

import logging
import threading
import time
from typing import Literal

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from api.encoder_names import model_name
from embedstore import Store
from embedstore.catalog import CollectionInfo
from embedstore.errors import EmbedStoreError
from embedstore.types import Vectors

CANARY = "a dog runs on the beach"
LEAST_COSINE = 0.999
TRUSTED_SECONDS = 5.0  # anyone may ask: the canary is not encoded more often than this

log = logging.getLogger("embedstore.api")
router = APIRouter(prefix="/health", tags=["health"])


class Life(BaseModel):
    """That the process answers."""

    status: Literal["live"] = "live"


State = Literal["ready", "not ready"]


class Readiness(BaseModel):
    """Whether requests would be answered."""

    status: Literal["ready", "degraded", "not ready"] = Field(
        description="Degraded: some encoder is missing, and the collections of others are served."
    )
    encoders: dict[str, State] = {}


class Canary:
    """One text, encoded again and again in each space of a store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._first: dict[str, Vectors] = {}
        self._checking = threading.Lock()
        self._last: tuple[float, Readiness] | None = None
        self._thread = CapacityLimiter(1)  # not one of those that stuck requests hold

    async def told(self) -> Readiness:
        """Say the same in a thread that no other request can take."""
        return await to_thread.run_sync(self.sings, limiter=self._thread)

    def sings(self) -> Readiness:
        """Say whether the catalog opens and every encoder gives what it gave at first."""
        with self._checking:
            now = time.monotonic()
            if self._last is None or now - self._last[0] > TRUSTED_SECONDS:
                self._last = (now, self._checked())
            return self._last[1]

    def _checked(self) -> Readiness:
        try:
            spaces = {model_name(info.space): info for info in self._store.collections()}
        except EmbedStoreError as error:
            log.error("not ready: %s", error)
            return Readiness(status="not ready")
        sound = {name: self._sound(info) for name, info in spaces.items()}
        encoders: dict[str, State] = {
            name: "ready" if fine else "not ready" for name, fine in sound.items()
        }
        if all(sound.values()):
            return Readiness(status="ready", encoders=encoders)
        return Readiness(
            status="degraded" if any(sound.values()) else "not ready", encoders=encoders
        )

    def _sound(self, info: CollectionInfo) -> bool:
        try:
            return self._same(info.space.fingerprint, info.name)
        except EmbedStoreError as error:
            log.error("not ready: encoder %s: %s", model_name(info.space), error)
            return False

    def _same(self, space: str, name: str) -> bool:
        now = self._store.collection(name).encoder.encode_texts([CANARY])[0]
        near = float(now @ self._first.setdefault(space, now))
        if not near >= LEAST_COSINE:  # a NaN is not
            log.error("not ready: %r encodes the canary otherwise (cosine %.4f)", name, near)
        return near >= LEAST_COSINE


@router.get("/live")
async def live() -> Life:  # in the event loop, which needs no thread to answer
    """Say that the process answers."""
    return Life()


@router.get("/ready", responses={503: {"model": Readiness, "description": "Not ready."}})
async def ready(request: Request, response: Response) -> Readiness:
    """Open the catalog and encode a canary with every encoder, at most every few seconds."""
    canary: Canary = request.app.state.canary
    told = await canary.told()
    if told.status == "not ready":
        response.status_code = 503
    return told
