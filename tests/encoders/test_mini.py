"""The bundled encoder: what it finds, and what it says of damaged files."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from embedstore import encoders
from embedstore.encoders.mini import CONFIG, FOLDER, TOKENIZER, WEIGHTS, load_mini
from embedstore.errors import Corrupt, NoDevice, NotFound


@pytest.fixture(scope="module")
def mini():
    return encoders.load("mini", "cpu")


def test_it_is_small():
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) <= 50_000_000


def test_paraphrases_are_near_and_others_are_not(mini):
    dog, same, other = mini.encode_texts(
        ["A dog runs along the beach.", "A puppy is running on the sand.", "Men repair a car."]
    )
    assert dog @ same > dog @ other + 0.2


def test_words_find_the_picture(mini):
    colours = {"blue sky": (110, 170, 235), "green grass": (60, 140, 40), "snow": (245,) * 3}
    pictures = [
        np.asarray(Image.new("RGB", (224, 224), colour), np.uint8) for colour in colours.values()
    ]
    scores = mini.encode_texts(["green grass"]) @ mini.encode_images(pictures).T
    assert scores[0].argmax() == 1


def test_the_context_is_counted_in_tokens(mini):
    most = mini._context - 2
    assert mini.overlong(["dog " * most, "dog " * (most + 1), "한 " * most]) == [False, True, True]


@pytest.fixture
def copy(tmp_path):
    shutil.copytree(FOLDER, tmp_path / "copy")
    return tmp_path / "copy"


@pytest.mark.parametrize("name", [CONFIG, WEIGHTS, TOKENIZER])
def test_missing_and_damaged_files_are_named(copy, name):
    (copy / name).write_bytes((copy / name).read_bytes()[:200])
    with pytest.raises(Corrupt, match="copy the folder whole") as caught:
        load_mini("cpu", copy)
    assert "\n" not in str(caught.value)
    (copy / name).unlink()
    with pytest.raises(NotFound, match=name):
        load_mini("cpu", copy)


def test_weights_of_another_dimension_are_refused(copy):
    config = json.loads((copy / CONFIG).read_text())
    (copy / CONFIG).write_text(json.dumps(config | {"dim": 7}))
    with pytest.raises(Corrupt, match="size mismatch"):
        load_mini("cpu", copy)


@pytest.mark.parametrize("part", ["preprocess", "tokenizer"])
def test_another_reading_is_another_space(copy, mini, part):
    config = json.loads((copy / CONFIG).read_text())
    if part == "preprocess":
        config["preprocess"]["resize"] = "squash"
    else:
        tokenizer = json.loads((copy / TOKENIZER).read_text())
        tokenizer["normalizer"]["lowercase"] = False
        (copy / TOKENIZER).write_text(json.dumps(tokenizer))
    (copy / CONFIG).write_text(json.dumps(config))
    other = load_mini("cpu", copy)
    assert other.space.weights == mini.space.weights
    assert other.space.fingerprint != mini.space.fingerprint


@pytest.mark.parametrize("device", ["meta", "nonsense", "cuda:99"])
def test_devices_that_are_not_there(device):
    with pytest.raises(NoDevice, match="expected auto, cpu or a GPU") as caught:
        encoders.load("mini", device)
    assert "\n" not in str(caught.value)
