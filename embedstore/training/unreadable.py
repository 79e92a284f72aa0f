"""Photos that do not decode: left out, counted, and the first of them named once."""

import logging
import threading
from collections.abc import Callable

from embedstore.errors import BadImage, Invalid
from embedstore.types import Pixels

log = logging.getLogger("embedstore")

_NAMED = 10  # a wrong folder of images is no reason for thousands of lines


class Unreadable:
    """The photos of a corpus that cannot be used.

    Args:
        total: Photos in the corpus.
    """

    def __init__(self, total: int) -> None:
        self._total = total
        self._reasons: dict[int, str] = {}
        self._lock = threading.Lock()

    def __contains__(self, place: int) -> bool:
        return place in self._reasons

    def attempt(self, place: int, decode: Callable[[], Pixels]) -> Pixels | None:
        """Decode a photo, or leave it out from now on and give None.

        Raises:
            Invalid: More than half of all photos are left out by now.
        """
        if place in self:
            return None
        try:
            return decode()
        except BadImage as error:
            self.add(place, error)
            return None

    def add(self, place: int, error: BadImage) -> None:
        """Leave a photo out from now on.

        Raises:
            Invalid: More than half of all photos are left out by now.
        """
        with self._lock:
            if place in self._reasons:
                return
            self._reasons[place] = str(error)
            if len(self._reasons) <= _NAMED:
                log.warning("left out: %s", error)
            if len(self._reasons) == _NAMED:
                log.warning("further photos that are left out are not named")
            if 2 * len(self._reasons) > self._total:
                first = next(iter(self._reasons.values()))
                raise Invalid(
                    f"{len(self._reasons)} of {self._total} photos do not decode, more than half; "
                    f"the first: {first}; check the folder of images and run again"
                )
