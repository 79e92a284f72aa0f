"""One line that says how scores of texts were made, to print beside them."""

from collections.abc import Sequence

from embedstore.text_metrics.meteor import meteor_missing
from embedstore.text_metrics.tokens import TOKENISER
from embedstore.text_metrics.wups import wups_missing

_VERSION = 1  # raise it whenever any score changes for the same texts


def signature(references: Sequence[Sequence[str]]) -> str:
    """Name versions, tokeniser and number of references.

    Args:
        references: For each item its texts.

    Returns:
        One line without spaces, such as `text-metrics:1|tok:ptb-like|refs:5|...`.
    """
    counts = {len(texts) for texts in references}
    spoken = (
        f"{min(counts, default=0)}-{max(counts, default=0)}"
        if len(counts) != 1
        else (f"{counts.pop()}")
    )
    parts = [
        f"text-metrics:{_VERSION}",
        f"tok:{TOKENISER}",
        f"items:{len(references)}",
        f"refs:{spoken}",
        "bleu:4.closest",
        "rouge:l.beta1.2",
        "cider:d.n4.sigma6",
        "chrf:2.nc6.nw0.case-mixed",
        f"meteor:{'none' if meteor_missing() else '1.5'}",
        "vqa:normalised",
        f"wups:{'none' if wups_missing() else 'nouns.0.9'}",
        "clip-score:w2.5",
    ]
    return "|".join(parts)
