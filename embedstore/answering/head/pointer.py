"""Words that are copied from the neighbours rather than remembered.

See, Liu and Manning, "Get To The Point: Summarization with Pointer-Generator Networks", ACL 2017.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

_NEVER = -1e4  # a score that leaves no share, finite where nothing may be copied


@dataclass(frozen=True)
class Pointed:
    """Where the next piece may be copied from.

    Attributes:
        gate: `(m, g, t)`, share of the next piece's probability that is copied.
        copy: `(m, g, t, l)`, share of each place of the memory in what is copied.
    """

    gate: Tensor
    copy: Tensor


class Pointer(nn.Module):
    """Attention over the words of the neighbours, and the gate that mixes it in.

    Args:
        width: Of the states.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.gate = nn.Linear(2 * width, 1)
        nn.init.constant_(self.gate.bias, -1.0)

    def keys(self, memory: Tensor) -> Tensor:
        """Give the keys `(m, l, d)` under which it sees a memory `(m, l, d)`."""
        keys: Tensor = self.key(memory)
        return keys

    def forward(self, states: Tensor, memory: Tensor, keys: Tensor, copyable: Tensor) -> Pointed:
        """Point.

        Args:
            states: `(m, g, t, d)`.
            memory: `(m, l, d)`.
            keys: Of it.
            copyable: `(m, g or 1, l)`, which places hold words that may be seen.
        """
        scores = torch.einsum("mgtd,mld->mgtl", self.query(states), keys).float()
        scores = scores * states.shape[-1] ** -0.5
        copy = scores.masked_fill(~copyable[:, :, None], _NEVER).softmax(-1)
        found = torch.einsum("mgtl,mld->mgtd", copy.to(memory.dtype), memory)
        gate = self.gate(torch.cat((states, found), -1)).squeeze(-1).float().sigmoid()
        return Pointed(gate * copyable.any(-1)[:, :, None], copy)


def mixed(logits: Tensor, pointed: Pointed, pieces: Tensor) -> Tensor:
    """Give the distribution of the next piece.

    Args:
        logits: `(m, g, t, v)` of the vocabulary.
        pointed: Where it may be copied from.
        pieces: `(m, l)` of the memory, each below v.

    Returns:
        `(m, g, t, v)`; sums to 1.
    """
    gate = pointed.gate[..., None]
    own = (1.0 - gate) * logits.float().softmax(-1)
    where = pieces[:, None, None].expand_as(pointed.copy)
    return own.scatter_add(-1, where, gate * pointed.copy)


def log_probability(logits: Tensor, pointed: Pointed, pieces: Tensor, targets: Tensor) -> Tensor:
    """Give the logarithm of what `mixed` says of the pieces that came next.

    Args:
        logits: `(m, g, t, v)`.
        pointed: Where it may be copied from.
        pieces: `(m, l)` of the memory.
        targets: `(m, g, t)`.

    Returns:
        `(m, g, t)`.
    """
    own = logits.float().log_softmax(-1).gather(-1, targets[..., None]).squeeze(-1).exp()
    copied = (pointed.copy * (pieces[:, None, None] == targets[..., None])).sum(-1)
    return torch.log((1.0 - pointed.gate) * own + pointed.gate * copied + 1e-9)
