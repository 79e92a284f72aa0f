"""Work that one thread does beside its callers, never twice at once."""

import threading
from collections.abc import Callable


class Background:
    """Runs one task in a thread whenever it is asked to, unless it is at it."""

    def __init__(self, task: Callable[[], object], name: str) -> None:
        self._task, self._name = task, name
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin the task, unless it is under way."""
        with self._starting:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._task, name=self._name)
                self._thread.start()

    def wait(self) -> None:
        """Wait for a task that is under way."""
        if self._thread is not None:
            self._thread.join()
