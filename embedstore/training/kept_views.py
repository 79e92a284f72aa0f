"""What the frozen part of the image tower makes of some versions of each photo, computed once.

A step then costs only the part that learns. Versions, mirror images and windows of feature maps
take the place of new crops in each epoch.
"""

import time
from collections.abc import Sequence
from pathlib import Path

import click
import numpy as np
import torch
from torch import Tensor

from embedstore.corpus.images import load
from embedstore.errors import Unavailable
from embedstore.training.augment import Augment, version_of
from embedstore.training.dual import Dual
from embedstore.training.pairs import Photo
from embedstore.training.precision import Precision
from embedstore.training.prefetch import grouped, prefetched
from embedstore.training.unreadable import Unreadable
from embedstore.types import ImagePreprocess, Pixels

_BATCH = 64
_WINDOW = 6 / 7  # of the side of a feature map
_LEAST_SIDE = 8  # of feature maps that windows are cut out of
_VIEWS, _ITEMS, _WINDOWS = 1, 2, 3  # set the random numbers of each purpose apart


class KeptViews:
    """Some versions of each photo, as `Dual.lower_images` gives them.

    Args:
        photos: In the order that `draw` counts in.
        count: Versions of each: the whole photo, and random ones.
        augment: Of the random ones, and of mirror images and windows.
        seed: Of all random numbers: equal seeds give equal views, also in another process.
    """

    def __init__(self, photos: Sequence[Photo], count: int, augment: Augment, seed: int) -> None:
        self._photos, self._count, self._augment, self._seed = photos, count, augment, seed
        self._kept = torch.empty(0)  # (versions, photos, ...) float16
        self._sided = [photo.sided for photo in photos]

    @property
    def maps(self) -> bool:
        """Whether what is kept are square maps, which can be mirrored and cut."""
        shape = self._kept.shape
        return len(shape) == 5 and shape[3] == shape[4]

    def fill(self, dual: Dual, precision: Precision, unreadable: Unreadable) -> None:
        """Compute all versions.

        Args:
            dual: Whose frozen part is used.
            precision: Of the computation.
            unreadable: Takes photos that do not decode.

        Raises:
            Invalid: More than half of the photos do not decode.
            Unavailable: They do not fit into memory.
        """
        started = time.monotonic()
        dual.eval()  # batch norm is to use its statistics, and to leave them as they are
        size = dual.preprocess.size
        blank = np.zeros((size, size, 3), np.uint8)

        def decode(task: tuple[int, int]) -> Pixels:
            version, place = task
            found = unreadable.attempt(
                place, lambda: self._version(version, place, dual.preprocess)
            )
            return blank if found is None else found

        tasks = [
            [(version, place) for place in places]
            for version in range(self._count)
            for places in grouped(range(len(self._photos)), _BATCH)
        ]
        for group, pixels in zip(tasks, prefetched(decode, tasks), strict=True):
            (version, first), last = group[0], group[-1][1]
            with torch.no_grad(), precision.context():
                pictures = dual.normalised(torch.from_numpy(np.stack(pixels)))
                lowered = dual.lower_images(pictures).half().cpu()  # (b, ...)
            if not self._kept.numel():
                self._reserve(lowered)
            self._kept[version, first : last + 1] = lowered
            if last + 1 == len(self._photos):
                spent = time.monotonic() - started
                _say(f"view {version + 1} of {self._count} kept  {spent:.0f} s")

    def draw(self, step: int, first: int, chosen: Sequence[int]) -> Tensor:
        """Give one version of each chosen photo, some mirrored, all cut to one random window.

        Args:
            step: Decides the window, and with its place each photo's version.
            first: Place of the first chosen photo in the step.
            chosen: `b` places of photos.

        Returns:
            `(b, ...)` float32, what `Dual.embed_images` takes.
        """
        rows = []
        for place, photo in enumerate(chosen, first):
            rng = np.random.default_rng((self._seed, _ITEMS, step, place))
            row = self._kept[rng.integers(self._count), photo]
            mirrored = self.maps and rng.random() < self._augment.flip and not self._sided[photo]
            rows.append(row.flip(2) if mirrored else row)
        return self._window(torch.stack(rows).float(), step)

    def _version(self, version: int, place: int, look: ImagePreprocess) -> Pixels:
        photo = self._photos[place]
        if version == 0:
            return load(photo.path, look)
        rng = np.random.default_rng((self._seed, _VIEWS, version, place))
        return version_of(photo, look, self._augment, rng)

    def _window(self, rows: Tensor, step: int) -> Tensor:
        if not self.maps or rows.shape[2] < _LEAST_SIDE or self._augment.least_area >= 1.0:
            return rows
        whole = rows.shape[2]
        cut = int(_WINDOW * whole) // 2 * 2  # even, for a stride follows
        rng = np.random.default_rng((self._seed, _WINDOWS, step))
        side = int(rng.choice((cut, whole, whole)))
        top, left = rng.integers(whole - side + 1, size=2)
        return rows[:, :, top : top + side, left : left + side].contiguous()

    def _reserve(self, lowered: Tensor) -> None:
        needed = self._count * len(self._photos) * lowered[0].nbytes
        free = _free_memory()
        said = f"{self._count} views of {len(self._photos):,} photos take {needed / 1e6:,.0f} MB"
        if free is not None and needed > free:
            raise Unavailable(
                f"{said} of memory, and {free / 1e6:,.0f} MB are free; keep fewer with --views 1, "
                "or none with --views 0, which makes each step slower"
            )
        if needed >= 1e6:
            _say(f"{said} of memory")
        self._kept = torch.empty(
            (self._count, len(self._photos), *lowered.shape[1:]), dtype=torch.float16
        )


def _say(line: str) -> None:
    click.echo(line, err=True)  # it takes minutes, and the progress bar comes after it


def _free_memory() -> int | None:
    """Give the bytes that can be taken without swapping; None where the system does not say."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return None
    told = dict(line.split(":") for line in lines)
    return int(told["MemAvailable"].split()[0]) << 10 if "MemAvailable" in told else None
