"""MiniLM-L6 in plain torch: token ids into one feature row each."""

import torch
from torch import Tensor, nn

FEATURES = 384
LAYERS = 6
_VOCABULARY = 30522
_HEADS = 12
_FEED_FORWARD = 1536
_LOWER = 3  # layers that training leaves as they are


class TextTower(nn.Module):
    """Post-norm Transformer encoder, mean pooled over the words that are there.

    Wang et al., MiniLM, https://arxiv.org/abs/2002.10957.
    """

    def __init__(self, positions: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.tokens = nn.Embedding(_VOCABULARY, FEATURES)
        self.positions = nn.Embedding(positions, FEATURES)
        self.norm = nn.LayerNorm(FEATURES, eps=1e-12)
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(
                FEATURES,
                _HEADS,
                _FEED_FORWARD,
                dropout,
                activation="gelu",
                layer_norm_eps=1e-12,
                batch_first=True,
            )
            for _ in range(LAYERS)
        )

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Map token ids `(n, t)` and their mask `(n, t)`, true where a word is, to `(n, 384)`."""
        return self.upper(self.lower(ids, mask), mask)

    def lower(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Map token ids and mask, both `(n, t)`, to states `(n, t, 384)`."""
        places = torch.arange(ids.shape[1], device=ids.device)
        x: Tensor = self.norm(self.tokens(ids) + self.positions(places))
        for layer in self.layers[:_LOWER]:
            x = layer(x, src_key_padding_mask=~mask)
        return x

    @property
    def upper_parts(self) -> nn.Module:
        """The layers of `upper`."""
        return self.layers[_LOWER:]

    def upper(self, states: Tensor, mask: Tensor) -> Tensor:
        """Map what `lower` gives, and the mask, to features `(n, 384)`."""
        for layer in self.layers[_LOWER:]:
            states = layer(states, src_key_padding_mask=~mask)
        weight = mask.unsqueeze(-1).to(states.dtype)  # (n, t, 1)
        return (states * weight).sum(1) / weight.sum(1).clamp(min=1)
