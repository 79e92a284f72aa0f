"""Vectors for tests."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from indexer.lazy import load_faiss

Maker = Callable[..., NDArray[np.float32]]


@pytest.fixture(scope="session")
def unit_rows() -> Maker:
    """Make unit rows rounded to float16, as they come from the rows of a store."""

    def make(n: int, dim: int, seed: int = 0) -> NDArray[np.float32]:
        rows = np.random.default_rng(seed).standard_normal((n, dim)).astype(np.float32)
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        return rows.astype(np.float16).astype(np.float32)

    return make


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """Keep faiss to one thread: on busy cores its threads wait for each other."""
    load_faiss().omp_set_num_threads(1)
