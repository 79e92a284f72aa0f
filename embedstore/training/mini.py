"""Train `mini`: python -m embedstore.training.mini --pairs dataset_flickr8k.json --out DIR.

First the maps into the shared space are learnt on frozen towers (`probe`), then the upper halves of
both towers with them. The lower halves stay as published. What the image tower's lower half makes
of each photo is computed once for a few views and kept, so that a step costs the upper half only.
"""

import math
import platform
import time
from collections.abc import Sequence
from pathlib import Path

import click
import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import AdamW
from torch.optim.lr_scheduler import LambdaLR
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from embedstore.encoders.devices import choose, fast_dtype
from embedstore.encoders.mini import load_mini
from embedstore.encoders.mini_model import MiniModel
from embedstore.training.card import card
from embedstore.training.evaluate import evaluate
from embedstore.training.initial import initial_model
from embedstore.training.loss import START_SCALE, info_nce
from embedstore.training.mini_folder import write_mini
from embedstore.training.optimiser import groups, rate, set_training
from embedstore.training.pairs import Photo, photos_of
from embedstore.training.probe import learn_maps, mapped
from embedstore.training.recipe import Recipe
from embedstore.training.tokens import Captions
from embedstore.training.views import Views

_LENGTHS = 4  # groups of captions of like length in a step


def train(photos: Sequence[Photo], recipe: Recipe, device: torch.device) -> MiniModel:
    """Train on photos with captions.

    Returns:
        The running average of the weights, which does better than the last ones.
    """
    torch.manual_seed(recipe.seed)
    rng = np.random.default_rng(recipe.seed)
    model = initial_model(recipe.dim, recipe.context, recipe.dropout).to(device)
    log_scale = nn.Parameter(torch.tensor(math.log(START_SCALE), device=device))
    captions = Captions(photos, recipe.context)
    views = Views.of(photos, model.image, recipe.views, rng, device)
    learn_maps(model, log_scale, views, captions, recipe, rng)

    batch = min(recipe.batch, len(photos))
    steps = recipe.epochs * (len(photos) // batch)
    optimizer = AdamW(groups(model, log_scale, recipe))
    schedule = LambdaLR(optimizer, lambda step: rate(step, steps, recipe.warm_up))
    average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(recipe.ema))  # type: ignore[no-untyped-call]
    started = time.monotonic()

    set_training(model)
    for step in range(steps):
        place = step % (len(photos) // batch)
        if place == 0:
            order = rng.permutation(len(photos))
        chosen = order[place * batch : (place + 1) * batch]
        maps = views.draw(chosen, rng).to(device)  # (b, 112, h, w)
        ids, mask = captions.draw(chosen, rng)  # (b, t)
        with torch.autocast(device.type, fast_dtype(device)):
            image_rows = upper_images(model, maps, recipe.image_dropout)
            text_rows = upper_texts(model, ids.to(device), mask.to(device), recipe.dropout)
        loss = info_nce(image_rows, text_rows, log_scale)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(model.parameters(), recipe.clip)
        optimizer.step()
        schedule.step()
        average.update_parameters(model)
        if step % 10 == 9 or step == steps - 1:
            _say(step + 1, steps, loss.item(), log_scale.exp().item(), started)
    model.load_state_dict(average.module.state_dict())
    return model.eval()


def upper_images(model: MiniModel, maps: Tensor, dropout: float) -> Tensor:
    """Map kept views `(n, 112, h, w)` to unit rows `(n, d)`."""
    return mapped(model.image_map, model.image.upper(maps).float(), dropout)


def upper_texts(model: MiniModel, ids: Tensor, mask: Tensor, dropout: float) -> Tensor:
    """Map token ids and mask, both `(n, t)`, to unit rows `(n, d)`."""
    order = mask.sum(1).argsort()
    features = []
    for part in order.chunk(_LENGTHS):
        words = mask[part].any(0)  # short captions need not be padded to the longest
        states = lower_texts(model, ids[part][:, words], mask[part][:, words])
        features.append(model.text.upper(states, mask[part][:, words]).float())
    rows = torch.cat(features)[order.argsort()]  # (n, 384)
    return mapped(model.text_map, rows, dropout)


@torch.no_grad()
def lower_texts(model: MiniModel, ids: Tensor, mask: Tensor) -> Tensor:
    """Map token ids and mask, both `(n, t)`, to states `(n, t, 384)` that are not learnt."""
    return model.text.lower(ids, mask)


def _say(step: int, steps: int, loss: float, scale: float, started: float) -> None:
    spent = time.monotonic() - started
    left = spent / step * (steps - step)
    click.echo(
        f"step {step}/{steps}  loss {loss:.3f}  scale {scale:.1f}  {spent:.0f} s, {left:.0f} s left"
    )


@click.command()
@click.option("--pairs", required=True, type=click.Path(path_type=Path), help="Karpathy json.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder to write.")
@click.option("--seed", default=0, show_default=True)
@click.option("--epochs", default=Recipe.epochs, show_default=True)
@click.option("--hold-out", default=0, help="Measure on this many training photos, not on val.")
def main(pairs: Path, out: Path, seed: int, epochs: int, hold_out: int) -> None:
    """Train mini on the splits train and restval, and measure it on val.

    Example: python -m embedstore.training.mini --pairs flickr8k/dataset_flickr8k.json --out runs/1
    """
    photos = photos_of(pairs, ("restval", "train"))
    unseen = photos[-hold_out:] if hold_out else photos_of(pairs, ("val",))
    recipe = Recipe(seed=seed, epochs=epochs)
    started = time.monotonic()
    model = train(photos[: len(photos) - hold_out], recipe, choose("auto"))
    minutes = (time.monotonic() - started) / 60
    write_mini(model, recipe, out)
    found = evaluate(load_mini(folder=out), unseen)
    for name, recall in vars(found).items():
        figures = "/".join(f"{recall.at(k):.3f}" for k in (1, 5, 10))
        click.echo(f"{name}: R@1/5/10 {figures}, median rank {recall.median_rank:g}")
    used = f"{platform.machine()}, {torch.get_num_threads()} threads"
    (out / "MODEL_CARD.md").write_text(card(recipe, len(photos) - hold_out, minutes, used, found))
    click.echo(f"trained in {minutes:.0f} minutes on {len(photos) - hold_out} photos; see {out}")


if __name__ == "__main__":
    main()
