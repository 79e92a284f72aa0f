"""Ctrl-C and SIGTERM between two steps, so that nothing of a run is lost."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import click

_ASKING = (signal.SIGINT, signal.SIGTERM)  # the latter from `timeout`, service managers, schedulers


@contextmanager
def between_steps() -> Iterator[Callable[[], bool]]:
    """Make the first such signal a request, which the loop grants where weights are whole.

    The second stops at once. Outside of the main thread, which gets no signals, nothing is changed.

    Yields:
        A function that says whether stopping was asked for.
    """
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked.is_set
        return
    before = {number: signal.getsignal(number) for number in _ASKING}

    def ask(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        asked.set()
        for each, handler in before.items():
            signal.signal(each, handler)
        click.echo("stopping after this step; again to stop at once and lose it", err=True)

    for number in _ASKING:
        signal.signal(number, ask)
    try:
        yield asked.is_set
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
