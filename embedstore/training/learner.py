"""One step of training."""

import math
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim import Optimizer

from embedstore.errors import NotFinite
from embedstore.training.batches import Batch
from embedstore.training.dual import Dual
from embedstore.training.gathered import gathered
from embedstore.training.gradient_cache import as_they_are, cached_step
from embedstore.training.losses import LARGEST_SCALE
from embedstore.training.objective import positives_of
from embedstore.training.precision import Precision
from embedstore.training.processes import Team
from embedstore.training.recipe import Recipe
from embedstore.training.schedule import set_rate
from embedstore.training.teacher import Teacher

_DROPOUT = 7  # sets these random numbers apart from those of the data


@dataclass
class Learner:
    """All that a step needs beside its batches.

    Attributes:
        dual: What learns.
        optimizer: Over its weights.
        recipe: Objective, chunk, clip, seed.
        precision: Of the towers.
        mates: The processes of the run.
        teacher: To distil from.
    """

    dual: Dual
    optimizer: Optimizer
    recipe: Recipe
    precision: Precision
    mates: Team
    teacher: Teacher | None = None
    _model: nn.Module = field(init=False)

    def __post_init__(self) -> None:
        """Join the other processes."""
        self._model = self.mates.parallel(self.dual)

    def step(self, step: int, share: float, parts: Sequence[Batch]) -> dict[str, float]:
        """Move the weights once.

        Args:
            step: From 0; with the seed it decides what dropout drops.
            share: Of the greatest learning rates.
            parts: Batches whose gradients are averaged.

        Returns:
            Figures for the log, by name.

        Raises:
            NotFinite: The loss or its gradient is not; weights and statistics are as before.
        """
        entropy = (self.recipe.seed, _DROPOUT, step, self.mates.rank)
        torch.manual_seed(int(np.random.SeedSequence(entropy).generate_state(1)[0]))
        self.dual.learning()
        set_rate(self.optimizer, share)
        self.optimizer.zero_grad(set_to_none=True)
        statistics = [buffer.clone() for buffer in self.dual.buffers()]  # each pass moves them
        loss = 0.0
        for place, part in enumerate(parts, 1):
            with nullcontext() if place == len(parts) else self._unsynchronised():
                loss += self._gradients(part, 1.0 / len(parts)).item()
        weights = [weight for group in self.optimizer.param_groups for weight in group["params"]]
        norm = nn.utils.clip_grad_norm_(weights, self.recipe.clip).item()
        if not (math.isfinite(loss) and math.isfinite(norm)):
            for buffer, before in zip(self.dual.buffers(), statistics, strict=True):
                buffer.copy_(before)
            raise NotFinite(
                f"the loss is {loss:g} and its gradient's norm {norm:g}; expected finite numbers"
            )
        self.optimizer.step()
        with torch.no_grad():
            self.dual.log_scale.clamp_(max=math.log(LARGEST_SCALE))
        return {
            "loss": loss,
            "temperature": math.exp(-self.dual.log_scale.item()),
            "gradient_norm": norm,
            "learning_rate": self._rate(),
        }

    def _rate(self) -> float:
        """Give the greatest learning rate of now, but for the temperature's, which tells little."""
        own = self.dual.log_scale
        rates: list[float] = [
            group["lr"]
            for group in self.optimizer.param_groups
            if all(weight is not own for weight in group["params"])
        ]
        return max(rates)

    def _gradients(self, batch: Batch, share: float) -> Tensor:
        """Add a share of a batch's gradients; give that share of its loss."""
        device = self.mates.device
        places = batch.photos.to(device), batch.captions.to(device)
        taught = self.teacher.rows(batch.photos, batch.captions, device) if self.teacher else ()

        def loss_of_rows(images: Tensor, texts: Tensor) -> Tensor:
            images, texts, photos, captions, *teaching = gathered(images, texts, *places, *taught)
            fits = positives_of(photos, captions)  # (n, n)
            scale, bias = self.dual.log_scale, self.dual.bias
            return share * self.recipe.objective(images, texts, scale, bias, fits, *teaching)

        with self.precision.context():
            ids, chunk = batch.ids.to(device), self.recipe.chunk
            prepare = as_they_are if batch.lowered else self._lowered
            pictures = batch.images.to(device)
            if self.dual.keeps_lower and not batch.lowered:  # too much work to do in both passes
                chunks = torch.split(pictures, chunk or len(pictures))
                pictures, prepare = torch.cat([*map(self._lowered, chunks)]), as_they_are
            return cached_step(self._model, pictures, ids, loss_of_rows, chunk, prepare)

    def _lowered(self, pixels: Tensor) -> Tensor:
        return self.dual.lower_images(self.dual.normalised(pixels))

    def _unsynchronised(self) -> AbstractContextManager[None]:
        """Keep gradients to this process, for more are to be added."""
        if isinstance(self._model, DistributedDataParallel):
            return self._model.no_sync()
        return nullcontext()
