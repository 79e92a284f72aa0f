"""What training trains: two towers into one space, and the temperature of their scores."""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import torch
from safetensors import SafetensorError
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm

from embedstore.errors import StorageFull
from embedstore.training import adapters
from embedstore.types import Encoder, ImagePreprocess

Tune = Literal["full", "upper", "text", "heads", "lora"]
START_SCALE = 1.0 / 0.07  # Radford et al., https://arxiv.org/abs/2103.00020, section 2.5
START_BIAS = -10.0  # Zhai et al., https://arxiv.org/abs/2303.15343, section 3


class Dual(nn.Module, ABC):
    """An image tower and a text tower that learn together.

    Attributes:
        preprocess: How a picture becomes pixels.
        dim: Dimension of the shared space.
        log_scale: `()`, logarithm of the inverse temperature; losses clamp it at ln 100.
        bias: `()`, added to the scores by the sigmoid loss; learns where its user says so.
        pretrained: Whether the towers know anything yet; batch norm then keeps its statistics,
            which few pictures would spoil.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        preprocess: ImagePreprocess,
        dim: int,
        pretrained: bool,
        log_scale: float = math.log(START_SCALE),
        bias: float = START_BIAS,
    ) -> None:
        super().__init__()
        self.preprocess = preprocess
        self.dim = dim
        self.pretrained = pretrained
        self.tuned: Tune = "full"
        self.log_scale = nn.Parameter(torch.tensor(float(log_scale)))
        self.bias = nn.Parameter(torch.tensor(float(bias)), requires_grad=False)
        for name, values in (("mean", preprocess.mean), ("std", preprocess.std)):
            row = torch.tensor(values).reshape(1, 3, 1, 1) * 255.0
            self.register_buffer(name, row, persistent=False)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.log_scale.device

    def normalised(self, pixels: Tensor) -> Tensor:
        """Map pixels `(n, s, s, 3)` in 0..255 to what the image tower takes, `(n, 3, s, s)`."""
        return (pixels.to(self.device).permute(0, 3, 1, 2) - self.mean) / self.std

    def forward(
        self, lowered: Tensor | None, ids: Tensor | None
    ) -> tuple[Tensor | None, Tensor | None]:
        """Embed pictures, texts or both in one call, for data-parallel wrappers see only this.

        Args:
            lowered: What `lower_images` gave of `n` pictures, or None.
            ids: Token ids `(m, t)`, or None.

        Returns:
            Unit rows `(n, d)` and `(m, d)`, None for what was not given.
        """
        return (
            None if lowered is None else self.embed_images(lowered),
            None if ids is None else self.embed_texts(ids),
        )

    def tune(self, what: Tune, rank: int = 8) -> None:
        """Choose what learns: nothing else has a gradient afterwards.

        Args:
            what: "full" for everything; "upper" for the upper halves of both towers and the maps
                into the shared space; "text" for all but the image tower (Zhai et al., LiT,
                https://arxiv.org/abs/2111.07991); "heads" for the maps; "lora" for low-rank
                adapters of both towers. The temperature always learns.
            rank: Of the adapters.

        Raises:
            Invalid: The model has no such parts, or the rank is not positive.
        """
        adapters.merge(self)
        if what == "lora":
            self.requires_grad_(False)
            adapters.install(self._towers(), rank)
        else:
            chosen = self._chosen(what)
            self.requires_grad_(False)
            for weight in chosen:
                weight.requires_grad_(True)
        self.log_scale.requires_grad_(True)
        self.tuned = what

    def learning(self) -> None:
        """Set what learns to training, the rest to evaluation."""
        _set_training(self, False, self.pretrained)

    def parts(self) -> dict[str, list[nn.Parameter]]:
        """Give the parameters that learn, each once, by where they are."""
        found: dict[str, list[nn.Parameter]] = {
            "image": [],
            "text": [],
            "maps": [],
            "temperature": [],
        }
        for name, weight in self.named_parameters():
            if weight.requires_grad:
                own = name in ("log_scale", "bias")
                found["temperature" if own else self._part(name)].append(weight)
        return found

    @property
    @abstractmethod
    def keeps_lower(self) -> bool:
        """Whether `lower_images` does work that is worth keeping."""

    @abstractmethod
    def tokenise(self, texts: Sequence[str]) -> Tensor:
        """Give token ids `(n, t)` of texts, padded; which are padding, the ids say themselves."""

    @abstractmethod
    def lower_images(self, pictures: Tensor) -> Tensor:
        """Compute the part of the image tower that does not learn, without gradient.

        Args:
            pictures: `(n, 3, s, s)`, normalised.

        Returns:
            `(n, ...)`, which may be kept as float16; the pictures themselves where all learns.
        """

    @abstractmethod
    def embed_images(self, lowered: Tensor) -> Tensor:
        """Map what `lower_images` gave to unit rows `(n, d)` float32."""

    @abstractmethod
    def embed_texts(self, ids: Tensor) -> Tensor:
        """Map token ids `(n, t)` to unit rows `(n, d)` float32."""

    @abstractmethod
    def checkpointing(self, on: bool) -> None:
        """Compute activations again in the backward pass, in place of keeping them.

        Raises:
            Invalid: The towers cannot.
        """

    def write(self, folder: Path) -> None:
        """Write a folder that `encoders.load` opens, adapters merged.

        Raises:
            StorageFull: The folder cannot be written.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._write(folder)
            for path in folder.iterdir():  # safetensors lets only their owner read its files
                path.chmod(0o644)
        except (OSError, SafetensorError) as error:
            raise StorageFull(
                f"the encoder cannot be written to {folder} ({error}); expected a folder with room "
                "and leave to write; make room, or choose another with --out"
            ) from error

    @abstractmethod
    def _write(self, folder: Path) -> None:
        """Write weights, configuration and tokenizer into a folder that is there."""

    @abstractmethod
    def encoder(self, device: torch.device) -> Encoder:
        """Give an encoder with the weights of now, valid until the next step of training."""

    @abstractmethod
    def _towers(self) -> nn.Module:
        """Give what adapters are put on."""

    @abstractmethod
    def _chosen(self, what: Tune) -> list[nn.Parameter]:
        """Give the weights that learn; raise Invalid where the model has no such parts."""

    @abstractmethod
    def _part(self, name: str) -> Literal["image", "text", "maps"]:
        """Say where the parameter of that name is."""


def unit(rows: Tensor) -> Tensor:
    """Scale rows `(n, d)` to length one, in float32."""
    return functional.normalize(rows.float(), dim=1)


def _set_training(module: nn.Module, outer: bool, keep_statistics: bool) -> None:
    weights = list(module.parameters())
    learns = any(weight.requires_grad for weight in weights) if weights else outer
    module.training = learns and not (keep_statistics and isinstance(module, _BatchNorm))
    for child in module.children():
        _set_training(child, learns, keep_statistics)
