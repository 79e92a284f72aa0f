"""Pictures from addresses on the internet: bounded, and never from a private machine.

A name is resolved once, every address that it has is checked, and the connection goes to a checked
one; so nothing is left between the check and the use. Each redirect starts anew. There is one
parser of URLs, no proxy, no cookie, and nothing is unpacked.
"""

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import SplitResult, urljoin, urlsplit

from api.fetching_addresses import Address, addresses_of, is_public, parsed
from embedstore.corpus.bounds import DEFAULT_LIMITS
from embedstore.errors import BadImage

MOST_REDIRECTS = 3
MOST_ADDRESSES = 4  # of one name that are tried
REDIRECTS = frozenset({301, 302, 303, 307, 308})
PIECE = 1 << 16
PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Fetching:
    """How pictures are fetched.

    Attributes:
        seconds: For one picture, all redirects together.
        most_bytes: Of one picture.
        allowed: Whether an address may be connected to.
    """

    seconds: float = 10.0
    most_bytes: int = DEFAULT_LIMITS.bytes
    allowed: Callable[[Address], bool] = is_public

    def fetch(self, url: str) -> bytes:
        """Give what lies at an address.

        Raises:
            BadImage: It is no public address, or gives no picture within the bounds.
        """
        until = time.monotonic() + self.seconds
        for _ in range(MOST_REDIRECTS + 1):
            target = _checked(url)
            try:
                answer = self._asked(target, until)
            except (OSError, http.client.HTTPException, ValueError) as error:
                kind = type(error).__name__
                raise BadImage(f"no picture came from {_spoken(target)} ({kind})") from error
            if isinstance(answer, bytes):
                return answer
            url = urljoin(target.geturl(), answer.location)
        raise BadImage(f"{_spoken(target)} redirects more than {MOST_REDIRECTS} times")

    def _asked(self, target: SplitResult, until: float) -> "bytes | _Elsewhere":
        """Ask once; whatever the other side does, the line is cut at the end of the time."""
        line = self._connected(target, until)
        late = threading.Timer(max(0.0, until - time.monotonic()), _cut, (line,))
        late.daemon = True
        late.start()
        try:
            if isinstance(line, ssl.SSLSocket):
                line.do_handshake()
            return self._answered(target, line, until)
        finally:
            late.cancel()
            line.close()

    def _connected(self, target: SplitResult, until: float) -> socket.socket:
        found = addresses_of(str(target.hostname), target.port or PORTS[target.scheme])
        if not all(self.allowed(parsed(address)) for address, _ in found):
            raise BadImage(f"{_spoken(target)} is not of the public internet; send the picture")
        failed: OSError = TimeoutError()
        for place in found[:MOST_ADDRESSES]:
            left = until - time.monotonic()
            if left <= 0:
                break
            try:
                return _secured(target, socket.create_connection(place, timeout=left))
            except OSError as error:
                failed = error
        raise failed

    def _answered(
        self, target: SplitResult, line: socket.socket, until: float
    ) -> "bytes | _Elsewhere":
        asked = http.client.HTTPConnection(
            str(target.hostname), target.port or http.client.HTTP_PORT
        )
        asked.sock = line
        asked.request("GET", _path(target), headers={"Accept": "image/*", "Connection": "close"})
        with asked.getresponse() as answer:
            if answer.status in REDIRECTS and (place := answer.getheader("Location")):
                return _Elsewhere(place)
            if answer.status != 200:
                raise BadImage(f"{_spoken(target)} answers with status {answer.status}")
            return self._body(answer, target, until)

    def _body(self, answer: http.client.HTTPResponse, target: SplitResult, until: float) -> bytes:
        held = bytearray()
        while piece := answer.read(PIECE):
            held += piece
            if len(held) > self.most_bytes:
                raise BadImage(f"{_spoken(target)} gives more than {self.most_bytes:,} bytes")
        if time.monotonic() > until:  # what came may be cut
            raise TimeoutError
        return bytes(held)


@dataclass(frozen=True)
class _Elsewhere:
    location: str


def _checked(url: str) -> SplitResult:
    """Take an address apart; what two parsers could read in two ways is refused."""
    target = None
    if url.isascii() and url.isprintable() and not set(url) & set(' \\"<>^`{|}'):
        try:
            target = urlsplit(url)
            plain = (
                target.scheme in PORTS and target.hostname and not set(target.netloc) & set("@%")
            )
            target = target if plain and target.port != 0 else None
        except ValueError:
            target = None
    if target is None:
        raise BadImage(
            f"the address {url[:80]!r} is not understood; expected http:// or https://, a host "
            "and a path in ASCII, without user or spaces"
        )
    return target


def _secured(target: SplitResult, line: socket.socket) -> socket.socket:
    if target.scheme == "http":
        return line
    return ssl.create_default_context().wrap_socket(
        line, server_hostname=target.hostname, do_handshake_on_connect=False
    )


def _path(target: SplitResult) -> str:
    path = target.path or "/"
    return f"{path}?{target.query}" if target.query else path


def _spoken(target: SplitResult) -> str:
    """Name an address without what may be secret in it."""
    return repr(f"{target.scheme}://{str(target.hostname)[:80]}")


def _cut(line: socket.socket) -> None:
    with suppress(OSError):  # closed already
        socket.socket.shutdown(line, socket.SHUT_RDWR)
