"""The head: a decoder that sees a picture's vector and its neighbours, and may copy their words."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from embedstore.answering.head.config import HeadConfig
from embedstore.answering.head.layers import KeysValues, Layer
from embedstore.answering.head.pointer import Pointed, Pointer
from embedstore.answering.head.shown import Inputs

_MARKS = 4
_NOBODY = -1  # number of the places that belong to no neighbour


@dataclass(frozen=True)
class Memory:
    """What is shown, read; l places: one of nothing, the picture's, then each neighbour's.

    Attributes:
        states: `(m, l, d)`.
        visible: `(m, 1, l)`, which places say something.
        words: `(m, 1, l)`, which of these are words.
        pieces: `(m, l)`; 0 where a place is no word.
        number: `(l,)`, index of the neighbour a place belongs to, -1 for nobody's.
        keys: Of each layer.
        copied: `(m, l, d)`, the pointer's.
    """

    states: Tensor
    visible: Tensor
    words: Tensor
    pieces: Tensor
    number: Tensor
    keys: Sequence[KeysValues]
    copied: Tensor


class Head(nn.Module):
    """The model.

    Each neighbour is read on its own before the decoder sees all of them (Izacard and Grave,
    "Leveraging Passage Retrieval with Generative Models for Open Domain Question Answering",
    EACL 2021), so that hiding one leaves nothing of it behind.

    Args:
        config: Architecture.
    """

    def __init__(self, config: HeadConfig) -> None:
        super().__init__()
        self.config = config
        d = config.width
        self.pieces = nn.Embedding(config.pieces + _MARKS, d)
        self.places = nn.Embedding(config.length, d)
        self.neighbour_places = nn.Embedding(config.text_pieces, d)
        self.kinds = nn.Embedding(3, d)
        self.numbers = nn.Embedding(config.neighbours, d)
        self.nothing = nn.Parameter(torch.zeros(d))
        self.picture = nn.Linear(config.vector, config.picture_tokens * d)
        self.vector = nn.Linear(config.vector, d)
        self.likeness = nn.Linear(1, d)
        self.reader = Layer(config, crossing=False)
        self.memory_norm = nn.LayerNorm(d)
        crossing = config.fusion == "attention"
        self.layers = nn.ModuleList([Layer(config, crossing) for _ in range(config.layers)])
        self.norm = nn.LayerNorm(d)
        self.bias = nn.Parameter(torch.zeros(config.pieces + 1))
        self.pointer = Pointer(d)
        self.drop = nn.Dropout(config.dropout)
        for table in (self.pieces, self.places, self.neighbour_places, self.kinds, self.numbers):
            nn.init.normal_(table.weight, std=0.02)

    def remember(self, batch: Inputs) -> Memory:
        """Read what is shown."""
        m, k, w = batch.pieces.shape
        d, p = self.config.width, self.config.picture_tokens
        pictures = self.picture(batch.picture).view(m, p, d)
        words = batch.pieces < self.config.pieces  # (m, k, w)
        neighbours, seen = self._read(batch, words)  # (m, k, 1 + w, d), (m, k, 1 + w)
        states = torch.cat(
            (self.nothing.expand(m, 1, d), self.drop(pictures), neighbours.flatten(1, 2)), 1
        )
        states = self.memory_norm(states)  # (m, l, d)
        always = torch.ones(m, 1, dtype=torch.bool, device=states.device)
        visible = torch.cat(
            (always, batch.has_picture[:, None].expand(m, p), seen.flatten(1, 2)), 1
        )
        no_words = torch.zeros(m, 1 + p, dtype=torch.bool, device=states.device)
        shifted = nn.functional.pad(words, (1, 0)).flatten(1, 2)  # (m, k (1 + w))
        pieces = nn.functional.pad(batch.pieces, (1, 0)).flatten(1, 2) * shifted
        owners = torch.arange(k, device=states.device).repeat_interleave(1 + w)
        return Memory(
            states,
            visible[:, None],
            torch.cat((no_words, shifted), 1)[:, None],
            nn.functional.pad(pieces, (1 + p, 0)),
            nn.functional.pad(owners, (1 + p, 0), value=_NOBODY),
            [layer.memory_keys(states) for layer in self.decoder()],
            self.pointer.keys(states),
        )

    def decoder(self) -> list[Layer]:
        """Give the decoder's layers."""
        return [layer for layer in self.layers if isinstance(layer, Layer)]

    def forward(
        self,
        written: Tensor,
        memory: Memory,
        past: Sequence[KeysValues] | None = None,
        hidden: Tensor | None = None,
    ) -> tuple[Tensor, Pointed, list[KeysValues]]:
        """Say what comes next after each piece that is written.

        Args:
            written: `(m, g, t)`.
            memory: Of m prompts.
            past: Keys of each layer for what was written before.
            hidden: `(m, g, l)`, places of the memory that a sequence may not see.

        Returns:
            States `(m, g, t, d)` for `logits`, where to copy from, and the keys of all that is
            written.
        """
        before = 0 if past is None else past[0][0].shape[2]
        places = torch.arange(before, before + written.shape[-1], device=written.device)
        states = self.drop(self.pieces(written) + self.places(places))
        visible = memory.visible if hidden is None else memory.visible & ~hidden
        kept = []
        for number, layer in enumerate(self.decoder()):
            own = None if past is None else past[number]
            states, keys = layer(states, memory.keys[number], visible, own)
            kept.append(keys)
        states = self.norm(states)
        copyable = memory.words & visible
        return states, self.pointer(states, memory.states, memory.copied, copyable), kept

    def logits(self, states: Tensor) -> Tensor:
        """Score pieces and the end `(..., pieces + 1)` after states `(..., d)`."""
        table = self.pieces.weight[: self.config.pieces + 1]
        return nn.functional.linear(states, table, self.bias)

    def _read(self, batch: Inputs, words: Tensor) -> tuple[Tensor, Tensor]:
        m, k, w = batch.pieces.shape
        texts = self.pieces(batch.pieces) + self.kinds(batch.kinds)
        texts = texts + self.neighbour_places.weight[:w]  # (m, k, w, d)
        whole = self.vector(batch.vectors) + self.likeness(batch.likeness[..., None])  # (m, k, d)
        states = torch.cat((whole[:, :, None], texts), 2)
        states = self.drop(states + self.numbers.weight[:k, None])  # (m, k, 1 + w, d)
        seen = torch.cat((batch.present[..., None], words), 2)
        mask = seen.clone()
        mask[..., 0] = True  # a neighbour that is not there must look somewhere
        read = self.reader.read(states.flatten(0, 1), mask.flatten(0, 1)[:, None, None])
        return read.view(m, k, 1 + w, -1), seen
