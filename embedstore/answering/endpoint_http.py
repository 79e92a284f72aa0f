"""One call to a chat endpoint: bounded in time and size, tried again where that can help."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from embedstore.errors import Invalid, Unavailable

_LARGEST = 1 << 20  # bytes of a reply
_FIRST_PAUSE = 0.5  # seconds; doubled each time
_AGAIN = {408, 429, 500, 502, 503, 504}


class _TryAgain(Exception):
    """A failure that may pass."""

    def __init__(self, reason: str, pause: float = 0.0) -> None:
        super().__init__(reason)
        self.pause = pause


@dataclass(frozen=True)
class Limits:
    """What one call may cost.

    Attributes:
        timeout: Of each attempt, seconds.
        retries: Attempts after the first.
        budget: Of the call with all its attempts and pauses, seconds.
    """

    timeout: float
    retries: int
    budget: float


def address(url: str) -> str:
    """Complete the address of a server to that of its chat completions.

    Raises:
        Invalid: It is not a plain http or https address.
    """
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        parsed = httpx.URL("")
    plain = parsed.scheme in ("http", "https") and parsed.host
    if not plain or parsed.userinfo or parsed.query or parsed.fragment:
        shown = "an address with a user, query or fragment" if plain else repr(url)
        raise Invalid(
            f"the endpoint is {shown}; expected http:// or https://, a host and perhaps a path, "
            "such as http://127.0.0.1:11434/v1; give a key by its own setting"
        )
    place = str(parsed).rstrip("/")
    if place.endswith("/chat/completions"):
        return place
    return place + ("" if parsed.path.rstrip("/") else "/v1") + "/chat/completions"


def post(client: httpx.Client, url: str, body: Mapping[str, Any], limits: Limits) -> bytes:
    """Send a request until it is answered or cannot be.

    Args:
        client: Holds the key; follows no redirect.
        url: Where to.
        body: Sent as JSON.
        limits: Of time.

    Raises:
        Unavailable: No answer came within the limits, or one that is none.
    """
    end = time.monotonic() + limits.budget
    reason = "no time was given"
    for attempt in range(limits.retries + 1):
        left = end - time.monotonic()
        if left <= 0:
            break
        try:
            return _once(client, url, body, min(limits.timeout, left))
        except _TryAgain as failure:
            reason = str(failure)
            pause = max(failure.pause, _FIRST_PAUSE * 2**attempt)
            if attempt == limits.retries or time.monotonic() + pause >= end:
                break
            time.sleep(pause)
    raise _unavailable(url, f"{reason}; expected an answer within {limits.budget:g} s")


def _once(client: httpx.Client, url: str, body: Mapping[str, Any], seconds: float) -> bytes:
    end = time.monotonic() + seconds
    try:
        with client.stream("POST", url, json=body, timeout=seconds) as response:
            if response.status_code in _AGAIN:
                raise _TryAgain(f"HTTP status {response.status_code}", _asked_pause(response))
            if response.status_code != httpx.codes.OK:
                raise _unavailable(url, f"HTTP status {response.status_code}; expected 200")
            data = bytearray()
            for part in response.iter_bytes():
                data += part
                if len(data) > _LARGEST:
                    raise _unavailable(url, f"more than the {_LARGEST:,} bytes expected at most")
                if time.monotonic() > end:
                    raise _TryAgain(f"no whole answer in {seconds:.1f} s")
            return bytes(data)
    except (httpx.TransportError, httpx.DecodingError) as error:
        raise _TryAgain(type(error).__name__) from error


def _asked_pause(response: httpx.Response) -> float:
    """Read Retry-After, seconds or a date; 0 where there is none."""
    asked = response.headers.get("retry-after", "").strip()
    if asked.isdecimal() and len(asked) < 10:
        return float(asked)
    try:
        until = parsedate_to_datetime(asked)
    except ValueError:
        return 0.0
    return max(0.0, (until.astimezone(UTC) - datetime.now(UTC)).total_seconds())


def _unavailable(url: str, reason: str) -> Unavailable:
    return Unavailable(
        f"{url}: {reason}; check the server, the model's name and the key, "
        "or use the generator consensus"
    )
