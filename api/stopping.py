"""SIGTERM as a clean end, for every command."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Terminated(KeyboardInterrupt):
    """SIGTERM came; what is under way is closed as for Ctrl-C."""


@contextmanager
def ended_by_sigterm() -> Iterator[None]:
    """End what goes on inside as Ctrl-C does, where SIGTERM comes.

    Outside of the main thread, which gets no signals, nothing is changed.

    Raises:
        Terminated: It came.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        came.append(number)
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    except KeyboardInterrupt:
        if came:  # what waits outside of Python makes an interrupt of every signal
            raise Terminated from None
        raise
    finally:
        signal.signal(signal.SIGTERM, before)
