"""Attention and the decoder's layer.

Vaswani et al., "Attention Is All You Need", NeurIPS 2017, with the norms before the parts (Xiong et
al., ICML 2020). Sequences come as `(m, g, t, d)`: g sequences share one memory, whose keys are made
once; five captions of a photo do so in training, the beam and the left-out variants in use.
"""

import torch
from torch import Tensor, nn

from embedstore.answering.head.config import HeadConfig

KeysValues = tuple[Tensor, Tensor]  # each (b, heads, s, d / heads)


class Attention(nn.Module):
    """Attention with several heads.

    Args:
        config: Gives width and heads.
    """

    def __init__(self, config: HeadConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.scale = (config.width // config.heads) ** -0.5
        self.query = nn.Linear(config.width, config.width)
        self.key_value = nn.Linear(config.width, 2 * config.width)
        self.out = nn.Linear(config.width, config.width)

    def keys(self, states: Tensor) -> KeysValues:
        """Give keys and values of states `(b, s, d)`."""
        keys, values = self.key_value(states).chunk(2, dim=-1)
        return self._split(keys), self._split(values)

    def forward(self, states: Tensor, keys: KeysValues, mask: Tensor) -> Tensor:
        """Attend from states to keys.

        Args:
            states: `(b, t, d)`.
            keys: Of `(b, s, d)`.
            mask: `(b or 1, 1, t or 1, s)`, true where it may look, which is somewhere.

        Returns:
            `(b, t, d)`.
        """
        # Written out: PyTorch's fused kernel is slower for so short sequences on CPUs.
        queries = self._split(self.query(states)) * self.scale
        scores = queries @ keys[0].transpose(-1, -2)  # (b, heads, t, s)
        share = scores.float().masked_fill(~mask, -torch.inf).softmax(-1)
        found = share.to(keys[1].dtype) @ keys[1]  # (b, heads, t, d / heads)
        joined: Tensor = self.out(found.transpose(1, 2).flatten(2))
        return joined

    def _split(self, states: Tensor) -> Tensor:
        b, t, d = states.shape
        return states.view(b, t, self.heads, d // self.heads).transpose(1, 2)


class Layer(nn.Module):
    """One layer, of the decoder or (without fusion) of a reader.

    Args:
        config: Architecture.
        crossing: Whether it has an attention of its own to the memory.
    """

    def __init__(self, config: HeadConfig, crossing: bool) -> None:
        super().__init__()
        self.own = Attention(config)
        self.own_norm = nn.LayerNorm(config.width)
        self.cross = Attention(config) if crossing else None
        self.cross_norm = nn.LayerNorm(config.width) if crossing else None
        self.wide_norm = nn.LayerNorm(config.width)
        self.wide = nn.Sequential(
            nn.Linear(config.width, 4 * config.width),
            nn.GELU(),
            nn.Linear(4 * config.width, config.width),
        )
        self.drop = nn.Dropout(config.dropout)

    def read(self, states: Tensor, mask: Tensor) -> Tensor:
        """Relate states `(b, s, d)` to each other, both ways."""
        normed = self.own_norm(states)
        states = states + self.drop(self.own(normed, self.own.keys(normed), mask))
        return self._widened(states)

    def memory_keys(self, memory: Tensor) -> KeysValues:
        """Give the keys under which this layer sees the memory `(m, l, d)`."""
        return (self.own if self.cross is None else self.cross).keys(memory)

    def forward(
        self, states: Tensor, memory: KeysValues, visible: Tensor, past: KeysValues | None
    ) -> tuple[Tensor, KeysValues]:
        """Move states on.

        Args:
            states: `(m, g, t, d)`.
            memory: Its keys, of `(m, l, d)`.
            visible: `(m, g or 1, l)`, which of the memory each sequence may see.
            past: Keys of what was written before, of `(m g, p, d)`.

        Returns:
            `(m, g, t, d)`, and the keys of all that is written now.
        """
        m, g, t, d = states.shape
        flat = self.own_norm(states).view(m * g, t, d)
        keys, values = self.own.keys(flat)
        if past is not None:
            keys, values = torch.cat((past[0], keys), 2), torch.cat((past[1], values), 2)
        written = (keys, values)
        mask = _causal(t, keys.shape[2], states.device)
        if self.cross is None:
            (keys, values), mask = _prefixed(memory, visible, written, mask, g)
        states = states + self.drop(self.own(flat, (keys, values), mask)).view(m, g, t, d)
        if self.cross is not None and self.cross_norm is not None:
            asked = self.cross_norm(states).view(m, g * t, d)
            seen = visible[:, :, None, :].expand(m, g, t, -1).reshape(m, 1, g * t, -1)
            states = states + self.drop(self.cross(asked, memory, seen)).view(m, g, t, d)
        return self._widened(states), written

    def _widened(self, states: Tensor) -> Tensor:
        moved: Tensor = states + self.drop(self.wide(self.wide_norm(states)))
        return moved


def _causal(t: int, total: int, device: torch.device) -> Tensor:
    """Let each of the last t see itself and what came before: `(1, 1, t, total)`."""
    mask = torch.ones(t, total, dtype=torch.bool, device=device)
    return mask.tril(total - t)[None, None]


def _prefixed(
    memory: KeysValues, visible: Tensor, written: KeysValues, mask: Tensor, g: int
) -> tuple[KeysValues, Tensor]:
    """Put the memory before what is written."""
    m, total, t = visible.shape[0], written[0].shape[2], mask.shape[2]
    keys, values = (
        torch.cat((one.repeat_interleave(g, 0), own), 2)
        for one, own in zip(memory, written, strict=True)
    )
    seen = visible.expand(m, g, -1).reshape(m * g, 1, 1, -1).expand(-1, -1, t, -1)
    return (keys, values), torch.cat((seen, mask.expand(m * g, 1, t, total)), -1)
