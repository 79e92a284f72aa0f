"""How a picture looks, in 64 bits, and how large it is.

The difference hash: Krawetz, "Kind of Like That", hackerfactor.com, 2013. A picture is shrunk to
9 x 8 grey cells; each bit says whether a cell is lighter than the one to its left. Scaling and
saving anew move few of them.
"""

import io

import numpy as np
from PIL import Image

from embedstore.corpus.bounds import one_error, read_bytes, spoken
from embedstore.corpus.formats import decoders
from embedstore.corpus.member import Source
from embedstore.types import ImagePreprocess, Pixels

BITS = 64
# 72 pixels part evenly into 9 cells and into 8.
FOR_HASH = ImagePreprocess(size=72, resize="squash", interpolation="bilinear")
_GREY = np.array([0.299, 0.587, 0.114])
_STEP = 2.0  # grey levels between cells; less is noise, and
_LEAST_STEPS = 16  # a picture of fewer steps is too plain to be told from others


def difference_hash(pixels: Pixels) -> int | None:
    """Hash how a picture looks.

    Args:
        pixels: `(72, 72, 3)`, as `FOR_HASH` gives them.

    Returns:
        64 bits; None for a picture so plain that its bits say nothing.
    """
    cells = (pixels @ _GREY).reshape(8, 9, 9, 8).mean(axis=(1, 3))  # (rows, columns)
    steps = np.diff(cells, axis=1)  # (8, 8)
    if np.count_nonzero(np.abs(steps) >= _STEP) < _LEAST_STEPS:
        return None
    return int.from_bytes(np.packbits(steps > 0).tobytes(), "big")


def extent(source: Source) -> tuple[int, int]:
    """Give the pixels that a picture announces, and its bytes.

    Raises:
        BadImage: It cannot be read, or is no picture.
    """
    name = spoken(source)
    data = read_bytes(source, name)
    with one_error(name), Image.open(io.BytesIO(data), formats=decoders(data, name)) as image:
        return image.width * image.height, len(data)
