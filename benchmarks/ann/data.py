"""Vectors to search and queries to search with: real ones, or made ones for a trial.

Real: crops of photos, and captions of held-out photos as queries, as `ann vectors` writes them.
More rows than there are crops are convex mixes of two crops of the same photo plus small noise.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.ann.truth import exact

BLOCK = 32_768
NOISE = 0.05  # length of what is added to a mix of two crops
TO_CHOOSE = 2  # times as many queries choose settings: a bound on recall takes many
CLUSTERS = 64
_ASKED = "; queries are captions of held-out photos"


@dataclass(frozen=True)
class Data:
    """Files that every side reads.

    Attributes:
        vectors: A float16 array `(n, d)` of unit rows.
        sweep: A float32 array of queries that settings are chosen with.
        timed: A float32 array of others, that recall and time are told of.
        about: What the vectors are, for the notes.
    """

    vectors: Path
    sweep: Path
    timed: Path
    about: str

    def truth(self, queries: Path, k: int, allow: np.ndarray | None = None) -> np.ndarray:
        """Give the exact neighbours `(q, k)` of the queries of a file."""
        return exact(self.vectors, np.load(queries), k, allow)


def prepared(source: Path | None, rows: int, dim: int, work: Path, queries: int, seed: int) -> Data:
    """Write the files of a run.

    Args:
        source: Folder that `ann vectors` wrote; None makes vectors in clusters.
        rows: Vectors wanted.
        dim: Their dimension; real vectors of more are projected on their principal axes.
        work: Folder for the files.
        queries: That are timed.
        seed: Of the random numbers.
    """
    dice = np.random.default_rng(seed)
    if source is None:
        images, texts, owners = _made(min(rows, 20_000), dim, dice)
        held_out = np.ones(len(texts), dtype=bool)
        about = f"{rows:,} made vectors in {CLUSTERS} clusters, and made queries off them"
    else:
        images = np.load(source / "images.npy", mmap_mode="r")
        texts = np.load(source / "texts.npy").astype(np.float32)
        held_out = np.load(source / "text_val.npy")
        owners = np.load(source / "text_photo.npy")
        about = _told(rows, len(images), 1 + int(owners.max()))
    axes = _axes(images, texts, dim, dice)
    vectors = work / "vectors.npy"
    _grow(images, 1 + int(owners.max()), rows, axes, vectors, dice)
    halves = []
    for half in (0, 1):  # by photo: no photo has captions in both
        mine = np.flatnonzero(held_out & (owners % 2 == half))
        mine = np.sort(dice.permutation(mine)[: queries * (TO_CHOOSE if half == 0 else 1)])
        halves.append(work / f"queries-{half}.npy")
        np.save(halves[-1], _unit(texts[mine] if axes is None else texts[mine] @ axes))
    return Data(vectors, *halves, about)


def _told(rows: int, crops: int, photos: int) -> str:
    if rows <= crops:
        return f"{rows:,} of {crops:,} crops of {photos:,} photos{_ASKED}"
    return (
        f"{crops:,} crops of {photos:,} photos and {rows - crops:,} rows that are made: convex "
        f"mixes of two crops of the same photo plus noise of length {NOISE}, normalised{_ASKED}"
    )


def _made(rows: int, dim: int, dice: np.random.Generator) -> tuple[np.ndarray, ...]:
    """Make crops of as many photos as there are clusters, and texts that lie off them."""
    centres = dice.normal(size=(CLUSTERS, dim)).astype(np.float32)
    each = max(2, rows // CLUSTERS)
    noise = dice.normal(size=(CLUSTERS * each, dim)).astype(np.float32)
    images = _unit(np.repeat(centres, each, axis=0) + noise).astype(np.float16)
    owners = np.repeat(np.arange(CLUSTERS), 16)
    gap = dice.normal(size=dim).astype(np.float32)
    noise = dice.normal(size=(len(owners), dim)).astype(np.float32)
    return images, _unit(centres[owners] + noise + gap), owners


def _axes(
    images: np.ndarray, texts: np.ndarray, dim: int, dice: np.random.Generator
) -> np.ndarray | None:
    """Give the principal axes `(d, dim)` of both modalities; None where nothing is dropped."""
    full = images.shape[1]
    if dim > full:
        raise ValueError(f"--dim {dim} is more than the {full} of the vectors")
    if dim == full:
        return None
    some = images[np.sort(dice.choice(len(images), min(len(images), BLOCK), replace=False))]
    moment = sum(part.T @ part / len(part) for part in (some.astype(np.float32), texts))
    return np.ascontiguousarray(np.linalg.eigh(moment)[1][:, -dim:])


def _grow(
    images: np.ndarray,
    photos: int,
    rows: int,
    axes: np.ndarray | None,
    path: Path,
    dice: np.random.Generator,
) -> None:
    """Write the rows block by block: float16, never all of them in float32."""
    dim = images.shape[1] if axes is None else axes.shape[1]
    out = np.lib.format.open_memmap(path, "w+", np.float16, (rows, dim))
    taken = min(rows, len(images))
    chosen = np.sort(dice.choice(len(images), taken, replace=False))
    for start in range(0, rows, BLOCK):
        stop = min(start + BLOCK, rows)
        plain = images[chosen[start : min(stop, taken)]].astype(np.float32)
        mixed = _mixes(images, photos, stop - start - len(plain), dice)
        block = np.concatenate((plain, mixed))
        out[start:stop] = _unit(block if axes is None else block @ axes)
    out.flush()


def _mixes(images: np.ndarray, photos: int, count: int, dice: np.random.Generator) -> np.ndarray:
    crops = len(images) // photos
    first = dice.integers(photos, size=count) * crops
    one, other = dice.integers(crops, size=count), dice.integers(1, crops, size=count)
    share = dice.uniform(0.25, 0.75, size=(count, 1)).astype(np.float32)
    mixed = share * images[first + one] + (1 - share) * images[first + (one + other) % crops]
    noise = dice.standard_normal(mixed.shape, dtype=np.float32)
    return _unit(mixed + np.float32(NOISE / images.shape[1] ** 0.5) * noise)


def _unit(rows: np.ndarray) -> np.ndarray:
    found: np.ndarray = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    return found.astype(np.float32)
