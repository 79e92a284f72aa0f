"""The one check of pictures that every encoder makes."""

from collections.abc import Sequence

import numpy as np

from embedstore.errors import Invalid
from embedstore.types import Pixels


def check(images: Sequence[Pixels], side: int, encoder: str) -> None:
    """Refuse what is not `(side, side, 3)` of uint8.

    Raises:
        Invalid: A picture has another size or type.
    """
    for image in images:
        if image.shape != (side, side, 3) or image.dtype != np.uint8:
            raise Invalid(
                f"a picture has shape {image.shape} of {image.dtype}; {encoder} expects "
                f"({side}, {side}, 3) of uint8; make it with corpus.images.load"
            )
