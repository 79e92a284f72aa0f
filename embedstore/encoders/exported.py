"""Encoders that `embedstore export-encoder` wrote: graphs for a fast runtime, without torch."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import xxhash

from embedstore.encoders.pictures import check
from embedstore.encoders.reading import OpenClipWords, Reading, WordPieces
from embedstore.encoders.runtime_file import Graph, RuntimeFile
from embedstore.encoders.runtimes import Run, open_graph
from embedstore.errors import Corrupt, MissingExtra, NoDevice
from embedstore.types import Pixels, Vectors

TOKENIZER = "tokenizer.json"
_IMAGE_BATCH = 16
_TEXT_BATCH = 64
_BUCKET = 8  # texts are padded to a multiple of it


def load_exported(folder: Path, device: str = "auto", threads: int = 0) -> "ExportedEncoder":
    """Load an exported encoder from its folder.

    Args:
        folder: Holds runtime.json and what it names.
        device: "auto" or "cpu"; the runtimes that are offered compute there.
        threads: At most; 0 for one a core.

    Raises:
        NoDevice: Another device was asked for.
        MissingExtra: The runtime is not installed.
        Corrupt: A file is missing, damaged or of another version.
    """
    if device not in ("auto", "cpu"):
        raise NoDevice(
            f"device {device!r} cannot run the exported encoder {folder}; expected auto or cpu; "
            "load the encoder that it was exported from for a GPU"
        )
    try:
        made = RuntimeFile.read(folder)
        runs = [
            open_graph(made.runtime, _sound(folder, graph), made.precision, threads)
            for graph in (made.image, made.text)
        ]
        if made.tokenizer == "wordpiece":
            reading: Reading = WordPieces(folder / TOKENIZER, made.context)
        else:
            reading = OpenClipWords(folder, made.context)
    except MissingExtra:
        raise
    except Exception as error:  # the runtimes and tokenizers raise nothing more precise
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise Corrupt(
            f"the exported encoder {folder} is damaged or of another version ({reason}); "
            "export it again with `embedstore export-encoder`"
        ) from error
    return ExportedEncoder(made, folder, reading, *runs)


class ExportedEncoder:
    """Two graphs and a tokenizer."""

    def __init__(
        self, made: RuntimeFile, folder: Path, reading: Reading, image: Run, text: Run
    ) -> None:
        self.space = made.space(folder)
        self.preprocess = made.preprocess
        self.made = made
        self._reading = reading
        self._image = image
        self._text = text

    def overlong(self, texts: Sequence[str]) -> list[bool]:
        """Say for each text whether its end is cut because it exceeds the context."""
        return self._reading.overlong(texts)

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Encode texts as unit rows `(n, d)`, the same whatever the batch."""
        rows = np.zeros((len(texts), self.space.dim), np.float32)
        # Padded by its own length alone, a text is computed alike in any company.
        buckets: dict[int, list[int]] = {}
        ids = self._reading.ids(texts) if texts else []
        for place, row in enumerate(ids):
            length = len(row) if self.made.text.alone else -(-len(row) // _BUCKET) * _BUCKET
            buckets.setdefault(min(length, self.made.context), []).append(place)
        step = 1 if self.made.text.alone else _TEXT_BATCH
        for length, places in buckets.items():
            for start in range(0, len(places), step):
                batch = places[start : start + step]
                padded = np.zeros((len(batch), length), np.int64)  # (b, t)
                for line, place in enumerate(batch):
                    padded[line, : len(ids[place])] = ids[place]
                rows[batch] = self._text(padded)
        return _unit(rows)

    def encode_images(self, images: Sequence[Pixels]) -> Vectors:
        """Encode `(size, size, 3)` pictures as unit rows `(n, d)`, the same whatever the batch.

        Raises:
            Invalid: A picture has another size or type.
        """
        check(images, self.preprocess.size, self.space.encoder)
        rows = np.zeros((len(images), self.space.dim), np.float32)
        step = 1 if self.made.image.alone else _IMAGE_BATCH
        for start in range(0, len(images), step):
            batch = np.stack(images[start : start + step])  # (b, size, size, 3)
            rows[start : start + step] = self._image(batch)
        return _unit(rows)


def _unit(rows: Vectors) -> Vectors:
    unit: Vectors = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit


def _sound(folder: Path, graph: Graph) -> Path:
    path = folder / Path(graph.file).name
    seen = xxhash.xxh3_128_hexdigest(path.read_bytes())
    if seen != graph.digest:
        raise ValueError(f"{graph.file} has the hash {seen}, expected {graph.digest}")
    return path
