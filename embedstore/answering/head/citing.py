"""What a written line rests on: measured by what it copied, confirmed by leaving evidence out."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from embedstore.answering.head.model import Head, Memory
from embedstore.answering.head.pointer import log_probability
from embedstore.answering.types import CITED

_NOTICEABLE = 0.01  # fall of the mean log-probability of a piece, below which nothing was lost


@dataclass(frozen=True)
class Judged:
    """A line, looked at again as a whole.

    Attributes:
        support: Of each neighbour, 0..1.
        log_probability: Mean of a piece.
        least: Log-probability of the least probable piece.
        gate: Mean share that was copied.
        gain: How much the mean log-probability owes to all neighbours together.
    """

    support: tuple[float, ...]
    log_probability: float
    least: float
    gate: float
    gain: float


def judge(
    head: Head, memory: Memory, prefix: Sequence[int], line: Sequence[int], end: int
) -> Judged:
    """Say how sure the head is of a line, and which neighbours it owes it to.

    In one pass the line is scored with all neighbours, without each and without any. A neighbour
    supports the line with the share of it that is copied from there, where the line is less
    probable without it. Where several say the same, none is missed alone: then the one that most
    is copied from stands for them, if the line is less probable without all.

    Args:
        head: That wrote it.
        memory: Of one prompt.
        prefix: What was given before the line.
        line: Its pieces.
        end: The mark that ends it.
    """
    count = int(memory.number.max()) + 1
    owners = torch.arange(count)[:, None] == memory.number  # (k, l)
    nothing = torch.zeros_like(memory.number, dtype=torch.bool)
    hidden = torch.stack((nothing, *owners, memory.number >= 0))[None]  # (1, 2 + k, l)
    written = torch.tensor([[*prefix, *line]]).expand(hidden.shape[1], -1)[None]
    targets = torch.tensor([*line, end]).expand(1, hidden.shape[1], -1)
    states, pointed, _ = head(written, memory, hidden=hidden)
    start = len(prefix) - 1
    gate, copy = pointed.gate[:, :, start:], pointed.copy[:, :, start:]
    told = type(pointed)(gate, copy)
    each = log_probability(head.logits(states[:, :, start:]), told, memory.pieces, targets)[0]
    means = each.mean(-1)  # (2 + k,)
    hit = memory.pieces[:, None] == targets[:, 0, :, None]  # (1, t, l)
    mass = gate[0, 0, :, None] * copy[0, 0] * hit[0]  # (t, l)
    shares = (mass.mean(0)[None] * owners).sum(-1)  # (k,)
    lost = means[0] - means[1:]
    confirmed = lost[:-1] > _NOTICEABLE
    if not confirmed.any() and lost[-1] > _NOTICEABLE:
        confirmed[shares.argmax()] = True
    support = torch.where(confirmed, shares.clamp(CITED, 1.0), 0.0)
    return Judged(
        tuple(support.tolist()),
        float(means[0]),
        float(each[0].min()),
        float(gate[0, 0].mean()),
        float(lost[-1]),
    )
