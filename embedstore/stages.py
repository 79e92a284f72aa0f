"""How long the stages of a search take, told to whoever listens."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_listeners: list[Callable[[str, float], None]] = []


def listen(listener: Callable[[str, float], None]) -> None:
    """Tell a listener the name of each stage that ends, and its seconds."""
    _listeners.append(listener)


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Time one stage; one that fails is not told."""
    began = time.perf_counter()
    yield
    for listener in _listeners:
        listener(name, time.perf_counter() - began)
