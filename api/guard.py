"""What stands before every route: body limit, API key, host names, security headers."""

import hmac
from collections.abc import Iterable

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import problem
from api.settings import MAX_BODY_BYTES

OPEN_PATHS = frozenset({"/", "/page.js", "/page.css", "/v1/health"})  # they hold no data
TOO_LARGE = f"the body exceeds {MAX_BODY_BYTES} bytes; send less, or smaller pictures"
HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
)


class Guard:
    """Refuse what must not reach a route, before its body is read whole."""

    def __init__(self, app: ASGIApp, api_key: str | None, hosts: Iterable[str] | None) -> None:
        self._app = app
        self._key = api_key.encode() if api_key else None
        # Pages of other sites can make a browser call loopback under a name of theirs.
        self._hosts = None if hosts is None else frozenset(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or pass it on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        refusal = self._refusal(scope["path"], headers)
        guarded = _with_headers(send)
        if refusal is not None:
            status, title, detail = refusal
            await problem(status, title, detail)(scope, receive, guarded)
            return
        await self._app(scope, _bounded(receive), guarded)

    def _refusal(self, path: str, headers: dict[bytes, bytes]) -> tuple[int, str, str] | None:
        host = headers.get(b"host", b"").decode("latin-1").lower()
        if self._hosts is not None and _name(host) not in self._hosts:
            return 421, "WrongHost", f"this server answers to {', '.join(sorted(self._hosts))}"
        if self._hosts is not None and self._key is None:
            # Browsers name the site whose page sends a request, but for links and pictures.
            origin = headers.get(b"origin", b"").decode("latin-1").lower()
            if origin and origin.partition("://")[2] != host:
                return 403, "ForeignOrigin", "pages of other sites may not use this server"
        length = headers.get(b"content-length", b"0")
        if not length.isdigit() or int(length) > MAX_BODY_BYTES:
            return 413, "Content Too Large", TOO_LARGE
        if self._key is not None and path not in OPEN_PATHS:
            sent = headers.get(b"authorization", b"").removeprefix(b"Bearer ")
            if not hmac.compare_digest(sent, self._key):
                return 401, "Unauthorized", "send the API key as `Authorization: Bearer KEY`"
        return None


def _name(host: str) -> str:
    """Give the name in a Host header: without port, and without the brackets of IPv6."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def _bounded(receive: Receive) -> Receive:
    seen = 0

    async def bounded() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > MAX_BODY_BYTES:
            raise HTTPException(413, TOO_LARGE)
        return message

    return bounded


def _with_headers(send: Send) -> Send:
    async def guarded(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message["headers"], *HEADERS]}
        await send(message)

    return guarded
