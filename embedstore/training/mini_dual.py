"""The bundled encoder as something to train."""

import math
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Literal

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from embedstore.encoders.mini import (
    CONFIG,
    TOKENIZER,
    WEIGHTS,
    MiniConfig,
    MiniEncoder,
    padded,
)
from embedstore.encoders.mini_model import MiniModel, packed, restored
from embedstore.encoders.torch_encoder import weights_hash
from embedstore.errors import Corrupt
from embedstore.training.adapters import merged_state
from embedstore.training.dual import START_BIAS, START_SCALE, Dual, Tune, unit
from embedstore.types import Encoder, Space, digest

_LENGTHS = 4  # groups of captions of like length in a step
_MOST_KNOWN = 1 << 18  # texts whose features are kept where the text tower does not learn
_LOG_SCALE, _BIAS = "log_scale", "bias"  # beside the weights, for training that goes on


class MiniDual(Dual):
    """EfficientNet-lite and MiniLM-L6, each with a linear map into one space.

    Args:
        model: The towers and maps.
        config: Of the encoder that is to be written.
        tokenizer: The tokenizer's file, as text.
        log_scale: Logarithm of the inverse temperature to start from.
        dropout: Share of what is dropped in the text tower, and of its features, while learning.
        image_dropout: Share of the image tower's features that is dropped while learning.
        bias: Of the sigmoid loss to start from.
    """

    def __init__(
        self,
        model: MiniModel,
        config: MiniConfig,
        tokenizer: str,
        log_scale: float = math.log(START_SCALE),
        dropout: float = 0.0,
        image_dropout: float = 0.0,
        bias: float = START_BIAS,
    ) -> None:
        super().__init__(config.preprocess, config.dim, True, log_scale, bias)
        self.model = model
        self.config = config
        self.text_dropout = nn.Dropout(dropout)
        self.image_dropout = nn.Dropout(image_dropout)
        _set_dropout(model.text, dropout)
        self._reading = tokenizer
        self._known: dict[bytes, Tensor] = {}
        self._tokenizer = Tokenizer.from_str(tokenizer)
        self._tokenizer.enable_truncation(config.context)
        self.tune("full")

    @property
    def keeps_lower(self) -> bool:
        """Whether a part of the image tower stays as it is."""
        return self.tuned in ("upper", "text", "heads")

    def tokenise(self, texts: Sequence[str]) -> Tensor:
        """Give token ids `(n, t)`, zeros after the end."""
        # Halves of surrogate pairs, which json lets in, are no text to the tokenizer.
        clean = [text.encode("utf-8", "replace").decode("utf-8") for text in texts]
        ids, _ = padded([encoding.ids for encoding in self._tokenizer.encode_batch(clean)])
        return ids

    @torch.no_grad()
    def lower_images(self, pictures: Tensor) -> Tensor:
        """Map pictures `(n, 3, s, s)` to maps of the lower half or to features `(n, f)`.

        Features where the whole tower stays as it is, the pictures where all of it learns.
        """
        pictures = pictures.contiguous(memory_format=torch.channels_last)
        match self.tuned:
            case "upper":
                return self.model.image.lower(pictures)
            case "text" | "heads":
                return self.model.image(pictures)  # type: ignore[no-any-return]
        return pictures

    def embed_images(self, lowered: Tensor) -> Tensor:
        """Map what `lower_images` gave to unit rows `(n, d)`."""
        features = lowered.to(self.device, torch.float32)
        match self.tuned:
            case "upper":
                features = self.model.image.upper(_channels_last(features))
            case "full" | "lora":
                features = self.model.image(_channels_last(features))
        return unit(self.model.image_map(self.image_dropout(features.float())))

    def embed_texts(self, ids: Tensor) -> Tensor:
        """Map token ids `(n, t)` to unit rows `(n, d)`, those of like length together."""
        features = self._remembered(ids) if self.tuned == "heads" else self._text_features(ids)
        return unit(self.model.text_map(self.text_dropout(features)))

    def _remembered(self, ids: Tensor) -> Tensor:
        """Give features `(n, 384)` of a tower that does not learn: each text costs it once."""
        texts = [bytes(row[row != 0].numpy()) for row in ids.cpu()]
        new = {text: place for place, text in enumerate(texts) if text not in self._known}
        if new:
            features = self._text_features(ids[list(new.values())]).detach()
            self._known.update(zip(new, features, strict=True))
        rows = torch.stack([self._known[text] for text in texts])
        if len(self._known) > _MOST_KNOWN:
            self._known.clear()
        return rows

    def _text_features(self, ids: Tensor) -> Tensor:
        """Map token ids `(n, t)` to features `(n, 384)`."""
        ids = ids.to(self.device)
        mask = ids != 0  # (n, t)
        lengths = mask.sum(1)
        order = lengths.argsort(stable=True)
        features = []
        for part in order.chunk(_LENGTHS):
            longest = int(lengths[part[-1]])  # short texts need not be padded to the longest of all
            features.append(self._part_features(ids[part, :longest], mask[part, :longest]))
        return torch.cat(features)[order.argsort()]

    def checkpointing(self, on: bool) -> None:
        """Compute the activations of each block and layer again in the backward pass."""
        for block in (*self.model.image.blocks, *self.model.text.layers):
            if on:
                run = partial(checkpoint, type(block).forward, block, use_reentrant=False)
                block.forward = run
            else:
                vars(block).pop("forward", None)

    def encoder(self, device: torch.device) -> Encoder:
        """Give an encoder with the weights of now, in float32."""
        state = {name: tensor.detach() for name, tensor in merged_state(self.model).items()}
        look = self.config
        model = MiniModel(self.dim, look.context, image=look.image, scales=look.scales)
        model.load_state_dict(state, assign=True)  # no copy: the encoder replaces what it changes
        reading = digest([asdict(self.config), self._reading])
        space = Space("mini in training", weights_hash(state), reading, self.dim)
        tokenizer = Tokenizer.from_str(self._reading)
        return MiniEncoder(model.eval(), tokenizer, self.config, space, device)

    def _write(self, folder: Path) -> None:
        note = {_LOG_SCALE: repr(self.log_scale.item()), _BIAS: repr(self.bias.item())}
        save_file(packed(merged_state(self.model)), folder / WEIGHTS, note)
        self.config.write(folder / CONFIG)
        (folder / TOKENIZER).write_text(self._reading, "utf-8")

    def _towers(self) -> nn.Module:
        return self.model

    def _chosen(self, what: Tune) -> list[nn.Parameter]:
        self._known.clear()  # a tower that learnt meanwhile gives other features
        maps = [*self.model.image_map.parameters(), *self.model.text_map.parameters()]
        image, text = self.model.image, self.model.text
        match what:
            case "upper":
                halves = (image.upper_parts, text.upper_parts)
                return [*maps, *(weight for half in halves for weight in half.parameters())]
            case "text":
                return [*maps, *text.parameters()]
            case "heads":
                return maps
        return list(self.model.parameters())

    def _part(self, name: str) -> Literal["image", "text", "maps"]:
        if name.startswith(("model.image_map.", "model.text_map.")):
            return "maps"
        return "image" if name.startswith("model.image.") else "text"

    def _part_features(self, ids: Tensor, mask: Tensor) -> Tensor:
        text = self.model.text
        with torch.set_grad_enabled(torch.is_grad_enabled() and self.tuned != "upper"):
            states = text.lower(ids, mask)  # (n, t, 384)
        return text.upper(states, mask).float()


def mini_of_folder(folder: Path, dropout: float = 0.0, image_dropout: float = 0.0) -> MiniDual:
    """Load what `write` wrote, or the bundled encoder.

    Raises:
        Corrupt: A file is missing or damaged, or the files do not belong together.
    """
    try:
        config = MiniConfig.read(folder / CONFIG)
        tensors = load_file(folder / WEIGHTS)
        model = restored(tensors, config.dim, config.context, config.image, config.scales)
        with safe_open(folder / WEIGHTS, "pt") as file:
            note = file.metadata() or {}
        scale = float(note.get(_LOG_SCALE, math.log(START_SCALE)))
        bias = float(note.get(_BIAS, START_BIAS))
        reading = (folder / TOKENIZER).read_text("utf-8")
        return MiniDual(model, config, reading, scale, dropout, image_dropout, bias)
    except Exception as error:  # the tokenizer's package raises nothing more precise
        reason = " ".join(str(error).split())[:200]
        raise Corrupt(
            f"{folder} does not load as an encoder of mini's form ({type(error).__name__}: "
            f"{reason}); expected {CONFIG}, {WEIGHTS} and {TOKENIZER} of one encoder; copy the "
            "folder whole, or start from --init mini"
        ) from error


def _set_dropout(tower: nn.Module, share: float) -> None:
    for module in tower.modules():
        if isinstance(module, nn.Dropout):
            module.p = share
        elif isinstance(module, nn.MultiheadAttention):
            module.dropout = share


def _channels_last(maps: Tensor) -> Tensor:
    return maps.contiguous(memory_format=torch.channels_last)
