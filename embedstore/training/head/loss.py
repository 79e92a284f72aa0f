"""What a step lowers: the surprise of the words that people wrote."""

import torch
from torch import Tensor

from embedstore.answering.head.model import Head
from embedstore.training.head.lessons import Batch


def loss(head: Head, batch: Batch, smoothing: float) -> tuple[Tensor, Tensor]:
    """Give the mean surprise of a piece, and the mean share that was copied.

    Smoothing (Szegedy et al., CVPR 2016) is asked of what the head remembers alone: what may be
    copied gives most pieces no probability at all, and rightly.

    Args:
        head: That learns.
        batch: m of what is shown, g texts each.
        smoothing: Share of the loss that asks for every piece alike.
    """
    memory = head.remember(batch.shown)
    states, pointed, _ = head(batch.written, memory)
    counts = batch.counts  # only these reach the vocabulary, which is most of the work
    targets = batch.targets[counts]  # (n,)
    own = head.logits(states[counts]).float().log_softmax(-1)  # (n, v)
    hit = memory.pieces[:, None, None] == batch.targets[..., None]  # (m, g, t, l)
    copied = (pointed.copy * hit * memory.words[:, :, None]).sum(-1)[counts]
    gate = pointed.gate[counts]
    told = own.gather(-1, targets[:, None]).squeeze(-1).exp()
    surprise = -torch.log((1.0 - gate) * told + gate * copied + 1e-9)
    total = (1.0 - smoothing) * surprise - smoothing * own.mean(-1)
    return total.mean(), gate.mean().detach()
