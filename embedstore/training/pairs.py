"""Photos with their captions, and which of them are held out to measure on."""

import logging
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from embedstore.corpus.entry import Entry, Failure, printable
from embedstore.corpus.member import Member
from embedstore.corpus.reader import read, takes_images
from embedstore.errors import Invalid
from embedstore.types import digest

log = logging.getLogger("embedstore")

_SIDED = re.compile(r"\b(left|right)\b", re.IGNORECASE)
_LEARN, _MEASURE, _TEST = ("train", "restval"), ("val", "validation"), ("test",)
_FEW = 20  # photos, below which none are held out
_LEAST_HELD = 5


@dataclass(frozen=True)
class Photo:
    """A picture file and what people said of it.

    Attributes:
        path: The file, or the part of a tar.
        captions: At least one.
        key: Decides whether it is held out; the same on every run.
        split: That the data set puts it in, where it says so.
    """

    path: Path | Member
    captions: tuple[str, ...]
    key: str = ""
    split: str | None = None

    @property
    def sided(self) -> bool:
        """Whether a caption says left or right, which a mirror image would contradict."""
        return any(_SIDED.search(caption) for caption in self.captions)


@dataclass(frozen=True)
class Pairs:
    """What is learnt from, and what is measured on.

    Attributes:
        train: At least two photos.
        val: At least two photos.
        unseen: Whether no photo of `val` is in `train`.
        rule: How they were divided, for people.
    """

    train: tuple[Photo, ...]
    val: tuple[Photo, ...]
    unseen: bool
    rule: str


def pairs_of(
    path: Path | str,
    val: Path | str | None = None,
    images: Path | None = None,
    hold_out: float = 0.1,
) -> Pairs:
    """Read a corpus and divide its photos.

    The splits train (with restval) and val of the data set are taken where it has them. Otherwise a
    share is held out by a hash of each key, so that a photo stays on its side when others come. Of
    fewer than 20 photos none are held out: recall is then measured on the photos learnt from. The
    split test is never learnt from.

    Args:
        path: Any corpus with photos and captions.
        val: Another one to measure on; its photos are left out of training.
        images: Folder that relative image names start from, in both where both are caption files.
        hold_out: Share that is held out, 0..0.5.

    Raises:
        NotFound: Nothing there.
        Invalid: Fewer than two photos with captions on a side, or `images` where no names are.
    """
    own = images if val is None or takes_images(path) or not takes_images(val) else None
    photos = _photos(path, own)
    learnt = _to_learn(photos, path)
    if val is not None:
        return _beside(learnt, path, val, images)
    measured = [photo for photo in photos if photo.split in _MEASURE]
    if measured:
        rule = f"splits of {Path(path).name}"
        return Pairs(_enough(learnt, path), _enough(measured, path), True, rule)
    if len(learnt) < _FEW:
        learnt_too = _enough(learnt, path)
        rule = f"fewer than {_FEW} photos, so measured on the ones that are learnt"
        return Pairs(learnt_too, learnt_too, False, rule)
    held = _held(learnt, hold_out)
    rest = [photo for photo in learnt if photo not in held]
    rule = f"{len(held)} photos held out by a hash of their keys"
    return Pairs(_enough(rest, path), tuple(sorted(held, key=lambda p: p.key)), True, rule)


def _to_learn(photos: Sequence[Photo], path: Path | str) -> list[Photo]:
    splits = {photo.split for photo in photos}
    if splits.intersection(_LEARN):
        return [photo for photo in photos if photo.split in _LEARN]
    learnt = [photo for photo in photos if photo.split not in (*_MEASURE, *_TEST)]
    tests = sum(photo.split in _TEST for photo in photos)
    if tests and not learnt:
        found = ", ".join(sorted(map(str, splits)))
        raise Invalid(
            f"{printable(str(path))}: has photos of the splits {found} only, and test is never "
            "learnt from; expected some of the split train, or of none; name their split train, "
            "or give other pairs"
        )
    if tests:
        log.warning("%d photos of the split test are left out of training", tests)
    return learnt


def photos_of(path: Path | str, splits: Sequence[str]) -> list[Photo]:
    """Read the photos of some splits of a data set in the Karpathy layout.

    Raises:
        NotFound: No such file.
        Invalid: No such split, or fewer than two photos with captions.
    """
    found = [photo for split in splits for photo in _photos(path, None, split)]
    return list(_enough(found, path))


def _photos(path: Path | str, images: Path | None, split: str | None = None) -> list[Photo]:
    """Give the photos that have captions, those of one file as one photo."""
    merged: dict[str, Photo] = {}
    no_image, no_caption, failures = 0, 0, []
    entries: Iterable[Entry | Failure] = read(path, images=images, split=split).entries
    for entry in entries:
        if isinstance(entry, Failure):
            failures.append(entry.reason)
        elif entry.image is None:
            no_image += 1
        elif not entry.texts:
            no_caption += 1
        else:
            place = os.path.normpath(str(entry.image))
            own = entry.meta.get("split")
            photo = Photo(entry.image, entry.texts, entry.key, own if own is None else str(own))
            if place in merged:
                said = tuple(dict.fromkeys((*merged[place].captions, *photo.captions)))
                photo = replace(merged[place], captions=said)
            merged[place] = photo
    left_out = [
        f"{count:,} {what}"
        for count, what in (
            (no_image, "without an image"),
            (no_caption, "without a caption"),
            (len(failures), f"that cannot be used (first: {failures[0] if failures else ''})"),
        )
        if count
    ]
    name = printable(str(path))
    if not merged:
        raise Invalid(
            f"{name}: no photo with a caption; it has {', '.join(left_out) or 'no entries'}; "
            'expected both for each, such as {"image": "a.jpg", "caption": "a dog"} a line'
        )
    if left_out:
        log.warning("%s: left out are entries %s", name, ", ".join(left_out))
    return list(merged.values())


def _beside(
    learnt: Sequence[Photo], path: Path | str, val: Path | str, images: Path | None
) -> Pairs:
    photos = _photos(val, images if takes_images(val) else None)
    splits = {photo.split for photo in photos}
    chosen = splits.intersection(_MEASURE)
    measured = _enough([one for one in photos if not chosen or one.split in chosen], val)
    places = {os.path.normpath(str(photo.path)) for photo in measured}
    rest = [photo for photo in learnt if os.path.normpath(str(photo.path)) not in places]
    if len(rest) < 2:
        raise Invalid(
            f"{printable(str(path))}: {len(rest)} of its {len(learnt)} photos are not in "
            f"{printable(str(val))} too; expected at least two to learn from; give other photos "
            "to --val, or leave it out"
        )
    if len(rest) < len(learnt):
        log.warning("%d photos of --val are left out of training", len(learnt) - len(rest))
    return Pairs(tuple(rest), measured, True, f"all of {Path(val).name}")


def _enough(photos: Sequence[Photo], path: Path | str) -> tuple[Photo, ...]:
    if len(photos) < 2:
        raise Invalid(
            f"{printable(str(path))}: {len(photos)} photo with captions on one side of the split; "
            "expected at least two to learn from and two to measure on, for a pair is told from "
            "the others; add photos"
        )
    return tuple(photos)


def hashed_place(name: str) -> float:
    """Give a name its place, 0..1, by its hash: the same in every run, whoever stands beside."""
    return int(digest(name)[:8], 16) / 2**32


def _held(photos: Sequence[Photo], share: float) -> set[Photo]:
    places = {photo: hashed_place(photo.key) for photo in photos}
    order = sorted(photos, key=lambda photo: places[photo])
    return {photo for photo in order if places[photo] < share} | set(order[:_LEAST_HELD])
