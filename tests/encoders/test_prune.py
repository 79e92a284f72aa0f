"""Layers taken out of a text tower: how many, which, and what is left."""

import pytest
import torch

from embedstore import encoders
from embedstore.encoders.pruning import prune_text_layers
from embedstore.errors import Invalid

TEXTS = [
    f"{size} {thing} {place}"
    for size in ("a small", "a large", "one old")
    for thing in ("dog", "car", "boat", "house")
    for place in ("by the sea", "in the snow", "on a street")
]


@pytest.fixture
def mini():
    return encoders.load("mini", "cpu")


def test_the_layer_that_does_least_goes_first(mini):
    """A layer whose outputs are all but silenced changes nothing, so it is the one to go."""
    layer = mini._model.text.layers[4]
    with torch.no_grad():
        for part in (layer.self_attn.out_proj, layer.linear2):
            part.weight.zero_()
            part.bias.zero_()
        for norm in (layer.norm1, layer.norm2):
            norm.weight.copy_(mini._model.text.layers[3].norm2.weight)
            norm.bias.copy_(mini._model.text.layers[3].norm2.bias)
    # Two norms in a row are nearly one
    assert prune_text_layers(mini, 1, TEXTS) == (4,)


def test_the_new_map_brings_the_vectors_near_what_they_were(mini):
    before = mini.encode_texts(TEXTS)
    layers = mini._model.text.layers
    gone = prune_text_layers(mini, 2, TEXTS)
    assert len(gone) == 2
    assert len(mini._model.text.layers) == 4
    fitted = (mini.encode_texts(TEXTS) * before).sum(1).mean()
    bare = encoders.load("mini", "cpu")
    bare._model.text.layers = torch.nn.ModuleList(
        layer for place, layer in enumerate(layers) if place not in gone
    )
    assert fitted > (bare.encode_texts(TEXTS) * before).sum(1).mean() + 0.01
    assert fitted > 0.9


@pytest.mark.parametrize("drop", [0, 6, -1])
def test_no_layer_and_all_layers_are_refused(mini, drop):
    with pytest.raises(Invalid, match="expected 1 to 5"):
        prune_text_layers(mini, drop, TEXTS)


def test_other_encoders_are_refused(tiny_folder):
    with pytest.raises(Invalid, match="expected mini"):
        prune_text_layers(encoders.load(f"local-dir:{tiny_folder}", "cpu"), 1, TEXTS)
