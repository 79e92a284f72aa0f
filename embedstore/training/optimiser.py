"""Which weights are learnt, and how fast."""

import math

from torch import nn

from embedstore.encoders.mini_model import MiniModel
from embedstore.training.recipe import Recipe


def set_training(model: MiniModel) -> None:
    """Train the upper halves; batch norm keeps ImageNet's statistics, which few photos spoil."""
    model.requires_grad_(False).eval()
    for part in (model.image.upper_parts, model.text.upper_parts):
        part.requires_grad_(True)
    model.text.upper_parts.train()
    model.image_map.requires_grad_(True)
    model.text_map.requires_grad_(True)


def groups(model: MiniModel, log_scale: nn.Parameter, recipe: Recipe) -> list[dict[str, object]]:
    """Give each part its learning rate, and matrices their weight decay."""
    rates = (
        (model.image.upper_parts, recipe.image_rate),
        (model.text.upper_parts, recipe.text_rate),
        (model.image_map, recipe.map_rate),
        (model.text_map, recipe.map_rate),
    )
    made: list[dict[str, object]] = [
        {"params": [log_scale], "lr": recipe.scale_rate, "weight_decay": 0.0}
    ]
    for part, top in rates:
        matrices = [weight for weight in part.parameters() if weight.ndim > 1]
        vectors = [weight for weight in part.parameters() if weight.ndim < 2]
        made.append({"params": matrices, "lr": top, "weight_decay": recipe.decay})
        made.append({"params": vectors, "lr": top, "weight_decay": 0.0})
    return made


def rate(step: int, steps: int, warm_up: float) -> float:
    """Give the share of the greatest learning rate: a rise, then a cosine down to zero."""
    rise = min(1.0, (step + 1) / max(1.0, warm_up * steps))
    return rise * 0.5 * (1.0 + math.cos(math.pi * step / max(1, steps)))
