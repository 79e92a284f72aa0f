"""Pictures that requests name instead of sending them: data URLs, and addresses where allowed."""

import base64
import binascii
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from api.fetching import Fetching
from api.schemas import Pictured
from embedstore.errors import BadImage

AT_ONCE = 8  # pictures that are fetched, of all requests
SECONDS = 30.0  # for those of one request
MOST_BYTES = 64 << 20  # of those of one request


class Pictures:
    """The one place where what a request says of a picture becomes its bytes."""

    def __init__(self, fetching: Fetching | None = None) -> None:
        """Take the way of fetching.

        Args:
            fetching: None fetches nothing.
        """
        self._fetching = fetching
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="fetch")

    def of(self, wanted: Pictured) -> bytes | None:
        """Give the picture that a message holds or names, if any.

        Raises:
            BadImage: It cannot be had.
        """
        if wanted.image_url is None:
            return wanted.image_base64
        return self.each([wanted.image_url])[0]

    def each(self, urls: Sequence[str]) -> list[bytes]:
        """Give the pictures that URLs name.

        Raises:
            BadImage: One cannot be had.
        """
        found = []
        for picture in self.all(urls):
            if isinstance(picture, BadImage):
                raise picture
            found.append(picture)
        return found

    def all(self, urls: Sequence[str]) -> list[bytes | BadImage]:
        """Give the pictures that URLs name, or why one cannot be had.

        Raises:
            BadImage: One is to be fetched, and this server fetches none.
        """
        remote = [url for url in urls if not _holds_data(url)]
        fetched = iter(self._fetched(remote))
        return [_tried(_decoded, url) if _holds_data(url) else next(fetched) for url in urls]

    def close(self) -> None:
        """Begin no more."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _fetched(self, urls: Sequence[str]) -> list[bytes | BadImage]:
        if not urls:
            return []
        if self._fetching is None:
            raise BadImage(
                f"the picture {urls[0][:40]!r} is an address, and this server fetches none; send "
                "its bytes, as base64 or as data:image/jpeg;base64,..., or serve with --fetch-urls"
            )
        fetch, until = self._fetching.fetch, time.monotonic() + SECONDS
        found: list[bytes | BadImage] = []
        for begin in range(0, len(urls), AT_ONCE):  # so few lie in memory before they are counted
            begun = [self._pool.submit(_tried, fetch, url) for url in urls[begin : begin + AT_ONCE]]
            found += [_ended(each, until) for each in begun]
            if sum(len(each) for each in found if isinstance(each, bytes)) > MOST_BYTES:
                raise BadImage(f"the pictures exceed {MOST_BYTES:,} bytes; send fewer at once")
        return found


def _tried(picture: Callable[[str], bytes], url: str) -> bytes | BadImage:
    try:
        return picture(url)
    except BadImage as error:
        return error


def _ended(picture: "Future[bytes | BadImage]", until: float) -> bytes | BadImage:
    try:
        return picture.result(max(0.0, until - time.monotonic()))
    except TimeoutError:
        picture.cancel()
        return BadImage(f"the picture was not fetched within {SECONDS:g} s; send fewer at once")


def _holds_data(url: str) -> bool:
    return url[:5].lower() == "data:"


def _decoded(url: str) -> bytes:
    kind, _, rest = url.partition(",")
    if not (kind.startswith("data:image/") and kind.endswith(";base64")):
        raise BadImage(
            f"an image begins with {url[:40]!r}; expected a data URL such as "
            "data:image/jpeg;base64,..."
        )
    try:
        return base64.b64decode(rest, validate=True)
    except binascii.Error as error:
        raise BadImage(f"the base64 of an image is damaged: {error}") from error
