"""faiss, imported when it is first needed: loading it costs more than a whole `--help`."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any


def load_faiss() -> Any:
    """Give the faiss module; untyped, because its stubs lack most of what is used here."""
    return import_module("faiss")


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep the faiss calls of the calling thread to one thread: for small work.

    faiss's threads wait for each other busily. With other processes on two cores a single
    ivf_pq query took 16 ms with two threads and .4 ms with one, training codebooks 53 s and 3 s.
    """
    faiss = load_faiss()
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)
