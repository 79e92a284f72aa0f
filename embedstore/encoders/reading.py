"""Texts into token ids, for encoders that run without torch."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

_END = "[SEP]"

Ids = NDArray[np.int64]  # (t,)


class Reading(Protocol):
    """What turns texts into ids."""

    def ids(self, texts: Sequence[str]) -> list[Ids]:
        """Give the ids of each text, cut to the context."""

    def overlong(self, texts: Sequence[str]) -> list[bool]:
        """Say for each text whether its end is cut because it exceeds the context."""


class WordPieces:
    """A tokenizer.json without truncation or padding, as `mini` has it."""

    def __init__(self, path: Path, context: int) -> None:
        from tokenizers import Tokenizer

        self._tokenizer = Tokenizer.from_file(str(path))
        self._context = context
        self._end = int(self._tokenizer.token_to_id(_END) or 0)

    def ids(self, texts: Sequence[str]) -> list[Ids]:
        """Give the ids of each text; one that is cut still ends as every text does."""
        rows = [self._whole(text) for text in texts]
        cut = [
            row if len(row) <= self._context else [*row[: self._context - 1], self._end]
            for row in rows
        ]
        return [np.array(row, np.int64) for row in cut]

    def overlong(self, texts: Sequence[str]) -> list[bool]:
        """Say for each text whether its end is cut because it exceeds the context."""
        return [len(self._whole(text)) > self._context for text in texts]

    def _whole(self, text: str) -> list[int]:
        # Halves of surrogate pairs, which json lets in, are no text to the tokenizer.
        clean = text.encode("utf-8", "replace").decode("utf-8")
        ids: list[int] = self._tokenizer.encode(clean).ids
        return ids


class OpenClipWords:
    """The tokenizer that open_clip makes from a folder with open_clip_config.json."""

    def __init__(self, folder: Path, context: int) -> None:
        self._folder = folder
        self._context = context
        self._made: Any = None

    @property
    def _tokenizer(self) -> Any:
        if self._made is None:  # imports torch, which pictures do without
            from embedstore.encoders import torchvision_ops

            torchvision_ops.declare()
            import open_clip

            self._made = open_clip.get_tokenizer(f"local-dir:{self._folder}")
        return self._made

    def ids(self, texts: Sequence[str]) -> list[Ids]:
        """Give the ids of each text, all of the context's length."""
        rows: NDArray[np.int64] = self._tokenizer(list(texts)).numpy()
        return list(rows)

    def overlong(self, texts: Sequence[str]) -> list[bool]:
        """Say for each text whether its end is cut because it exceeds the context."""
        # No token is shorter than a byte, and two mark the ends: short texts need no tokenizer.
        found = [len(text.encode("utf-8", "replace")) > self._context - 2 for text in texts]
        for place in [place for place, long in enumerate(found) if long]:
            hidden = getattr(self._tokenizer, "tokenizer", None)
            padding = 0 if hidden is None else hidden.pad_token_id
            tokens = self._tokenizer([texts[place]], context_length=self._context + 1)
            found[place] = bool(tokens[0, -1] != padding)
        return found
