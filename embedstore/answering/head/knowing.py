"""Whether a head has learnt about such things: how probable it finds what the neighbours say.

That a model finds what it has not learnt about improbable, see Hendrycks and Gimpel, "A Baseline
for Detecting Misclassified and Out-of-Distribution Examples in Neural Networks", ICLR 2017.
"""

from collections.abc import Sequence

import torch

from embedstore.answering.head.folder import Stored
from embedstore.answering.head.pointer import log_probability
from embedstore.answering.head.sight import Sight, sight
from embedstore.answering.types import Prompt

_READ = 3  # neighbours; one alone may say something odd
_LEFT_OUT = 0.05  # share of what was held out that counts as unknown


def familiarity(stored: Stored, prompt: Prompt, seen: Sight) -> float | None:
    """Give the mean log-probability of a piece of what the nearest neighbours say as captions.

    Args:
        stored: The head, which sees these neighbours.
        prompt: With the neighbours.
        seen: The prompt, as the head has read it.

    Returns:
        At most 0; None where no neighbour has a caption.
    """
    said = [each.texts[0] for each in prompt.evidence if each.texts and each.question is None]
    lines = [stored.vocabulary.encode(text, stored.head.config.answer_pieces) for text in said]
    lines = [line for line in lines if line][:_READ]
    if not lines:
        return None
    return _mean_log_probability(stored, seen, lines)


def least_familiar(stored: Stored, prompts: Sequence[Prompt]) -> float | None:
    """Give the familiarity below which a prompt counts as unknown, from some that are known.

    Args:
        stored: The head.
        prompts: Like those it learnt from; it did not.

    Returns:
        None where there are too few to say.
    """
    with torch.inference_mode():
        found = [familiarity(stored, prompt, sight(stored, prompt)) for prompt in prompts]
    told = torch.tensor([one for one in found if one is not None])
    return float(told.quantile(_LEFT_OUT)) if len(told) * _LEFT_OUT >= 1 else None


@torch.inference_mode()
def _mean_log_probability(stored: Stored, seen: Sight, lines: Sequence[list[int]]) -> float:
    head, vocabulary, memory = stored.head, stored.vocabulary, seen.memory
    longest = max(len(line) for line in lines)
    written = torch.full((1, len(lines), longest + 1), vocabulary.padding)
    targets = torch.full_like(written, vocabulary.end)
    counts = torch.zeros_like(written, dtype=torch.bool)
    for row, line in enumerate(lines):
        written[0, row, : len(line) + 1] = torch.tensor([vocabulary.caption, *line])
        targets[0, row, : len(line)] = torch.tensor(line)
        counts[0, row, : len(line) + 1] = True
    states, pointed, _ = head(written, memory)
    told = log_probability(head.logits(states), pointed, memory.pieces, targets)
    return float(told[counts].mean())
