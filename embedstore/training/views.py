"""What the lower image tower makes of each photo, kept so that it is computed once."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import click
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from embedstore.corpus.images import load
from embedstore.encoders.devices import fast_dtype
from embedstore.encoders.image_tower import ImageTower
from embedstore.training.initial import PREPROCESS
from embedstore.training.pairs import Photo, crop_of

_BATCH = 64
_SIDE = 14  # of the kept maps, for pictures of 224
_SIDES = (12, 14, 14)  # of the windows that are cut out of them; even, for a stride follows


@dataclass(frozen=True)
class Views:
    """Some versions of each photo.

    Attributes:
        maps: Of each version `(photos, 112, 14, 14)` float16.
        mirrored: `(photos,)`, whether a mirror image contradicts no caption.
    """

    maps: tuple[Tensor, ...]
    mirrored: NDArray[np.bool_]

    @classmethod
    def of(
        cls,
        photos: Sequence[Photo],
        tower: ImageTower,
        count: int,
        rng: np.random.Generator,
        device: torch.device,
    ) -> "Views":
        """Compute the whole photo, and `count - 1` random crops of each.

        Raises:
            BadImage: A photo does not decode.
        """
        kept = []
        for version in range(count):
            started = time.monotonic()
            kept.append(_maps(photos, tower.eval(), rng if version else None, device))
            click.echo(f"view {version + 1}/{count}  {time.monotonic() - started:.0f} s")
        return cls(tuple(kept), np.array([not photo.sided for photo in photos]))

    def draw(self, chosen: NDArray[np.int64], rng: np.random.Generator) -> Tensor:
        """Give one view of each chosen photo, some mirrored, all cut to one random window.

        Args:
            chosen: `(b,)`, places of the photos.
            rng: Decides which.

        Returns:
            Maps `(b, 112, s, s)`.
        """
        versions = rng.integers(len(self.maps), size=len(chosen))
        maps = torch.stack(
            [self.maps[version][place] for version, place in zip(versions, chosen, strict=True)]
        ).float()
        flip = torch.from_numpy((rng.random(len(chosen)) < 0.5) & self.mirrored[chosen])
        maps = torch.where(flip[:, None, None, None], maps.flip(3), maps)
        side = int(rng.choice(_SIDES))
        top, left = rng.integers(_SIDE - side + 1, size=2)
        window = maps[:, :, top : top + side, left : left + side]
        return window.contiguous(memory_format=torch.channels_last)


def _maps(
    photos: Sequence[Photo],
    tower: ImageTower,
    rng: np.random.Generator | None,
    device: torch.device,
) -> Tensor:
    mean, std = PREPROCESS.mean[0] * 255.0, PREPROCESS.std[0] * 255.0  # alike in all channels
    made = []
    for start in range(0, len(photos), _BATCH):
        pixels = [
            load(photo.path, PREPROCESS) if rng is None else crop_of(photo, PREPROCESS, rng)
            for photo in photos[start : start + _BATCH]
        ]
        pictures = torch.from_numpy(np.stack(pixels)).to(device).permute(0, 3, 1, 2)
        with torch.no_grad(), torch.autocast(device.type, fast_dtype(device)):
            maps = tower.lower((pictures.float() - mean) / std)
        made.append(maps.half().cpu())
    return torch.cat(made)
