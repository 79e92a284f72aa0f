"""Any model of open_clip as something to train."""

import contextlib
import copy
import json
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.func import functional_call

from embedstore.encoders.hub import WEIGHTS
from embedstore.encoders.openclip import OpenClipEncoder, preprocess_of
from embedstore.encoders.openclip_names import Source
from embedstore.errors import Invalid
from embedstore.training.adapters import merge, merged_state
from embedstore.training.dual import START_BIAS, Dual, Tune, unit
from embedstore.types import Encoder

CONFIG = "open_clip_config.json"
# Where open_clip's towers keep their maps into the shared space.
_IMAGE_MAPS = ("visual.proj", "visual.attnpool.c_proj", "visual.head")
_TEXT_MAPS = ("text_projection", "text.text_projection", "text.proj")
_TOKENIZERS = ("SimpleTokenizer", "HFTokenizer")  # those that a folder can bring along


class OpenClipDual(Dual):
    """Both towers of an open_clip model; a decoder of captions, as CoCa's, stays as it is.

    Args:
        name: As the user wrote it, for messages.
        model: The model.
        tokenizer: Its tokenizer.
        config: What open_clip builds the model from.
        pretrained: Whether it has learnt anything yet.
    """

    def __init__(
        self, name: str, model: Any, tokenizer: Any, config: dict[str, Any], pretrained: bool
    ) -> None:
        kind = type(tokenizer).__name__
        if kind not in _TOKENIZERS:
            raise Invalid(
                f"{name} reads text with {kind}, which cannot be written beside its weights; "
                f"expected {' or '.join(_TOKENIZERS)}; choose another model"
            )
        bias = getattr(model, "logit_bias", None)
        super().__init__(
            preprocess_of(model.visual.preprocess_cfg, name),
            _dim(model, tokenizer),
            pretrained,
            model.logit_scale.item(),
            START_BIAS if bias is None else bias.item(),
        )
        self.name = name
        self.model = model
        self.config = config
        self._tokenizer = tokenizer
        self.tune("full")

    @property
    def keeps_lower(self) -> bool:
        """Whether the image tower, but for a map at its end, stays as it is."""
        return self.tuned == "text" or (self.tuned == "heads" and self._has_plain_map())

    def tokenise(self, texts: Sequence[str]) -> Tensor:
        """Give token ids `(n, t)`, padded to the longest, or to the model's context."""
        ids: Tensor = self._tokenizer(list(texts))
        return ids[:, : int(ids.argmax(1).max()) + 1] if self._ignores_padding() else ids

    @torch.no_grad()
    def lower_images(self, pictures: Tensor) -> Tensor:
        """Map pictures `(n, 3, s, s)` to unit rows, or to features before the last map.

        Rows `(n, d)` where the whole tower stays as it is, features `(n, f)` where only a matrix
        after them learns, else the pictures.
        """
        if not self.keeps_lower:
            return pictures
        if self.tuned == "text":
            return unit(self.model.encode_image(pictures))
        visual = self.model.visual
        last, visual.proj = visual.proj, None
        try:
            found = visual(pictures)
        finally:
            visual.proj = last
        features: Tensor = found[0] if isinstance(found, tuple) else found
        return features

    def embed_images(self, lowered: Tensor) -> Tensor:
        """Map what `lower_images` gave to unit rows `(n, d)`."""
        lowered = lowered.to(self.device, torch.float32)
        if not self.keeps_lower:
            return unit(self.model.encode_image(lowered))
        return unit(lowered if self.tuned == "text" else lowered @ self.model.visual.proj)

    def embed_texts(self, ids: Tensor) -> Tensor:
        """Map token ids `(n, t)` to unit rows `(n, d)`."""
        length, ids = ids.shape[1], ids.to(self.device)
        if length == self.model.context_length:
            return unit(self.model.encode_text(ids))
        # Captions fill a fifth of CLIP's context; its towers take the whole, so it is cut for them.
        shorter = {
            "positional_embedding": self.model.positional_embedding[:length],
            "attn_mask": self.model.attn_mask[:length, :length],
        }
        found = functional_call(self.model, shorter, (None, ids))
        return unit(found["text_features"] if isinstance(found, dict) else found[1])

    def checkpointing(self, on: bool) -> None:
        """Compute the activations of each layer again in the backward pass.

        Raises:
            Invalid: The image tower cannot.
        """
        trunk = getattr(self.model.visual, "trunk", self.model.visual)
        try:
            able = type(trunk).__name__ != "ModifiedResNet"  # it takes the call, and does nothing
            trunk.set_grad_checkpointing(on)
        except (AttributeError, AssertionError, NotImplementedError):
            able = False
        if not able:
            raise Invalid(
                f"{self.name}: its image tower {type(trunk).__name__} keeps all activations; "
                "expected one that can compute them again; train without --checkpointing"
            )
        self.model.set_grad_checkpointing(on)

    def encoder(self, device: torch.device) -> Encoder:
        """Give an encoder; on the same device it shares weights without adapters."""
        alone = self.tuned == "lora" or device != self.device
        weights = () if alone else (*self.model.parameters(), *self.model.buffers())
        model = copy.deepcopy(self.model, {id(weight): weight for weight in weights})
        merge(model)
        source = Source(self.name, tokenizer=self.config["text_cfg"].get("hf_tokenizer_name", ""))
        return OpenClipEncoder(self.name, model.to(device).eval(), self._tokenizer, source, device)

    def _write(self, folder: Path) -> None:
        state = {name: tensor.detach().clone() for name, tensor in merged_state(self.model).items()}
        model_cfg = self.config
        if self.bias.requires_grad and "logit_bias" not in state:  # learnt, so it is to be kept
            model_cfg = {**model_cfg, "init_logit_bias": START_BIAS}
            state["logit_bias"] = self.bias
        config = {"model_cfg": model_cfg, "preprocess_cfg": self.model.visual.preprocess_cfg}
        (folder / CONFIG).write_text(json.dumps(config, indent=2) + "\n")
        if hasattr(self._tokenizer, "save_pretrained"):  # open_clip looks for it in the folder
            self._tokenizer.save_pretrained(folder)
        for name, value in (("logit_scale", self.log_scale), ("logit_bias", self.bias)):
            if name in state:
                state[name] = value.detach().reshape(state[name].shape).clone()
        save_file({name: tensor.contiguous() for name, tensor in state.items()}, folder / WEIGHTS)

    def _towers(self) -> nn.Module:
        children = self.model.named_children()
        return nn.ModuleList([child for name, child in children if name != "text_decoder"])

    def _chosen(self, what: Tune) -> list[nn.Parameter]:
        if what == "upper":
            self._unlock_upper()
            return [weight for weight in self._encoding() if weight.requires_grad]
        if what == "full":
            return self._encoding()
        if what == "text":
            visual = set(self.model.visual.parameters())
            return [weight for weight in self._encoding() if weight not in visual]
        maps = [
            weight
            for name, weight in self.model.named_parameters()
            if _within(name, (*_IMAGE_MAPS, *_TEXT_MAPS))
        ]
        if not maps:
            raise Invalid(
                f"{self.name} has no maps into the shared space of their own; expected some for "
                "heads; choose another --tune, such as lora"
            )
        return maps

    def _encoding(self) -> list[nn.Parameter]:
        """Give the weights that an embedding depends on."""
        other = ("text_decoder.", "logit_scale", "logit_bias")
        return [
            weight for name, weight in self.model.named_parameters() if not name.startswith(other)
        ]

    def _unlock_upper(self) -> None:
        self.requires_grad_(True)
        try:
            with warnings.catch_warnings(), contextlib.redirect_stdout(None):
                warnings.filterwarnings("ignore", category=FutureWarning)
                # The maps into the shared space count as one more group after the layers.
                self.model.lock_image_tower(unlocked_groups=_depth(self.model.visual) // 2 + 1)
                self.model.lock_text_tower(unlocked_layers=_text_depth(self.model) // 2 + 1)
        except (AssertionError, AttributeError, RuntimeError, ImportError, KeyError) as error:
            raise Invalid(
                f"{self.name} cannot be trained in its upper half ({_line(error)}); expected "
                "towers made of layers; choose another --tune, such as full or lora"
            ) from error

    def _ignores_padding(self) -> bool:
        """Say whether a row is read at the end of its text, and no word sees a later one."""
        causal = getattr(self.model, "attn_mask", None) is not None
        return causal and getattr(self.model, "text_pool_type", None) == "argmax"

    def _has_plain_map(self) -> bool:
        return isinstance(getattr(self.model.visual, "proj", None), nn.Parameter)

    def _part(self, name: str) -> Literal["image", "text", "maps"]:
        name = name.removeprefix("model.")
        if _within(name, (*_IMAGE_MAPS, *_TEXT_MAPS)):
            return "maps"
        return "image" if name.startswith("visual.") else "text"


def _within(name: str, parts: tuple[str, ...]) -> bool:
    return any(name == part or name.startswith(f"{part}.") for part in parts)


def _depth(visual: Any) -> int:
    trunk = getattr(visual, "trunk", None)
    if trunk is None:
        return len(visual.transformer.resblocks)
    from timm.models import group_parameters

    return len(group_parameters(trunk, trunk.group_matcher()))


def _text_depth(model: Any) -> int:
    transformer = getattr(model, "text", model).transformer
    if hasattr(transformer, "resblocks"):
        return len(transformer.resblocks)
    return int(transformer.config.num_hidden_layers)


@torch.no_grad()
def _dim(model: Any, tokenizer: Any) -> int:
    return int(model.encode_text(tokenizer(["x"])).shape[1])


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
