"""An encoder that remembers what it encoded, so that one encoding serves many benchmarks."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click
import numpy as np
import xxhash

from embedstore.corpus.images import load
from embedstore.types import Encoder, Pixels, Vectors, digest

_BATCH = 32


class Remembering:
    """Encodes as another encoder does, in its space, and nothing twice."""

    def __init__(self, encoder: Encoder) -> None:
        self.space, self.preprocess = encoder.space, encoder.preprocess
        self._encoder = encoder
        self._rows: dict[str, Vectors] = {}

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Encode texts as unit rows `(n, d)`."""
        marks = [digest(text) for text in texts]
        return self._encoded(
            marks, lambda few: self._encoder.encode_texts([texts[place] for place in few])
        )

    def encode_images(self, images: Sequence[Pixels]) -> Vectors:
        """Encode pictures as unit rows `(n, d)`."""
        marks = [xxhash.xxh3_128_hexdigest(image.tobytes()) for image in images]
        return self._encoded(
            marks, lambda few: self._encoder.encode_images([images[place] for place in few])
        )

    def files(self, paths: Sequence[Path]) -> Vectors:
        """Encode picture files as unit rows `(n, d)`; those remembered are not opened."""
        marks = [digest([str(path), path.stat().st_mtime_ns]) for path in paths]
        return self._encoded(
            marks,
            lambda few: self.encode_images([load(paths[place], self.preprocess) for place in few]),
        )

    def overlong(self, texts: Sequence[str]) -> list[bool]:
        """Say for each text whether its end is cut because it exceeds the context."""
        return self._encoder.overlong(texts)

    def read(self, path: Path) -> None:
        """Remember what a file holds."""
        with np.load(path) as held:
            self._rows = dict(zip(held["marks"].tolist(), held["rows"], strict=True))

    def write(self, path: Path) -> None:
        """Write what is remembered to a file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_suffix(".part.npz")
        np.savez(beside, marks=np.array(list(self._rows)), rows=np.array([*self._rows.values()]))
        beside.replace(path)

    def __len__(self) -> int:
        """Count what is remembered."""
        return len(self._rows)

    def _encoded(self, marks: Sequence[str], encode: Callable[[list[int]], Vectors]) -> Vectors:
        firsts = {mark: place for place, mark in reversed(list(enumerate(marks)))}
        new = sorted(place for mark, place in firsts.items() if mark not in self._rows)
        starts = range(0, len(new), _BATCH)
        with click.progressbar(starts, label="encoding", hidden=len(new) < 10 * _BATCH) as bar:
            for start in bar:
                few = new[start : start + _BATCH]
                self._rows |= {
                    marks[place]: row for place, row in zip(few, encode(few), strict=True)
                }
        found = [self._rows[mark] for mark in marks]
        return np.array(found, np.float32).reshape(len(found), self.space.dim)


@contextmanager
def remembering(encoder: Encoder, folder: Path | None) -> Iterator[Remembering]:
    """Remember in a folder, or until the end of the run where it is None."""
    encoding = Remembering(encoder)
    with tempfile.TemporaryDirectory() as place:
        path = (folder or Path(place)) / f"{encoder.space.fingerprint}.npz"
        if path.exists():
            encoding.read(path)
        before = len(encoding)
        try:
            yield encoding
        finally:
            if folder is not None and len(encoding) > before:
                encoding.write(path)
