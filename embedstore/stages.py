"""How long the stages of a search take, and what caches hold, told to whoever listens."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_listeners: list[Callable[[str, float], None]] = []
_cache_listeners: list[Callable[[str, bool], None]] = []


def listen(listener: Callable[[str, float], None]) -> None:
    """Tell a listener the name of each stage that ends, and its seconds."""
    _listeners.append(listener)


def listen_to_caches(listener: Callable[[str, bool], None]) -> None:
    """Tell a listener the name of each cache that is looked into, and whether it helped."""
    _cache_listeners.append(listener)


def looked_up(cache: str, held: bool) -> None:
    """Say that a cache was looked into."""
    for listener in _cache_listeners:
        listener(cache, held)


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Time one stage; one that fails is not told."""
    began = time.perf_counter()
    yield
    for listener in _listeners:
        listener(name, time.perf_counter() - began)
