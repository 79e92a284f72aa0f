"""Whether the service lives, and whether it answers as it did when it began."""

import logging
import threading
import time
from typing import Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from embedstore import Store
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


class Readiness(BaseModel):
    """Whether requests would be answered."""

    status: Literal["ready", "not ready"]


class Canary:
    """One text, encoded again and again in each space of a store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._first: dict[str, Vectors] = {}
        self._checking = threading.Lock()
        self._last: tuple[float, bool] | None = None

    def sings(self) -> bool:
        """Say whether the catalog opens and every encoder gives what it gave at first."""
        with self._checking:
            now = time.monotonic()
            if self._last is None or now - self._last[0] > TRUSTED_SECONDS:
                self._last = (now, self._sound())
            return self._last[1]

    def _sound(self) -> bool:
        try:
            spaces = {info.space.fingerprint: info.name for info in self._store.collections()}
            return all(self._same(space, name) for space, name in spaces.items())
        except EmbedStoreError as error:
            log.error("not ready: %s", error)
            return False

    def _same(self, space: str, name: str) -> bool:
        now = self._store.collection(name).encoder.encode_texts([CANARY])[0]
        near = float(now @ self._first.setdefault(space, now))
        if not near >= LEAST_COSINE:  # a NaN is not
            log.error("not ready: %r encodes the canary otherwise (cosine %.4f)", name, near)
        return near >= LEAST_COSINE


@router.get("/live")
def live() -> Life:
    """Say that the process answers."""
    return Life()


@router.get("/ready", responses={503: {"model": Readiness, "description": "Not ready."}})
def ready(request: Request, response: Response) -> Readiness:
    """Open the catalog and encode a canary with every encoder, at most every few seconds."""
    canary: Canary = request.app.state.canary
    if canary.sings():
        return Readiness(status="ready")
    response.status_code = 503
    return Readiness(status="not ready")
