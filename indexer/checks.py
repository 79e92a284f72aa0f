"""What numbers must look like before they are stored or searched."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from indexer.errors import BadVectors
from indexer.types import Ids, Vectors

UNIT_TOLERANCE = 1e-2


def as_matrix(vectors: ArrayLike, dim: int, what: str) -> Vectors:
    """Give finite float32 rows `(n, dim)` in C order.

    Args:
        vectors: `(n, dim)`, any real type.
        dim: Dimension expected.
        what: Name of these rows in an error.

    Raises:
        BadVectors: Another shape, or NaN or infinity.
    """
    given = np.asarray(vectors)
    if given.ndim != 2 or given.shape[1] != dim:
        raise BadVectors(
            f"{what} have shape {given.shape}, expected (n, {dim}): pass rows of {dim}"
        )
    rows = np.ascontiguousarray(given, dtype=np.float32)
    finite = np.isfinite(rows)
    if not finite.all():
        bad = int(np.flatnonzero(~finite.all(axis=1))[0])
        raise BadVectors(f"{what}: row {bad} holds NaN or infinity, expected finite numbers")
    return rows


def check_unit(vectors: Vectors) -> None:
    """Refuse rows whose norm is not 1 within `UNIT_TOLERANCE`.

    Raises:
        BadVectors: Names the first such row and its norm.
    """
    norms = np.sqrt(np.einsum("nd,nd->n", vectors, vectors))
    off = np.flatnonzero(np.abs(norms - 1) > UNIT_TOLERANCE)
    if off.size:
        raise BadVectors(
            f"vectors: row {off[0]} has norm {norms[off[0]]:.4f}, expected 1: normalise the rows"
        )


def as_ids(ids: ArrayLike, count: int | None = None) -> Ids:
    """Give ids as int64 that never descend; equal ids are neighbours.

    Args:
        ids: `(n,)` integers from 0.
        count: Ids expected, or None for any number.

    Raises:
        BadVectors: Another shape or type, a negative id, or a descent.
    """
    given = np.asarray(ids)
    wrong_count = given.ndim != 1 or (count is not None and len(given) != count)
    if wrong_count or (given.size and given.dtype.kind not in "iu"):
        wanted = "n" if count is None else count
        raise BadVectors(
            f"ids are {given.dtype} of shape {given.shape}, expected integers of shape ({wanted},)"
        )
    column: NDArray[np.int64] = given.astype(np.int64, copy=False)
    if column.size and (column[0] < 0 or bool((column[1:] < column[:-1]).any())):
        raise BadVectors(f"ids start at {column[0]} or descend, expected ascending ids from 0")
    return column


def check_k(k: int) -> None:
    """Refuse a count of neighbours below 1.

    Raises:
        BadVectors: k is below 1.
    """
    if k < 1:
        raise BadVectors(f"k is {k}, expected at least 1")
