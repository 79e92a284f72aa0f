"""Ctrl-C between two steps, so that nothing of a run is lost."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import click


@contextmanager
def between_steps() -> Iterator[Callable[[], bool]]:
    """Make the first Ctrl-C a request, which the loop grants where weights are whole.

    The second stops at once. Outside of the main thread, which gets no signals, nothing is changed.

    Yields:
        A function that says whether stopping was asked for.
    """
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked.is_set
        return
    before = signal.getsignal(signal.SIGINT)

    def ask(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        asked.set()
        signal.signal(signal.SIGINT, before)
        click.echo("stopping after this step; again to stop at once and lose it", err=True)

    signal.signal(signal.SIGINT, ask)
    try:
        yield asked.is_set
    finally:
        signal.signal(signal.SIGINT, before)
