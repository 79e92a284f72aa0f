"""What the service tells of its requests: an id, a time, a line; nothing of what was asked."""

import logging
import re
import time
import uuid
from contextvars import ContextVar
from functools import cache

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.telemetry_metrics import IN_FLIGHT, REFUSED, REQUESTS

GIVEN_ID = re.compile(r"[A-Za-z0-9_.-]{1,64}")
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

_of_requests = cache(REQUESTS.labels)  # which looks for its own each time, and slowly
request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
log = logging.getLogger("embedstore.requests")


class Telemetry:
    """Number, time and log every request, also those that are refused."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), 500
        name = _id(scope)
        request_id.set(name)

        async def numbered(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                told = (b"x-request-id", name.encode())
                message = {**message, "headers": [*message["headers"], told]}
            await send(message)

        IN_FLIGHT.inc()
        try:
            await self._app(scope, receive, numbered)
        finally:
            IN_FLIGHT.dec()
            _note(scope, status, time.perf_counter() - began)


def _id(scope: Scope) -> str:
    given = dict(scope["headers"]).get(b"x-request-id", b"").decode("latin-1")
    return given if GIVEN_ID.fullmatch(given) else uuid.uuid4().hex


def route_of(scope: Scope) -> str:
    """Name what was asked: paths and methods are the client's words; only a route's are told."""
    route = getattr(scope.get("route"), "path", "none")
    return f"{_method(scope)} {route}"


def _method(scope: Scope) -> str:
    return scope["method"] if scope["method"] in METHODS else "other"


def _note(scope: Scope, status: int, seconds: float) -> None:
    method, _, route = route_of(scope).partition(" ")
    _of_requests(method, route, status).observe(seconds)
    if "embedstore.refused" in scope:
        REFUSED.labels(scope["embedstore.refused"]).inc()
    if log.isEnabledFor(logging.INFO):
        told = {"method": method, "route": route, "status": status, "ms": round(seconds * 1e3, 2)}
        log.info("request", extra={"told": told})
