"""Requests to a server: retried where it did not take them, errors of one tree."""

import json
import re
import time
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx

from embedstore import errors
from embedstore.errors import Conflict, EmbedStoreError, Invalid, NotAllowed, NotFound, Unavailable

SECONDS, RETRIES = 60.0, 3
LONGEST_PAUSE = 10.0
KEPT_SECONDS = 3.0  # of an idle connection; the server closes it after 5
# What may be sent twice: a search, and what leaves the store as it was after the first time
REPEATABLE = {
    *("search", "search_many", "search_page", "explain", "caption", "ask"),
    *("items", "delete"),
}
_HALF = re.compile("[\ud800-\udfff]")  # of a surrogate pair, which UTF-8 cannot hold
_BROKEN = (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError)


def part(name: str) -> str:
    """Give a name as one part of a path.

    Raises:
        NotFound: It would be resolved on the way, and something else be asked.
    """
    if name in ("", ".", ".."):
        raise NotFound(f"nothing is called {name!r}; expected a name that an address can hold")
    return quote(name, safe="", errors="backslashreplace")  # half a surrogate pair names nothing


class Line:
    """Connections to one server."""

    def __init__(self, url: str, key: str | None, seconds: float, retries: int) -> None:
        if not url.startswith(("http://", "https://")):
            raise Invalid(f"url {url!r}; expected one such as http://localhost:8000")
        if key is not None and not (key.isascii() and key.isprintable()):
            raise Invalid(
                "the key has signs outside printable ASCII; expected one as `embedstore keys "
                "create` prints it"
            )
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        self._url, self._retries = url, retries
        try:
            self._client = httpx.Client(
                base_url=f"{url.rstrip('/')}/v1",
                headers=headers,
                timeout=seconds,
                limits=httpx.Limits(keepalive_expiry=KEPT_SECONDS),
            )
        except httpx.InvalidURL as error:
            raise Invalid(
                f"url {url!r} is none ({error}); expected one such as http://localhost:8000"
            ) from error

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Send a request and give the JSON of its answer; see `raw`."""
        answer = self.raw(method, path, body)
        try:
            return answer.json() if answer.content else None
        except ValueError as error:
            kind = answer.headers.get("content-type", "no content type")[:80]
            raise Unavailable(
                f"{self._url} answered with {kind}; expected JSON of embedstore; check the address"
            ) from error

    def raw(self, method: str, path: str, body: Any = None) -> httpx.Response:
        """Send a request, again where the server did not take it.

        So is what may be sent twice where the connection broke, as one does that the server closed
        at that moment. Of items that were stored or deleted all the same, the answer then says that
        they were replaced, or were not there.

        Raises:
            EmbedStoreError: What the server raised, of the same kind.
            Invalid: The body is nothing that JSON can hold.
            Unavailable: It cannot be reached, or stays busy.
        """
        content = None if body is None else _json(body)
        headers = None if body is None else {"content-type": "application/json"}
        for left in range(self._retries, -1, -1):
            try:
                answer = self._client.request(method, path, content=content, headers=headers)
            except httpx.HTTPError as error:
                if not (left and _may_repeat(error, method, path)):
                    raise self._silent(error) from error
                time.sleep(0.1 * 2 ** (self._retries - left))
                continue
            if answer.is_success:
                return answer
            pause = answer.headers.get("retry-after", "")
            if not (left and answer.status_code in (429, 503) and pause.isdigit()):
                raise _error(answer)
            time.sleep(min(float(pause), LONGEST_PAUSE))
        raise AssertionError("the last attempt returns or raises")

    def _silent(self, error: httpx.HTTPError) -> Unavailable:
        if isinstance(error, httpx.ConnectError):
            told = f"cannot reach {self._url} ({error}); start it with `embedstore serve`"
            return Unavailable(told)
        return Unavailable(f"no answer from {self._url} ({type(error).__name__}); ask again")

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


def _json(body: Any) -> bytes:
    """Write a body; half a surrogate pair in a text as its escape, which is how it is given back.

    Raises:
        Invalid: It holds NaN, or what is no value of JSON.
    """
    try:
        text = json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as error:
        raise Invalid(
            f"what is asked cannot be sent ({error}); expected texts, finite numbers, true, "
            "false, None, lists and dicts of these"
        ) from error
    try:
        return text.encode()
    except UnicodeEncodeError:
        return _HALF.sub(lambda half: f"\\\\u{ord(half[0]):04x}", text).encode()


def _may_repeat(error: httpx.HTTPError, method: str, path: str) -> bool:
    if isinstance(error, httpx.ConnectError):
        return True
    # /collections/NAME/search, and not the collection that is called so
    of_one = path.strip("/").count("/") == 2
    harmless = method == "GET" or (of_one and path.rpartition("/")[2] in REPEATABLE)
    return harmless and isinstance(error, _BROKEN)


def _error(answer: httpx.Response) -> EmbedStoreError:
    try:
        told = answer.json()
        title, detail = str(told["title"]), str(told["detail"])
    except (ValueError, KeyError, TypeError):
        title, detail = "", f"status {answer.status_code} from a server that is not embedstore"
    return error_of(title, detail, answer.status_code)


def error_of(title: str, detail: str, status: int) -> EmbedStoreError:
    """Give the error that a server told of.

    Args:
        title: Its kind.
        detail: Its message.
        status: Of HTTP, which decides where there is no such kind here.
    """
    kind = getattr(errors, title, None)
    if status == HTTPStatus.UNAUTHORIZED:
        detail += "; from Python: embedstore.connect(url, key=KEY)"
    if isinstance(kind, type) and issubclass(kind, EmbedStoreError):
        return kind(detail)
    if status in (401, 403):
        return NotAllowed(detail)
    if status in (404, 409):
        return NotFound(detail) if status == 404 else Conflict(detail)
    if status in (408, 429, 503):
        return Unavailable(detail)
    return Invalid(detail) if status < 500 else EmbedStoreError(detail)
