"""What every test of kill -9 needs."""

import os
import sys
from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture
def in_child() -> Callable[..., int]:
    """Runs a task in a forked process, which shares no lock, thread or open file with others."""

    def run(task: Callable[..., None], *arguments: Any) -> int:
        child = os.fork()
        if child:
            return child
        code = 1
        try:
            task(*arguments)
            code = 0
        except BaseException as error:
            print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
        finally:
            os._exit(code)

    return run


@pytest.fixture
def finished() -> Callable[[int], int]:
    """Waits for a child and gives its exit code."""
    return lambda child: os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
