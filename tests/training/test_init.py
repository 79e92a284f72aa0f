"""What training starts from: each name, and one line for each that is wrong."""

import json
import logging

import pytest
import torch

from embedstore.encoders.mini import FOLDER
from embedstore.errors import Corrupt, Invalid, NotFound
from embedstore.training.init import OWN_MODELS, start

CPU = torch.device("cpu")
TINY = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 32, "patch_size": 16, "head_width": 16},
    "text_cfg": {"context_length": 12, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1},
}


def refused(error, match, *arguments):
    with pytest.raises(error, match=match) as caught:
        start(arguments[0], CPU, *arguments[1:])
    assert "\n" not in str(caught.value)


@pytest.fixture
def tiny(tmp_path):
    path = tmp_path / "tiny.json"
    path.write_text(json.dumps(TINY))
    return path


@pytest.mark.parametrize("model", ["small", "small-cnn"])
def test_our_own_models_are_small_and_read_clips_words(model):
    dual = start("scratch", CPU, model)
    assert sum(weight.numel() for weight in dual.model.parameters()) < 10.5e6
    assert (dual.dim, dual.preprocess.size) == (256, 224)
    assert dual.tokenise(["a dog"])[0, :4].tolist() == [49406, 320, 1929, 49407]
    assert not dual.pretrained
    assert (OWN_MODELS / f"{model}.json").is_file()


def test_a_file_says_what_to_build_and_nothing_is_logged(tiny, caplog):
    with caplog.at_level(logging.WARNING):
        dual = start("scratch", CPU, str(tiny))
    assert dual.dim == 16
    assert not caplog.records


def test_another_seed_is_another_start(tiny):
    rows = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        dual = start("scratch", CPU, str(tiny))
        rows.append(dual.embed_texts(dual.tokenise(["a dog"])))
    assert torch.equal(rows[0], rows[1])
    assert not torch.allclose(rows[0], rows[2])


@pytest.mark.parametrize(
    ("content", "match"),
    [
        ("{", "is no model's configuration"),
        ("[1]", "is no model's configuration"),
        ('{"embed_dim": 8}', "lacks vision_cfg, text_cfg"),
        (json.dumps(TINY | {"vision_cfg": {"depth": 3}}), "does not load"),
    ],
)
def test_unreadable_configurations_are_refused(tmp_path, content, match):
    path = tmp_path / "bad.json"
    path.write_text(content)
    refused(Invalid, match, "scratch", str(path))


def test_unknown_names_say_what_there_is(tmp_path):
    refused(NotFound, "mini-base, openclip:", "minus")
    refused(
        NotFound,
        "expected small, small-cnn, one of open_clip such as ViT-B-32",
        "scratch",
        "ViT-B-33",
    )
    refused(NotFound, "no file .*gone.json", "scratch", str(tmp_path / "gone.json"))
    refused(NotFound, "no such folder", str(tmp_path / "gone"))
    refused(NotFound, "expected one of lite0", "mini-base", "lite9")
    refused(Invalid, "--init scratch or mini-base only", "mini", "small")


def test_a_checkpoint_of_another_architecture_is_refused(tiny, tmp_path):
    folder = tmp_path / "encoder"
    start("scratch", CPU, str(tiny)).write(folder)
    config = json.loads((folder / "open_clip_config.json").read_text())
    config["model_cfg"]["vision_cfg"]["layers"] = 2
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    refused(Invalid, "does not load", str(folder))
    (folder / "open_clip_config.json").write_text("{")
    refused(Invalid, "does not load", str(folder))


def test_damaged_weights_of_mini_are_named(tmp_path):
    for name in ("config.json", "tokenizer.json"):
        (tmp_path / name).write_bytes((FOLDER / name).read_bytes())
    (tmp_path / "model.safetensors").write_bytes(b"nothing")
    refused(Corrupt, "does not load as an encoder of mini's form", str(tmp_path))


def test_an_exported_encoder_does_not_learn(tmp_path):
    (tmp_path / "runtime.json").write_text("{}")
    refused(Invalid, "exported, which cannot learn", str(tmp_path))
