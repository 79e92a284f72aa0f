"""Exact search of float16 rows, borrowed from whoever holds them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.lazy import load_faiss


def half_matrix(vectors: NDArray[np.floating[Any]]) -> Any:
    """Give a float16 index over rows where they lie: a copy would take as much memory again.

    Args:
        vectors: `(n, d)`; float16 rows in C order are borrowed, others are converted.
    """
    faiss = load_faiss()
    half = faiss.ScalarQuantizer.QT_fp16
    matrix = faiss.IndexScalarQuantizer(vectors.shape[1], half, faiss.METRIC_INNER_PRODUCT)
    rows = np.ascontiguousarray(vectors, dtype=np.float16)
    stored = rows.reshape(-1).view(np.uint8)
    nobody = matrix.codes.owner  # faiss frees nothing; the list below keeps the rows alive
    matrix.codes = faiss.MaybeOwnedVectorUInt8.create_view(
        faiss.swig_ptr(stored), stored.size, nobody
    )
    matrix.ntotal = len(rows)
    matrix.referenced_objects = [rows]
    return matrix
