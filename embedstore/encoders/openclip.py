"""Any model of open_clip: from its hub, a folder, or a checkpoint file."""

import contextlib
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

import torch
from safetensors import SafetensorError
from torch import Tensor

from embedstore.encoders import torchvision_ops
from embedstore.encoders.devices import choose, fast_dtype
from embedstore.encoders.openclip_names import Source, source_of
from embedstore.encoders.torch_encoder import TorchEncoder, weights_hash
from embedstore.errors import Invalid, MissingExtra, Unavailable
from embedstore.types import ImagePreprocess, Space, digest


def load_openclip(name: str, device: str = "auto") -> "OpenClipEncoder":
    """Load a model of open_clip by its full name, such as openclip:ViT-B-32/laion2b_s34b_b79k.

    Raises:
        NotFound: No model, tag, folder or file of that name.
        Unavailable: The hub cannot be reached.
        Invalid: The weights are not safetensors, or of another model.
    """
    where = choose(device)
    torchvision_ops.declare()
    source = source_of(name)
    import open_clip

    with _own_errors(name):
        model = open_clip.create_model(
            source.model,
            source.pretrained,
            device=where,
            require_pretrained=True,
            **source.options,
        )
        tokenizer = open_clip.get_tokenizer(source.model)
    return OpenClipEncoder(name, model.eval(), tokenizer, source, where)


class OpenClipEncoder(TorchEncoder):
    """Both towers of an open_clip model."""

    def __init__(
        self, name: str, model: Any, tokenizer: Any, source: Source, device: torch.device
    ) -> None:
        preprocess = preprocess_of(model.visual.preprocess_cfg, name)
        self._model = model
        self._tokenizer = tokenizer
        self._context = int(tokenizer.context_length)
        hidden = getattr(tokenizer, "tokenizer", None)
        self._padding = 0 if hidden is None else hidden.pad_token_id
        reading = [type(tokenizer).__name__, self._context, source.tokenizer]
        space = Space(
            name,
            weights_hash(model.state_dict()),
            digest([asdict(preprocess), reading]),
            self._dim(device),
        )
        super().__init__(space, preprocess, device, fast_dtype(device))

    def overlong(self, texts: Sequence[str]) -> list[bool]:
        """Say for each text whether its end is cut because it exceeds the context."""
        # No token is shorter than a byte, and two mark the ends: short texts need no tokenizer.
        found = [len(text.encode("utf-8", "replace")) > self._context - 2 for text in texts]
        for place in [place for place, long in enumerate(found) if long]:
            tokens = self._tokenizer([texts[place]], context_length=self._context + 1)
            found[place] = bool(tokens[0, -1] != self._padding)
        return found

    def _texts(self, texts: Sequence[str]) -> Tensor:
        rows: Tensor = self._model.encode_text(self._tokenizer(list(texts)).to(self._device))
        return rows

    def _images(self, pictures: Tensor) -> Tensor:
        rows: Tensor = self._model.encode_image(pictures)
        return rows

    def _dim(self, device: torch.device) -> int:
        with torch.inference_mode():
            return int(self._model.encode_text(self._tokenizer(["x"]).to(device)).shape[1])


def preprocess_of(config: dict[str, Any], name: str) -> ImagePreprocess:
    """Map open_clip's preprocessing onto ours.

    Raises:
        Invalid: It pads, or is not square.
    """
    size = config["size"]
    sides = {size} if isinstance(size, int) else set(size)
    resize = config["resize_mode"]
    if len(sides) != 1 or resize not in ("shortest", "squash"):
        raise Invalid(
            f"{name} takes pictures of size {size} with resize mode {resize!r}; expected a square "
            "and shortest or squash; choose another model"
        )
    return ImagePreprocess(
        size=int(sides.pop()),
        resize=resize,
        # open_clip reads anything but bilinear as bicubic
        interpolation="bilinear" if config["interpolation"] == "bilinear" else "bicubic",
        mean=_three(config["mean"]),
        std=_three(config["std"]),
    )


def _three(values: Sequence[float]) -> tuple[float, float, float]:
    red, green, blue = values
    return float(red), float(green), float(blue)


@contextlib.contextmanager
def _own_errors(name: str) -> Iterator[None]:
    """Turn what open_clip and its tokenizers raise into one line of ours."""
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", category=FutureWarning)
            yield
    except ImportError as error:
        raise MissingExtra(
            f"{name} needs a package that is not here ({error}); run `pip install transformers`"
        ) from error
    except OSError as error:  # a tokenizer or a text tower of the hub
        raise Unavailable(
            f"{name} needs files of the model hub, which cannot be reached "
            f"({_line(error)}); connect and try again, or work offline with --encoder mini"
        ) from error
    except (SafetensorError, RuntimeError, ValueError, KeyError, TypeError) as error:
        raise Invalid(
            f"{name} does not load ({_line(error)}); expected weights and a configuration of one "
            "open_clip model; check that they belong together"
        ) from error


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
