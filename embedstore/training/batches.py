"""Photos and captions in batches; the seed and the number of a step decide all that is in it.

So the position in the data is the number of the step, and nothing else needs to be remembered.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from embedstore.errors import BadImage, Invalid
from embedstore.training.augment import version_of
from embedstore.training.dual import Dual
from embedstore.training.kept_views import KeptViews
from embedstore.training.pairs import Photo
from embedstore.training.prefetch import prefetched
from embedstore.training.processes import Team
from embedstore.training.recipe import Recipe
from embedstore.training.unreadable import Unreadable
from embedstore.types import Pixels

_USUAL_KEPT, _USUAL_OPENED = 256, 64  # pairs; the latter cost more memory and time
_TRIES = 64  # other photos in place of one that does not decode
_ORDERS, _CAPTIONS, _PIXELS = 4, 5, 6  # set the random numbers of each purpose apart


@dataclass(frozen=True)
class Batch:
    """Pairs that are told from each other.

    Attributes:
        images: `(b, s, s, 3)` uint8, or `(b, ...)` as `Dual.lower_images` gives them.
        lowered: Whether the latter.
        ids: `(b, t)` token ids.
        photos: `(b,)`, places of the photos.
        captions: `(b,)`, places of the captions among those that differ; equal texts are one.
    """

    images: Tensor
    lowered: bool
    ids: Tensor
    photos: Tensor
    captions: Tensor


@dataclass(frozen=True)
class _Place:
    """One pair of a step: where it stands in it, and which photo it shows."""

    step: int
    place: int
    photo: int


class Batches:
    """The batches of all steps, of which each process takes its part.

    Args:
        photos: What to learn from.
        dual: Reads the captions.
        recipe: Batch, accumulation, augmentation, seed.
        team: Who takes which part.
        unreadable: Photos that are left out; takes more as they are met.
        views: Kept views of the photos, in place of their files.
    """

    def __init__(
        self,
        photos: Sequence[Photo],
        dual: Dual,
        recipe: Recipe,
        team: Team,
        unreadable: Unreadable,
        views: KeptViews | None = None,
    ) -> None:
        self._photos, self._dual, self._recipe, self._team = photos, dual, recipe, team
        self._unreadable, self._views = unreadable, views
        usable = [place for place in range(len(photos)) if place not in unreadable]
        self._usable = np.array(usable, np.int64)
        usual = _USUAL_OPENED if views is None else _USUAL_KEPT
        self.batch = _batch(recipe, usual, len(usable), team.count)
        self.per_epoch = len(usable) // (self.batch * recipe.accumulate)
        found: dict[str, int] = {}
        self._captions = [
            [found.setdefault(caption.strip(), len(found)) for caption in photo.captions]
            for photo in photos
        ]
        self.texts = list(found)

    def run(self, first: int, end: int) -> Iterator[list[Batch]]:
        """Yield the batches of the steps from `first` on, a list of `accumulate` each.

        Raises:
            Invalid: More than half of the photos do not decode.
        """
        own = self.batch // self._team.count
        groups = (
            places[start : start + own]
            for places in map(self._places, range(first, end))
            for start in range(0, len(places), own)
        )
        parts: list[Batch] = []
        for batch in map(self._batch_of, prefetched(self._item, groups)):
            parts.append(batch)
            if len(parts) == self._recipe.accumulate:
                yield parts
                parts = []

    def _places(self, step: int) -> list[_Place]:
        """Give this process's pairs of a step."""
        epoch, part = divmod(step, self.per_epoch)
        rng = np.random.default_rng((self._recipe.seed, _ORDERS, epoch))
        size = self.batch * self._recipe.accumulate
        chosen = rng.permutation(self._usable)[part * size : (part + 1) * size]
        whole = [_Place(step, place, int(photo)) for place, photo in enumerate(chosen)]
        own = self.batch // self._team.count
        return [one for one in whole if one.place % self.batch // own == self._team.rank]

    def _item(self, pair: _Place) -> tuple[_Place, Pixels | None]:
        if self._views is not None:
            return pair, None
        rng = np.random.default_rng((self._recipe.seed, _PIXELS, pair.step, pair.place))
        photo, look = pair.photo, self._dual.preprocess
        for _ in range(_TRIES):
            if photo not in self._unreadable:
                try:
                    pixels = version_of(self._photos[photo], look, self._recipe.augment, rng)
                    return _Place(pair.step, pair.place, photo), pixels
                except BadImage as error:
                    self._unreadable.add(photo, error)
            # Not left out of the batch: all processes need batches of one size.
            photo = int(rng.choice(self._usable))
        raise Invalid(
            f"{_TRIES} photos in a row do not decode; they are named above; check the folder of "
            "images and run again"
        )

    def _batch_of(self, found: Sequence[tuple[_Place, Pixels | None]]) -> Batch:
        pairs = [pair for pair, _ in found]
        photos = [pair.photo for pair in pairs]
        captions = [self._caption(pair) for pair in pairs]
        if self._views is not None:
            images = self._views.draw(pairs[0].step, pairs[0].place, photos)
        else:
            images = torch.from_numpy(
                np.stack([pixels for _, pixels in found if pixels is not None])
            )
        return Batch(
            images,
            self._views is not None,
            self._dual.tokenise([self.texts[caption] for caption in captions]),
            torch.tensor(photos),
            torch.tensor(captions),
        )

    def _caption(self, pair: _Place) -> int:
        rng = np.random.default_rng((self._recipe.seed, _CAPTIONS, pair.step, pair.place))
        known = self._captions[pair.photo]
        return known[rng.integers(len(known))]


def _batch(recipe: Recipe, usual: int, photos: int, processes: int) -> int:
    """Give the pairs of a batch, over all processes."""
    if photos < 2:
        raise Invalid(
            f"{photos} photo to learn from; expected at least two, for a pair is told from the "
            "others; add photos with captions"
        )
    least = max(2, processes) * recipe.accumulate
    if photos < least:
        raise Invalid(
            f"{photos} photos to learn from, for {recipe.accumulate} batches a step in {processes} "
            f"process(es); expected at least {least}; lower --accumulate, or add photos"
        )
    most = photos // recipe.accumulate // processes * processes
    asked = recipe.batch if recipe.batch is not None else min(usual // processes * processes, most)
    if asked > most or asked < 2:
        raise Invalid(
            f"a batch of {asked} pairs, {recipe.accumulate} of them a step, with {photos} photos "
            f"to learn from in {processes} process(es); expected 2 to {most}; give --batch {most} "
            "or less, or leave it out, or add photos"
        )
    if asked % processes:
        raise Invalid(
            f"a batch of {asked} pairs cannot be shared by {processes} processes; "
            f"give --batch {asked // processes * processes}"
        )
    return asked
