"""MiniLM-L6 in plain torch: token ids into one feature row each."""

import torch
from torch import Tensor, nn

FEATURES = 384
VOCABULARY = 30522
LAYERS = 6
_HEADS = 12
_FEED_FORWARD = 1536
_POSITIONS = 512


class TextTower(nn.Module):
    """Post-norm Transformer encoder, mean pooled over the words that are there.

    Wang et al., MiniLM, https://arxiv.org/abs/2002.10957.
    """

    def __init__(self, positions: int = _POSITIONS) -> None:
        super().__init__()
        self.tokens = nn.Embedding(VOCABULARY, FEATURES)
        self.positions = nn.Embedding(positions, FEATURES)
        self.norm = nn.LayerNorm(FEATURES, eps=1e-12)
        layer = nn.TransformerEncoderLayer(
            FEATURES,
            _HEADS,
            _FEED_FORWARD,
            dropout=0.0,
            activation="gelu",
            layer_norm_eps=1e-12,
            batch_first=True,
        )
        self.layers = nn.TransformerEncoder(layer, LAYERS, enable_nested_tensor=False)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Map token ids `(n, t)` and their mask `(n, t)`, true where a word is, to `(n, 384)`."""
        places = torch.arange(ids.shape[1], device=ids.device)
        x: Tensor = self.norm(self.tokens(ids) + self.positions(places))  # (n, t, 384)
        x = self.layers(x, src_key_padding_mask=~mask)
        weight = mask.unsqueeze(-1).to(x.dtype)  # (n, t, 1)
        return (x * weight).sum(1) / weight.sum(1).clamp(min=1)
