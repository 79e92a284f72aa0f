"""Whole layers out of a text tower: a smaller network for ordinary hardware."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from embedstore.encoders.mini import MiniEncoder
from embedstore.encoders.torch_encoder import TorchEncoder
from embedstore.errors import Invalid

_JUDGES = 256  # texts that say which layer matters least
_RIDGE = 1e-3  # of the features' mean square: keeps the old map where texts are few
_BATCH = 64


def prune_text_layers(encoder: TorchEncoder, drop: int, texts: Sequence[str]) -> tuple[int, ...]:
    """Take layers out of the text tower of `mini`, those that change its vectors least first.

    Greedy removal as of Sajjad et al., https://arxiv.org/abs/2004.03844, with the loss of cosine
    as importance; then the map into the shared space is fitted anew, by ridge regression towards
    what the whole tower gave, starting from the old map.

    Args:
        encoder: Changed in place.
        drop: Layers to take out.
        texts: Captions that importance and the new map are measured on.

    Returns:
        The layers that went, by their old places.

    Raises:
        Invalid: Another kind of encoder, or too many layers.
    """
    if not isinstance(encoder, MiniEncoder):
        raise Invalid(
            f"encoder {encoder.space.encoder} cannot be pruned; expected mini or a run that "
            "started from it; leave --prune-text-layers out"
        )
    model = encoder._model
    layers = list(model.text.layers)
    if not 0 < drop < len(layers):
        raise Invalid(
            f"{drop} text layers to prune of {len(layers)}; expected 1 to {len(layers) - 1}"
        )
    wanted = _rows(encoder, texts)  # (n, d)
    left = list(range(len(layers)))
    judges = texts[:_JUDGES]
    for _ in range(drop):
        left.remove(_least(encoder, layers, left, judges, wanted[:_JUDGES]))
    model.text.layers = nn.ModuleList(layers[place] for place in left)
    _fit(encoder, texts, wanted)
    return tuple(place for place in range(len(layers)) if place not in left)


def _least(
    encoder: MiniEncoder,
    layers: Sequence[nn.Module],
    left: Sequence[int],
    texts: Sequence[str],
    wanted: Tensor,
) -> int:
    """Name the layer without which the vectors stay nearest to what they were."""
    kept: dict[int, float] = {}
    for gone in left:
        rest = [layers[place] for place in left if place != gone]
        encoder._model.text.layers = nn.ModuleList(rest)
        kept[gone] = float(functional.cosine_similarity(_rows(encoder, texts), wanted).mean())
    return max(kept, key=kept.__getitem__)


def _fit(encoder: MiniEncoder, texts: Sequence[str], wanted: Tensor) -> None:
    """Solve for the change of the map that brings the vectors nearest to those wanted."""
    text_map = encoder._model.text_map
    features: list[Tensor] = []
    hook = text_map.register_forward_pre_hook(lambda _, given: features.append(given[0]))
    try:
        rows = _rows(encoder, texts)
    finally:
        hook.remove()
    held = torch.cat(features).double()  # (n, f)
    held = torch.cat([held, torch.ones(len(held), 1, dtype=torch.double)], 1)  # the bias
    gram = held.T @ held
    gram.diagonal().add_(_RIDGE * gram.diagonal().mean())
    change = torch.linalg.solve(gram, held.T @ (wanted - rows).double()).float()  # (f + 1, d)
    with torch.no_grad():
        text_map.weight.add_(change[:-1].T)
        text_map.bias.add_(change[-1])


def _rows(encoder: MiniEncoder, texts: Sequence[str]) -> Tensor:
    with torch.no_grad():
        return torch.cat(
            [
                encoder._texts(texts[start : start + _BATCH]).float()
                for start in range(0, len(texts), _BATCH)
            ]
        )
