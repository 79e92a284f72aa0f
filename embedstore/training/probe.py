"""First stage: learn the two linear maps alone, on features that are computed once.

Fine-tuning from maps that fit already keeps what the towers know; from random maps, the first steps
would spoil it. Kumar et al., Fine-Tuning can Distort Pretrained Features and Underperform
Out-of-Distribution, https://arxiv.org/abs/2202.10054.
"""

import click
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import AdamW
from torch.optim.lr_scheduler import LambdaLR

from embedstore.encoders.devices import fast_dtype
from embedstore.encoders.mini import padded
from embedstore.encoders.mini_model import MiniModel
from embedstore.training.loss import info_nce
from embedstore.training.optimiser import rate
from embedstore.training.recipe import Recipe
from embedstore.training.tokens import Captions
from embedstore.training.views import Views

_BATCH = 256


def learn_maps(
    model: MiniModel,
    log_scale: nn.Parameter,
    views: Views,
    captions: Captions,
    recipe: Recipe,
    rng: np.random.Generator,
) -> None:
    """Learn the maps from frozen features into the shared space, in place."""
    images = [image_features(model, maps) for maps in views.maps]  # each (photos, 1280)
    texts = text_features(model, captions)  # (all captions, 384)
    photos = len(images[0])
    batch = min(recipe.probe_batch, photos)
    steps = recipe.probe_epochs * (photos // batch)
    weights = [*model.image_map.parameters(), *model.text_map.parameters(), log_scale]
    optimizer = AdamW(weights, lr=recipe.probe_rate, weight_decay=recipe.decay)
    schedule = LambdaLR(optimizer, lambda step: rate(step, steps, recipe.warm_up))
    for step in range(steps):
        place = step % (photos // batch)
        if place == 0:
            order = rng.permutation(photos)
        chosen = order[place * batch : (place + 1) * batch]
        view = images[rng.integers(len(images))]
        loss = info_nce(
            mapped(model.image_map, view[chosen], recipe.probe_dropout),
            mapped(model.text_map, texts[captions.pick(chosen, rng)], recipe.probe_dropout),
            log_scale,
        )
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
    click.echo(f"maps learnt in {steps} steps  scale {log_scale.exp().item():.1f}")


def mapped(linear: nn.Linear, features: Tensor, dropout: float) -> Tensor:
    """Map features `(n, f)` to unit rows `(n, d)`, some features dropped."""
    return functional.normalize(linear(functional.dropout(features, dropout)).float(), dim=1)


@torch.no_grad()
def image_features(model: MiniModel, maps: Tensor) -> Tensor:
    """Give features `(photos, 1280)` of one kept view of each photo."""
    device = next(model.parameters()).device
    with torch.autocast(device.type, fast_dtype(device)):
        return torch.cat(
            [
                model.image.upper(part.to(device).float()).float()
                for part in torch.split(maps, _BATCH)
            ]
        )


@torch.no_grad()
def text_features(model: MiniModel, captions: Captions) -> Tensor:
    """Give features `(all captions, 384)`, in the order of `Captions.pick`."""
    model.text.eval()
    device = next(model.parameters()).device
    order = sorted(range(len(captions.ids)), key=lambda place: len(captions.ids[place]))
    made = []
    with torch.autocast(device.type, fast_dtype(device)):
        for start in range(0, len(order), _BATCH):
            ids, mask = padded([captions.ids[place] for place in order[start : start + _BATCH]])
            made.append(model.text(ids.to(device), mask.to(device)).float())
    return torch.cat(made)[torch.tensor(order).argsort()]
