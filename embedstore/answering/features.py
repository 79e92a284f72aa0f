"""What tells how sure an answer may be, as named figures that a confidence is fitted on."""

import numpy as np
from numpy.typing import NDArray

from embedstore.answering.types import Draft, Prompt
from embedstore.answering.votes import foretold


def features(prompt: Prompt, draft: Draft) -> dict[str, float]:
    """Name what tells how sure an answer may be.

    Args:
        prompt: What was shown; not without evidence.
        draft: What was written.
    """
    scores = np.array([each.score for each in prompt.evidence], np.float64)
    vectors = [np.array(each.vector) for each in prompt.evidence if each.vector is not None]
    alike = 1.0
    if len(vectors) > 1:
        total: NDArray[np.float64] = np.sum(vectors, axis=0, dtype=np.float64)
        alike = (float(total @ total) / len(vectors) - 1.0) / (len(vectors) - 1)
    return {
        "log_probability": draft.log_probability,
        "top_score": float(scores[0]) if len(scores) else 0.0,
        "score_margin": float(scores[0] - scores.mean()) if len(scores) else 0.0,
        "disagreement": 1.0 - alike,
        "most_support": max(draft.support, default=0.0),
        "foretold": foretold(prompt.evidence),
        **{f"signal.{name}": value for name, value in sorted(draft.signals.items())},
    }


def agreement_of(prompt: Prompt, draft: Draft) -> float:
    """Give how far the neighbours agree with each other or with the draft, 0..1.

    Args:
        prompt: What was shown.
        draft: What was written; its writer tells, in `agreement` or `agreed`.

    Returns:
        1 where nobody can tell, as where captions answer a question.
    """
    comparable = prompt.question is None or any(each.answers for each in prompt.evidence)
    beside = draft.signals.get("agreed", 1.0) if comparable else 1.0
    return draft.signals.get("agreement", beside)
