"""How good captions are: one row of a table for each way of writing them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.answers.intervals import interval, told
from benchmarks.answers.vectors import Remembering
from embedstore.text_metrics import CiderD, bleu, clip_score, meteor, rouge_l
from embedstore.types import Vectors

Row = dict[str, object]


@dataclass(frozen=True)
class Figures:
    """What one way of writing captions reaches.

    Attributes:
        cider: `(n,)`, CIDEr-D of each caption.
        bleu: BLEU-1 to 4 of all.
        rouge: ROUGE-L.
        meteor: METEOR; None where Java or its jar is missing.
        clip: Mean CLIPScore.
        unique: Share of captions that nothing else was given.
    """

    cider: np.ndarray
    bleu: tuple[float, ...]
    rouge: float
    meteor: float | None
    clip: float
    unique: float


class Judge:
    """Compares captions with what people said of the same pictures."""

    def __init__(
        self, references: Sequence[Sequence[str]], pictures: Vectors, encoder: Remembering
    ) -> None:
        self._references, self._pictures, self._encoder = references, pictures, encoder
        self._cider = CiderD(references)

    def cider(self, captions: Sequence[str]) -> np.ndarray:
        """Give CIDEr-D of each caption, `(n,)`."""
        return np.asarray(self._cider.corpus(captions, self._references)[1])

    def figures(self, captions: Sequence[str]) -> Figures:
        """Measure one caption a picture."""
        rows = self._encoder.encode_texts(captions)
        return Figures(
            cider=self.cider(captions),
            bleu=tuple(bleu(captions, self._references)),
            rouge=rouge_l(captions, self._references),
            meteor=meteor(captions, self._references),
            clip=float(np.mean(clip_score(self._pictures, rows))),
            unique=len(set(captions)) / len(captions),
        )


def row(name: str, runs: Sequence[Figures], seed: int) -> Row:
    """Give the row of one way of writing, the mean over its seeds.

    Args:
        name: Of the way.
        runs: One for each seed of training.
        seed: Of the interval over pictures.
    """
    each = np.mean([run.cider for run in runs], axis=0)  # (n,)
    found: Row = {"generator": name, "CIDEr-D": float(each.mean())}
    found["95% interval"] = told(interval(each, seed))
    if len(runs) > 1:
        found["sd of seeds"] = float(np.std([run.cider.mean() for run in runs], ddof=1))
    for order in range(4):
        found[f"BLEU-{order + 1}"] = float(np.mean([run.bleu[order] for run in runs]))
    found["ROUGE-L"] = float(np.mean([run.rouge for run in runs]))
    meteors = [run.meteor for run in runs if run.meteor is not None]
    if meteors:
        found["METEOR"] = float(np.mean(meteors))
    found["CLIPScore"] = float(np.mean([run.clip for run in runs]))
    found["unique"] = float(np.mean([run.unique for run in runs]))
    return found
