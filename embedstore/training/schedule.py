"""How fast each weight learns."""

import math
from typing import Any

from torch.optim import Optimizer

from embedstore.training.dual import Dual
from embedstore.training.recipe import Rates

TOP = "top"  # of a group's learning rate


def groups(dual: Dual, rates: Rates, decay: float) -> list[dict[str, Any]]:
    """Give each part that learns its rate, and matrices their weight decay.

    Args:
        dual: Tuned: what learns is chosen.
        rates: Greatest learning rates.
        decay: Weight decay; it is for matrices, for vectors are offsets and scales, which belong
            where they are.

    Returns:
        Groups as `torch.optim` takes them; a part without matrices or vectors has none.
    """
    tops = {
        "image": rates.image,
        "text": rates.text,
        "maps": rates.maps,
        "temperature": rates.temperature,
    }
    made: list[dict[str, Any]] = []
    for part, weights in dual.parts().items():
        for matrices in (True, False):
            chosen = [weight for weight in weights if (weight.ndim > 1) is matrices]
            if chosen:
                top = tops[part]
                share = decay if matrices else 0.0
                made.append({"params": chosen, "lr": top, TOP: top, "weight_decay": share})
    return made


def rate(step: int, steps: int, warm_up: float) -> float:
    """Give the share of the greatest learning rate: a rise, then a cosine down to zero.

    Loshchilov and Hutter, SGDR, https://arxiv.org/abs/1608.03983, without restarts.

    Args:
        step: From 0.
        steps: Of the run.
        warm_up: Share of the steps in which it rises.
    """
    rise = min(1.0, (step + 1) / max(1.0, warm_up * steps))
    return rise * 0.5 * (1.0 + math.cos(math.pi * step / max(1, steps)))


def set_rate(optimizer: Optimizer, share: float) -> None:
    """Set the learning rate of each group to a share of its greatest."""
    for group in optimizer.param_groups:
        group["lr"] = share * group[TOP]
