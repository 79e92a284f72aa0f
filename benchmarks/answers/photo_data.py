"""Photos with captions: those a store holds, and those that are asked about."""

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

from benchmarks.answers.vectors import Remembering
from embedstore.training.pairs import Pairs, Photo, pairs_of
from embedstore.types import Item, Vectors

One = TypeVar("One")


def divided(path: Path, limit: int | None, seed: int) -> Pairs:
    """Read photos with captions; of those asked about take some.

    Args:
        path: Any corpus with photos and captions.
        limit: Asked about at most; None for all.
        seed: Of the choice.
    """
    found = pairs_of(path)
    return Pairs(found.train, tuple(some(found.val, limit, seed)), found.unseen, found.rule)


def some(all_: Sequence[One], limit: int | None, seed: int) -> list[One]:
    """Choose at random, in the order they have."""
    if limit is None or limit >= len(all_):
        return list(all_)
    chosen = np.random.default_rng(seed).permutation(len(all_))[:limit]
    return [all_[place] for place in sorted(chosen)]


def files(photos: Sequence[Photo]) -> list[Path]:
    """Give the pictures' files.

    Raises:
        TypeError: A picture is part of a tar.
    """
    found = [photo.path for photo in photos if isinstance(photo.path, Path)]
    if len(found) < len(photos):
        raise TypeError("this benchmark reads photos in files of their own; unpack the tar")
    return found


def items(photos: Sequence[Photo]) -> list[Item]:
    """Give the photos as items with all their captions."""
    paths = files(photos)
    return [
        Item(photo.key, path, photo.captions) for photo, path in zip(photos, paths, strict=True)
    ]


def caption_vectors(photos: Sequence[Photo], encoder: Remembering) -> list[Vectors]:
    """Encode the captions of each photo."""
    rows = encoder.encode_texts([caption for photo in photos for caption in photo.captions])
    return np.split(rows, np.cumsum([len(photo.captions) for photo in photos])[:-1])
