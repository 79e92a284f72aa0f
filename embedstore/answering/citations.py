"""Which neighbours an answer is said to rest on."""

from collections.abc import Sequence

from embedstore.answering.types import CITED, Citation, Evidence


def citations(evidence: Sequence[Evidence], support: Sequence[float]) -> tuple[Citation, ...]:
    """Cite the evidence that an answer rests on, strongest first."""
    cited = [
        Citation(number, each.key, says(each), each.score, float(share))
        for number, (each, share) in enumerate(zip(evidence, support, strict=True), 1)
        if share >= CITED
    ]
    return tuple(sorted(cited, key=lambda citation: (-citation.support, citation.number)))


def says(evidence: Evidence) -> str:
    """Give in one line what a piece of evidence says."""
    said = evidence.texts[0] if evidence.texts else ""
    return f"{said} - {', '.join(evidence.answers)}" if evidence.answers else said
