"""Hubs put in their place: pictures that score high with every text lose what they have too much.

In a space of many dimensions a few pictures, the hubs, are among the nearest of very many texts
and push better ones down. What a picture scores with texts that do not ask for it, the query bank,
tells how much of a hub it is; a share of that is taken off its score. The bias becomes one more
coordinate of the stored vector and the query gets a 1 there, so a search stays one inner product
and every kind of index finds what it would find. A query that is no text gets a 0 and is untouched.

The bias is that of Chowdhury et al., "Nearest Neighbor Normalization Improves Multimodal
Retrieval", EMNLP 2024, https://arxiv.org/abs/2410.24114; the bank is from Bogolin et al., "Cross
Modal Retrieval with Querybank Normalisation", CVPR 2022, https://arxiv.org/abs/2112.12777.
"""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from embedstore.types import Halves, Vectors

NEAREST = 16  # of the bank; 8 to 64 do equally well on Flickr8k
LEAST_QUERIES = 100  # of a bank; fewer say little about hubs
WEIGHT = 0.5  # more gains more where the bank fits, and loses more where it does not
Rows = TypeVar("Rows", Halves, Vectors)
_BLOCK = 1 << 24  # scores held at once


@dataclass(frozen=True)
class QueryBank:
    """Texts that nobody asked for, to know the hubs by.

    Attributes:
        name: Another bank or weight has another name; files made with it carry it.
        weight: Share of the bias that is taken off a score.
        vectors: `(m, d)` unit rows.
    """

    name: str
    weight: float
    vectors: Vectors

    def bias(self, pictures: Rows) -> NDArray[np.float32]:
        """Give what each picture loses: the mean of its best scores with the bank, weighed.

        Args:
            pictures: `(n, d)` unit rows.

        Returns:
            `(n,)`, rounded to float16, as an index may store it: the same in all of them.
        """
        nearest = min(NEAREST, len(self.vectors))
        found = np.empty(len(pictures), np.float32)
        step = max(1, _BLOCK // max(1, len(self.vectors)))
        for start in range(0, len(pictures), step):
            scores = pictures[start : start + step].astype(np.float32) @ self.vectors.T  # (b, m)
            best = np.partition(scores, -nearest, axis=1)[:, -nearest:]  # (b, k)
            found[start : start + step] = best.mean(axis=1)
        return (self.weight * found).astype(np.float16).astype(np.float32)

    def folded(self, pictures: Rows) -> Rows:
        """Give the rows `(n, d + 1)` to store for pictures `(n, d)`."""
        loss = -self.bias(pictures)[:, None]
        return np.concatenate((pictures, loss.astype(pictures.dtype)), axis=1)


def asked(queries: Vectors, share_of_text: float) -> Vectors:
    """Give queries `(q, d)` the coordinate that meets the bias: `(q, d + 1)`.

    Args:
        queries: Unit rows.
        share_of_text: 1 for words, 0 for a picture, between them where both are mixed.
    """
    column = np.full((len(queries), 1), share_of_text, np.float32)
    return np.concatenate((queries, column), axis=1)
