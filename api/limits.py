"""What one request, and one key, may cost."""

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from api.settings import MAX_BODY_BYTES

KEYS_REMEMBERED = 10_000
BURST_SECONDS = 2.0  # of saved-up requests: a page of thumbnails comes at once


@dataclass(frozen=True)
class Limits:
    """Bounds of the service; pixels and items are bounded where they are decoded and parsed.

    Attributes:
        body_bytes: Of one request.
        seconds: Until its body is there, and until its answer begins.
        waiting: Requests whose answer has not begun.
        rate: Requests a second of one key; 0 for any.
        stop_seconds: Until jobs are left that do not end.
    """

    body_bytes: int = MAX_BODY_BYTES
    seconds: float = 60.0
    waiting: int = 128
    rate: float = 100.0
    stop_seconds: float = 30.0


class Rate:
    """A bucket of tokens for each key; a request takes one."""

    def __init__(self, rate: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._clock = rate, clock
        self._size = max(1.0, rate * BURST_SECONDS)
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str) -> int:
        """Take a token; give 0, or the whole seconds after which there will be one."""
        if self._rate <= 0:
            return 0
        now = self._clock()
        left, since = self._left.pop(key, (self._size, now))
        left = min(self._size, left + (now - since) * self._rate)
        waits = 0 if left >= 1 else math.ceil((1 - left) / self._rate)
        self._left[key] = (left - (waits == 0), now)
        if len(self._left) > KEYS_REMEMBERED:
            self._left.popitem(last=False)
        return waits
