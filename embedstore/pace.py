"""How fast long work goes, told once it can be known."""

import time

SETTLED = 3.0  # seconds after the first items; a rate told sooner counts the start, not the work


class Pace:
    """Items a second since the first were done."""

    def __init__(self) -> None:
        self._first: tuple[float, int] | None = None  # when the first were done, and how many

    def rate(self, done: int) -> float:
        """Give items a second, now that so many are done; 0 while that says little."""
        now = time.perf_counter()
        if self._first is None:
            self._first = (now, done)
        since, before = self._first
        seconds = now - since
        return (done - before) / seconds if seconds > 0.0 and seconds >= SETTLED else 0.0
