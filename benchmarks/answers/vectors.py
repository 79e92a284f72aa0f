"""Vectors of pictures and texts, encoded once and kept in a folder between runs."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click
import numpy as np

from embedstore.corpus.images import load
from embedstore.corpus.member import Member
from embedstore.types import Encoder, Vectors, digest

_BATCH = 32


class Kept:
    """Encodes with one encoder, and reads again what it encoded before."""

    def __init__(self, encoder: Encoder, folder: Path) -> None:
        self.encoder = encoder
        self._folder = folder

    def pictures(self, paths: Sequence[Path | Member]) -> Vectors:
        """Encode picture files as unit rows `(n, d)`."""
        files = [path.path if isinstance(path, Member) else path for path in paths]
        names = [
            [str(path), file.stat().st_mtime_ns] for path, file in zip(paths, files, strict=True)
        ]

        def batch(start: int) -> Vectors:
            chosen = paths[start : start + _BATCH]
            return self.encoder.encode_images(
                [load(path, self.encoder.preprocess) for path in chosen]
            )

        return self._kept("pictures", names, batch)

    def texts(self, texts: Sequence[str]) -> Vectors:
        """Encode texts as unit rows `(n, d)`."""

        def batch(start: int) -> Vectors:
            return self.encoder.encode_texts(texts[start : start + _BATCH])

        return self._kept("texts", list(texts), batch)

    def _kept(self, kind: str, names: list[object], batch: Callable[[int], Vectors]) -> Vectors:
        mark = digest([self.encoder.space.fingerprint, names])
        path = self._folder / f"{kind}-{mark}.npy"
        if path.exists():
            rows: Vectors = np.load(path)
            return rows
        starts = range(0, len(names), _BATCH)
        label = f"encoding {len(names):,} {kind}"
        with click.progressbar(starts, label=label, hidden=len(names) < 100) as bar:
            made = [batch(start) for start in bar]
        rows = np.concatenate(made) if made else np.zeros((0, self.encoder.space.dim), np.float32)
        self._folder.mkdir(parents=True, exist_ok=True)
        np.save(path, rows)
        return rows


@contextmanager
def kept(encoder: Encoder, folder: Path | None) -> Iterator[Kept]:
    """Keep vectors in a folder, or until the end of the run where it is None."""
    with tempfile.TemporaryDirectory() as place:
        yield Kept(encoder, folder or Path(place))
