"""Keep the stack that signals are handled on, which OpenVINO swaps for its own.

Compiling a model registers a stack of OpenVINO's with the thread, and releasing the model registers
again what was there before it. Of two models that are released in the order they were made, the
second so registers the first one's stack, which is gone: the next signal, a Ctrl-C say, ends the
process with a segmentation fault (OpenVINO 2026, Linux).
"""

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager


class _Stack(ctypes.Structure):
    """`stack_t` of Linux; see sigaltstack(2)."""

    _fields_ = (("start", ctypes.c_void_p), ("flags", ctypes.c_int), ("size", ctypes.c_size_t))


@contextmanager
def kept_signal_stack() -> Iterator[None]:
    """Register again, at the end, the stack that this thread handles signals on now."""
    if sys.platform != "linux":
        yield
        return
    libc = ctypes.CDLL(None)
    before = _Stack()
    libc.sigaltstack(None, ctypes.byref(before))
    try:
        yield
    finally:
        libc.sigaltstack(ctypes.byref(before), None)
