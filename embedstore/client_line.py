"""Requests to a server: retried where it did not take them, errors of one tree."""

import time
from typing import Any
from urllib.parse import quote

import httpx

from embedstore import errors
from embedstore.errors import EmbedStoreError, Invalid, NotAllowed, NotFound, Unavailable

SECONDS, RETRIES = 60.0, 3
LONGEST_PAUSE = 10.0
KEPT_SECONDS = 3.0  # of an idle connection; the server closes it after 5
# What may be sent twice: a search, and what leaves the store as it was after the first time
REPEATABLE = {
    *("search", "search_many", "search_page", "explain", "caption", "ask"),
    *("items", "delete"),
}
_BROKEN = (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError)


def part(name: str) -> str:
    """Give a name as one part of a path.

    Raises:
        NotFound: It would be resolved on the way, and something else be asked.
    """
    if name in ("", ".", ".."):
        raise NotFound(f"nothing is called {name!r}; expected a name that an address can hold")
    return quote(name, safe="")


class Line:
    """Connections to one server."""

    def __init__(self, url: str, key: str | None, seconds: float, retries: int) -> None:
        if not url.startswith(("http://", "https://")):
            raise Invalid(f"url {url!r}; expected one such as http://localhost:8000")
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        self._url, self._retries = url, retries
        self._client = httpx.Client(
            base_url=f"{url.rstrip('/')}/v1",
            headers=headers,
            timeout=seconds,
            limits=httpx.Limits(keepalive_expiry=KEPT_SECONDS),
        )

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Send a request and give the JSON of its answer; see `raw`."""
        answer = self.raw(method, path, body)
        return answer.json() if answer.content else None

    def raw(self, method: str, path: str, body: Any = None) -> httpx.Response:
        """Send a request, again where the server did not take it.

        So is what may be sent twice where the connection broke, as one does that the server closed
        at that moment. Of items that were stored or deleted all the same, the answer then says that
        they were replaced, or were not there.

        Raises:
            EmbedStoreError: What the server raised, of the same kind.
            Unavailable: It cannot be reached, or stays busy.
        """
        for left in range(self._retries, -1, -1):
            try:
                answer = self._client.request(method, path, json=body)
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
    if isinstance(kind, type) and issubclass(kind, EmbedStoreError):
        return kind(detail)
    if status in (401, 403):
        return NotAllowed(detail)
    if status in (408, 429, 503):
        return Unavailable(detail)
    return Invalid(detail) if status < 500 else EmbedStoreError(detail)
