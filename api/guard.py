"""What stands before every route: host names, origins, API keys, limits, security headers."""

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.keys import Key, KeyRing, digest_of
from api.keys_scopes import beyond, bound, is_open, reaches, scope_needed
from api.limits import Limits, Rate
from api.limits_time import Bounded, too_large
from api.problems import note, problem
from api.telemetry import route_of
from embedstore.errors import EmbedStoreError

log = logging.getLogger("embedstore.api")

# The page brings all it needs; pictures it fetched with a key are blobs.
POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
WATCHED = frozenset({"/health/live", "/metrics"})  # answered under any load
PROBED = WATCHED | {"/health/ready"}  # by machines that know the service by its address alone
BEARER = re.compile(rb"\Abearer +", re.IGNORECASE)  # RFC 9110: a scheme in any case
HEADERS = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
)
# No other site's page shows what a server answers, unless some may use it
OWN_PAGE_ALONE = ((b"cross-origin-resource-policy", b"same-origin"),)


@dataclass(frozen=True)
class Door:
    """Whom the service lets in, and how much of it they may take.

    Attributes:
        api_key: One that may do all, made by whoever starts the server; None for none.
        keys: Those that were made for the store; None asks for none of them.
        hosts: Names the server answers to; None for any.
        origins: Other sites whose pages may use it.
        limits: What a request and a key may cost.
    """

    api_key: str | None = None
    keys: KeyRing | None = None
    hosts: frozenset[str] | None = None
    origins: Sequence[str] = ()
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True)
class _Refusal:
    """Why a request reaches no route."""

    status: int
    title: str
    detail: str
    headers: tuple[tuple[str, str], ...] = ()


def install(app: FastAPI, door: Door) -> None:
    """Set a guard before an application."""
    app.add_middleware(Guard, door=door)
    if door.origins:
        # Outermost: a browser asks without a key whether a page may ask with one.
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(door.origins),
            allow_methods=["*"],
            allow_headers=["authorization", "content-type", "x-request-id"],
            expose_headers=["x-request-id", "retry-after", "etag"],
        )


class Guard:
    """Refuse what must not reach a route, before its body is read."""

    def __init__(self, app: ASGIApp, door: Door) -> None:
        self._inner, self._app = app, Bounded(app, door.limits)
        self._door = door
        self._headers = HEADERS if door.origins else HEADERS + OWN_PAGE_ALONE
        self._rate = Rate(door.limits.rate)
        self._fixed = (
            Key("environment", "admin", None, digest_of(door.api_key), "") if door.api_key else None
        )
        # Once asked for, keys are asked for until the end, whatever happens to their file.
        self._asks = self._fixed is not None
        self._asks = self._asks_for_keys()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or pass it on."""
        if scope["type"] != "http":
            await self._inner(scope, receive, send)
            return
        guarded = _Guarded(send, self._headers)
        refusal = self._refusal(scope)
        if refusal is None:
            await self._answered(scope, receive, guarded)
            return
        scope["embedstore.refused"] = refusal.title
        answer = problem(
            refusal.status, refusal.title, refusal.detail, headers=dict(refusal.headers)
        )
        await answer(scope, receive, guarded)

    async def _answered(self, scope: Scope, receive: Receive, guarded: "_Guarded") -> None:
        """Pass a request on; what fails unexpectedly is answered here, with all headers."""
        try:
            await self._app(scope, receive, guarded)
        except Exception as error:
            if guarded.begun:
                raise
            note(route_of(scope), error)
            told = problem(500, "InternalError", "unexpected error; see the server's log")
            await told(scope, receive, guarded)

    def _refusal(self, scope: Scope) -> _Refusal | None:
        headers = dict(scope["headers"])
        return (
            self._stranger(scope, headers)
            or self._crowded(scope["path"])  # first of the dear ones: it is asked under load
            or self._unknown(scope, headers)
            or self._too_much(headers)
        )

    def _stranger(self, scope: Scope, headers: dict[bytes, bytes]) -> _Refusal | None:
        # Pages of other sites can make a browser call loopback under a name of theirs.
        hosts = self._door.hosts
        if hosts is None:
            return None
        host = headers.get(b"host", b"").decode("latin-1").lower()
        if scope["method"] == "GET" and scope["path"] in PROBED:
            return None
        if _name(host) not in hosts:
            return _Refusal(421, "WrongHost", f"this server answers to {', '.join(sorted(hosts))}")
        # Browsers name the site whose page sends a request, but for links and pictures.
        origin = headers.get(b"origin", b"").decode("latin-1").lower()
        own = origin in self._door.origins or origin.partition("://")[2] == host
        known = own if origin else not _embedded(scope["method"], headers)
        if not known and not self._asks_for_keys():
            return _Refusal(403, "ForeignOrigin", "pages of other sites may not use this server")
        return None

    def _unknown(self, scope: Scope, headers: dict[bytes, bytes]) -> _Refusal | None:
        path = scope["path"]
        if is_open(path) or not self._asks_for_keys():
            return None
        try:
            key = self._holder(BEARER.sub(b"", headers.get(b"authorization", b"")))
        except EmbedStoreError as error:
            log.error("the API keys: %s", error)
            return _Refusal(500, "KeysUnreadable", "keys cannot be checked; see the server's log")
        if key is None:
            told = "send the API key as `Authorization: Bearer KEY`"
            if b"authorization" in headers:
                told = f"this server knows no such API key; {told}"
            return _Refusal(401, "Unauthorized", told, (("www-authenticate", "Bearer"),))
        scope.setdefault("state", {})["key"] = key
        return _beyond(key, scope["method"], path) or self._hurried(key)

    def _holder(self, token: bytes) -> Key | None:
        made = None if self._door.keys is None else self._door.keys.holder(token)
        return made or (self._fixed if self._fixed and self._fixed.is_of(token) else None)

    def _hurried(self, key: Key) -> _Refusal | None:
        waits = self._rate.take(key.digest)
        if not waits:
            return None
        told = f"key {key.name!r} may ask {self._door.limits.rate:g} times a second; wait {waits} s"
        return _Refusal(429, "RateLimited", told, (("retry-after", str(waits)),))

    def _crowded(self, path: str) -> _Refusal | None:
        if not self._app.full or path in WATCHED:
            return None
        told = "too many requests wait for their answer; try again"
        return _Refusal(503, "Overloaded", told, (("retry-after", "1"),))

    def _too_much(self, headers: dict[bytes, bytes]) -> _Refusal | None:
        most = self._door.limits.body_bytes
        length = headers.get(b"content-length", b"0")
        if not length.isdigit() or int(length) > most:
            return _Refusal(413, "Content Too Large", too_large(most))
        return None

    def _asks_for_keys(self) -> bool:
        ring = self._door.keys
        self._asks = self._asks or (ring is not None and ring.exists())
        return self._asks


def _beyond(key: Key, method: str, path: str) -> _Refusal | None:
    needed = scope_needed(method, path)
    if not key.allows(needed):
        return _Refusal(403, "OutOfScope", beyond(key, needed))
    if key.collection is not None and not reaches(method, path, key.collection):
        return _Refusal(403, "OutOfScope", bound(key))
    return None


def _embedded(method: str, headers: dict[bytes, bytes]) -> bool:
    """Say whether a page of another site has what is asked for as a part of it, and no link."""
    followed = method == "GET" and headers.get(b"sec-fetch-mode") == b"navigate"
    return headers.get(b"sec-fetch-site") == b"cross-site" and not followed


def _name(host: str) -> str:
    """Give the name in a Host header: without port, and without the brackets of IPv6."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


class _Guarded:
    """What is sent, with the headers that every answer has."""

    def __init__(self, send: Send, headers: tuple[tuple[bytes, bytes], ...]) -> None:
        self._send, self._headers = send, headers
        self.begun = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.begun = True
            message = {**message, "headers": [*message["headers"], *self._headers]}
        await self._send(message)
