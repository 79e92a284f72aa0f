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
