"""Mix the result with the start: what was learnt, without forgetting what was known.

Wortsman et al., Robust Fine-Tuning of Zero-Shot Models, https://arxiv.org/abs/2109.01903.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from embedstore.training.adapters import is_basis
from embedstore.training.average import State, standing_in
from embedstore.training.dual import Dual
from embedstore.training.evaluate import Held, mean_recall


@dataclass(frozen=True)
class Mixture:
    """The mixture that does best on photos to measure on.

    Attributes:
        share: Of the result; 1 is the result alone.
        state: Its weights.
        tried: Mean recall by share.
    """

    share: float
    state: State
    tried: Mapping[float, float]


def mixed(start: Mapping[str, Tensor], result: Mapping[str, Tensor], share: float) -> State:
    """Interpolate between two states of a model; what is no float is taken from the result.

    So is one factor of each adapter: the other starts at zero, and by it alone their product, which
    is what changes a weight, is interpolated.
    """
    return {
        name: start[name].lerp(tensor, share)
        if tensor.is_floating_point() and not is_basis(name)
        else tensor
        for name, tensor in result.items()
    }


def best_mixture(
    dual: Dual,
    start: Mapping[str, Tensor],
    result: Mapping[str, Tensor],
    held: Held,
    shares: Sequence[float],
) -> Mixture:
    """Try mixtures and take the one with the best recall, of equals the one nearest the result.

    Args:
        dual: Takes the mixtures, and has its own weights again afterwards.
        start: Weights before training.
        result: Weights after it.
        held: To measure on.
        shares: Of the result, above 0, at most 1.
    """
    tried: dict[float, float] = {}
    for share in sorted(shares):
        with standing_in(dual, mixed(start, result, share)):
            tried[share] = mean_recall(held.measure(dual).figures())
    best = max(tried, key=lambda share: (tried[share], share))
    return Mixture(best, mixed(start, result, best), tried)
