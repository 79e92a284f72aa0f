"""Work in threads on what is needed next, while the present is used."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")

_GROUPS_AHEAD = 1  # the next is made while one is used; a big batch is much memory
_MOST_THREADS = 16


def grouped(items: Sequence[Task], size: int) -> list[Sequence[Task]]:
    """Cut items into groups of a size; the last may be smaller."""
    return [items[start : start + size] for start in range(0, len(items), size)]


def prefetched(
    work: Callable[[Task], Result], groups: Iterable[Sequence[Task]]
) -> Iterator[list[Result]]:
    """Yield the results of each group in order, one group ahead of their use.

    Args:
        work: Called from several threads; what it raises is raised here.
        groups: Read as results are taken.
    """
    waiting: deque[list[Future[Result]]] = deque()
    threads = min(_MOST_THREADS, os.cpu_count() or 1)
    pool = ThreadPoolExecutor(threads, "embedstore-decode")
    try:
        for group in groups:
            waiting.append([pool.submit(work, task) for task in group])
            if len(waiting) > _GROUPS_AHEAD:
                yield [one.result() for one in waiting.popleft()]
        while waiting:
            yield [one.result() for one in waiting.popleft()]
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
