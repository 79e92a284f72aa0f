"""In which numbers the towers compute; scores and losses are float32 always."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Literal

import torch

from embedstore.encoders.devices import fast_dtype

Name = Literal["auto", "float32", "bfloat16"]


@dataclass(frozen=True)
class Precision:
    """Where the towers compute, and in what.

    Attributes:
        device: Where.
        name: "auto" takes bfloat16 where the device multiplies it natively, else float32.
    """

    device: torch.device
    name: Name = "auto"

    @property
    def dtype(self) -> torch.dtype:
        """The type that is meant."""
        if self.name == "auto":
            return fast_dtype(self.device)
        return torch.bfloat16 if self.name == "bfloat16" else torch.float32

    def context(self) -> AbstractContextManager[None]:
        """Compute in it inside the `with` block."""
        half = self.dtype == torch.bfloat16
        return torch.autocast(self.device.type, torch.bfloat16, enabled=half)
