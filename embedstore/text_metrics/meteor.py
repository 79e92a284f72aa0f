"""METEOR, by the jar of pycocoevalcap (Denkowski and Lavie 2014); only where that can run."""

import importlib
import importlib.util
import shutil
from collections.abc import Sequence

from embedstore.text_metrics.pairing import paired


def meteor_missing() -> str | None:
    """Say why METEOR cannot be computed here; None where it can."""
    if importlib.util.find_spec("pycocoevalcap") is None:
        return "pycocoevalcap is not installed; pip install --no-deps pycocoevalcap"
    if shutil.which("java") is None:
        return "java is not installed; install a Java runtime"
    return None


def meteor(candidates: Sequence[str], references: Sequence[Sequence[str]]) -> float | None:
    """Give METEOR 1.5 of a corpus.

    Args:
        candidates: One text an item.
        references: For each item its texts.

    Returns:
        The score, 0..1; None where it cannot be computed, see `meteor_missing`.

    Raises:
        Invalid: Candidates and references do not pair up.
    """
    pairs = paired(candidates, references)
    if meteor_missing():
        return None
    scorer = importlib.import_module("pycocoevalcap.meteor.meteor").Meteor()
    try:
        score, _ = scorer.compute_score(
            {place: [" ".join(text) for text in texts] for place, (_, texts) in enumerate(pairs)},
            {place: [" ".join(words)] for place, (words, _) in enumerate(pairs)},
        )
    finally:
        process = scorer.meteor_p
        process.kill()
        process.communicate()
    return float(score)
