"""CLIPScore (Hessel et al. 2021): how well words fit a picture, without any reference."""

import numpy as np
from numpy.typing import NDArray

from embedstore.errors import Invalid
from embedstore.types import Vectors

_SCALE = 2.5  # the paper's w, which spreads the usual cosines over 0..1


def clip_score(images: Vectors, texts: Vectors) -> NDArray[np.float64]:
    """Give `2.5 * max(cosine, 0)` for each picture and its text.

    Args:
        images: `(n, d)` rows of pictures.
        texts: `(n, d)` rows of their texts, in the same space.

    Returns:
        Scores `(n,)`, 0..2.5; a row of zeros scores 0.

    Raises:
        Invalid: The two differ in shape or are not matrices.
    """
    if images.ndim != 2 or images.shape != texts.shape:
        raise Invalid(
            f"pictures of shape {images.shape} with texts of shape {texts.shape}; expected two "
            "equal shapes (n, d); give one text row a picture"
        )
    one, other = images.astype(np.float64), texts.astype(np.float64)
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    cosine = (one * other).sum(axis=1) / np.where(lengths > 0, lengths, 1.0)
    scores: NDArray[np.float64] = _SCALE * np.maximum(cosine, 0.0)
    return scores
