"""The best of the lines that a beam found: as the head, the neighbours and the encoder see it.

Choosing among a decoder's lines by what similar pictures were said to show is from Devlin et al.,
"Language Models for Image Captioning", ACL 2015; by how they fit the picture in the space of a dual
encoder, from Cho et al., "Fine-grained Image Captioning with CLIP Reward", NAACL 2022.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from embedstore.answering.agreement import Agree
from embedstore.answering.head.beam import Line, Search
from embedstore.answering.head.vocabulary import Vocabulary
from embedstore.types import Vectors

Fits = Callable[[Sequence[str]], Vectors]
"""Takes texts; `(texts,)`, the score of each with the picture."""


def ranked(
    lines: Sequence[Line],
    vocabulary: Vocabulary,
    settings: Search,
    agree: Agree | None,
    fits: Fits | None,
) -> list[Line]:
    """Order lines by all that is known of them, best first, with the scores this gives them.

    Args:
        lines: As they were found.
        vocabulary: Of the head.
        settings: What each opinion weighs.
        agree: Says how far the neighbours say the same.
        fits: Scores texts with the picture; encoding is dear, so it is asked of the best alone.
    """
    if agree is not None and settings.trust:
        alike = agree(_texts(lines, vocabulary))
        lines = _best_first(
            replace(line, score=line.score + settings.trust * float(one))
            for line, one in zip(lines, alike, strict=True)
        )
    if fits is None or not settings.fit:
        return list(lines)
    best = lines[: settings.fitted]
    fitted = _best_first(
        replace(line, score=line.score + settings.fit * float(one), fit=float(one))
        for line, one in zip(best, fits(_texts(best, vocabulary)), strict=True)
    )
    return [*fitted, *lines[settings.fitted :]]


def _texts(lines: Sequence[Line], vocabulary: Vocabulary) -> list[str]:
    return [vocabulary.decode(line.pieces) for line in lines]


def _best_first(lines: Iterable[Line]) -> list[Line]:
    return sorted(lines, key=lambda line: -line.score)
