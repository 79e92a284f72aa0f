"""Photos with their captions, and the crops of them that training sees."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from embedstore.corpus.entry import Entry
from embedstore.corpus.images import load
from embedstore.corpus.reader import read
from embedstore.errors import Invalid
from embedstore.types import ImagePreprocess, Pixels

_SIDED = re.compile(r"\b(left|right)\b", re.IGNORECASE)
_LEAST_AREA = 0.4
_MOST_ASPECT = 4 / 3


@dataclass(frozen=True)
class Photo:
    """A picture file and what people said of it.

    Attributes:
        path: The file.
        captions: At least one.
    """

    path: Path
    captions: tuple[str, ...]

    @property
    def sided(self) -> bool:
        """Whether a caption says left or right, which a mirror image would contradict."""
        return any(_SIDED.search(caption) for caption in self.captions)


def photos_of(path: Path, splits: Sequence[str]) -> list[Photo]:
    """Read the photos of some splits of a data set in the Karpathy layout.

    Raises:
        NotFound: No such file.
        Invalid: Another layout, or fewer than two photos with captions.
    """
    found = [
        Photo(entry.image, entry.texts)
        for split in splits
        for entry in read(path, split=split).entries
        if isinstance(entry, Entry) and entry.image is not None and entry.texts
    ]
    if len(found) < 2:
        raise Invalid(
            f"{path}: {len(found)} photos with captions in the splits {', '.join(splits)}; "
            "expected at least two, for a pair is learnt against the others"
        )
    return found


def crop_of(photo: Photo, preprocess: ImagePreprocess, rng: np.random.Generator) -> Pixels:
    """Cut a random rectangle out of a photo and scale it to a square.

    Args:
        photo: What to open.
        preprocess: Size of the result.
        rng: Decides where.

    Returns:
        Pixels `(size, size, 3)`. Szegedy et al., https://arxiv.org/abs/1409.4842, section 6.

    Raises:
        BadImage: The file does not decode.
    """
    side = preprocess.size
    share = rng.uniform(_LEAST_AREA, 1.0) ** 0.5 * side
    stretch = _MOST_ASPECT ** rng.uniform(-0.5, 0.5)
    width, height = min(share * stretch, side), min(share / stretch, side)
    left, top = rng.uniform(0, side - width), rng.uniform(0, side - height)
    whole = Image.fromarray(load(photo.path, preprocess))
    box = (left, top, left + width, top + height)
    return np.asarray(whole.resize((side, side), Image.Resampling.BICUBIC, box))
