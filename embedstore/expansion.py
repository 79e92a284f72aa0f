"""Query expansion: a query moves towards what it found first, and is asked again.

Alpha query expansion: Radenovic, Tolias and Chum, "Fine-tuning CNN Image Retrieval with No Human
Annotation", 2018, https://arxiv.org/abs/1711.02512. It was made for pictures that look for the
same object; words that look for one picture among many gain nothing measurable, so it is off
unless it is asked for.
"""

import numpy as np

from embedstore.types import Vectors

HITS = 3
POWER = 3.0  # of the score, as in the paper: a poor hit hardly counts
WEIGHT = 0.3  # beside the query's 1; at 1 the hits outvote the words


def expanded(query: Vectors, found: Vectors) -> Vectors:
    """Move a query towards its best hits.

    Args:
        query: `(d,)`, unit.
        found: `(h, d)` unit rows of the best hits; none leave the query as it is.

    Returns:
        `(d,)`, unit.
    """
    scores = np.maximum(found @ query, 0.0) ** POWER  # (h,)
    moved: Vectors = query + WEIGHT * (scores @ found)
    return moved / np.float32(np.linalg.norm(moved))
