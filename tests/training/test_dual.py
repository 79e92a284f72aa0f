"""The law of every dual: what learns, that its parts make the whole, and that the disk keeps it."""

import copy
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn.modules.batchnorm import _BatchNorm

from embedstore import encoders
from embedstore.encoders import openclip
from embedstore.encoders.mini import FOLDER, TOKENIZER
from embedstore.errors import Invalid, StorageFull
from embedstore.training.init import start
from embedstore.training.mini_dual import MiniDual

CPU = torch.device("cpu")
TEXT = {"context_length": 12, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2}
VIT = {"image_size": 32, "layers": 2, "width": 32, "patch_size": 16, "head_width": 16}
MODELS = {
    "vit": {"embed_dim": 16, "vision_cfg": VIT, "text_cfg": TEXT},
    "sigmoid": {
        "embed_dim": 16,
        "vision_cfg": VIT,
        "text_cfg": TEXT | {"no_causal_mask": True, "proj_bias": True, "pool_type": "last"},
        "custom_text": True,
        "init_logit_bias": -9.0,
        "nonscalar_logit_scale": True,
    },
    "cnn": {
        "embed_dim": 16,
        "vision_cfg": {"image_size": 32, "layers": [1, 1, 1, 1], "width": 8, "head_width": 32},
        "text_cfg": TEXT,
    },
    "timm": {
        "embed_dim": 16,
        "vision_cfg": {"image_size": 160, "timm_model_name": "test_vit", "timm_pool": ""},
        "text_cfg": TEXT,
    },
    "coca": {
        "embed_dim": 16,
        "vision_cfg": VIT
        | {"attentional_pool": True, "attn_pooler_heads": 2, "attn_pooler_queries": 4}
        | {"output_tokens": True},
        "text_cfg": TEXT | {"embed_cls": True, "output_tokens": True},
        "multimodal_cfg": {"context_length": 12, "width": 32, "heads": 2, "layers": 1},
        "custom_text": True,
    },
}
KINDS = ["mini", *MODELS]
TUNES = ["full", "upper", "text", "heads", "lora"]
REFUSED = {("cnn", "upper"), ("coca", "upper")}
CASES = [(kind, what) for kind in KINDS for what in TUNES if (kind, what) not in REFUSED]
TEXTS = ["a dog", "the sea and two boats", "red", "a man on a bicycle"]


@pytest.fixture(autouse=True)
def exact(monkeypatch):
    monkeypatch.setattr(openclip, "fast_dtype", lambda device: torch.float32)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """One dual of each kind."""
    folder = tmp_path_factory.mktemp("models")
    bundled = start("mini", CPU)
    look = replace(bundled.preprocess, size=32)  # its tower takes any size; small ones are quick
    config = replace(bundled.config, preprocess=look)
    reading = (FOLDER / TOKENIZER).read_text("utf-8")
    duals = {"mini": MiniDual(bundled.model, config, reading)}
    for kind, config in MODELS.items():
        path = folder / f"{kind}.json"
        path.write_text(json.dumps(config))
        torch.manual_seed(0)
        duals[kind] = start("scratch", CPU, str(path))
    return duals


@pytest.fixture
def fresh(made):
    return lambda kind: copy.deepcopy(made[kind])


def pixels_for(dual, count=2):
    side = dual.preprocess.size
    return np.random.default_rng(0).integers(0, 256, (count, side, side, 3), np.uint8)


def rows_of(dual, texts=TEXTS):
    dual.eval()
    with torch.no_grad():
        lowered = dual.lower_images(dual.normalised(torch.from_numpy(pixels_for(dual))))
        return dual(lowered, dual.tokenise(texts))


def gradients(dual):
    """Take one step's gradients, by name."""
    torch.manual_seed(3)
    dual.zero_grad()
    lowered = dual.lower_images(dual.normalised(torch.from_numpy(pixels_for(dual))))
    images, texts = dual(lowered, dual.tokenise(TEXTS))
    scores = dual.log_scale.exp() * images @ texts.T  # (2, 4)
    torch.nn.functional.cross_entropy(scores, torch.tensor([0, 3])).backward()
    named = dual.named_parameters()
    return {name: weight.grad for name, weight in named if weight.grad is not None}


def disturb(dual):
    """Move what learns a little, as a step of training does."""
    torch.manual_seed(1)
    with torch.no_grad():
        for weights in dual.parts().values():
            for weight in weights:
                noise = torch.randn(weight.shape[-1:])  # one row of it is quick, and moves all
                weight += 0.02 * noise


def agrees_with_its_encoder(dual):
    images, texts = rows_of(dual)
    before = {name: tensor.clone() for name, tensor in dual.state_dict().items()}
    dual.learning()
    encoder = dual.encoder(CPU)
    assert dual.training
    np.testing.assert_allclose(encoder.encode_texts(TEXTS), texts.numpy(), atol=1e-4)
    pixels = list(pixels_for(dual))
    np.testing.assert_allclose(encoder.encode_images(pixels), images.numpy(), atol=1e-4)
    for rows, count in ((images, 2), (texts, len(TEXTS))):
        assert rows.shape == (count, dual.dim)
        assert rows.dtype == torch.float32
        assert torch.allclose(rows.norm(dim=1), torch.ones(count), atol=1e-5)
    for name, tensor in dual.state_dict().items():
        assert torch.equal(tensor, before[name]), name


@pytest.mark.parametrize("config", MODELS.values(), ids=MODELS)
def test_no_random_weight_is_left_as_memory_happened_to_be(config, tmp_path):
    path = tmp_path / "model.json"
    path.write_text(json.dumps(config))
    torch.use_deterministic_algorithms(True)  # which fills new memory with what is no number
    try:
        dual = start("scratch", CPU, str(path))
    finally:
        torch.use_deterministic_algorithms(False)
    for name, tensor in dual.state_dict().items():
        assert not tensor.is_floating_point() or torch.isfinite(tensor).all(), name


@pytest.mark.parametrize(("kind", "what"), CASES)
def test_gradients_are_where_they_were_asked_for_and_the_encoder_agrees(fresh, kind, what):
    dual = fresh(kind)
    dual.tune(what, rank=2)
    disturb(dual)
    agrees_with_its_encoder(dual)
    dual.learning()
    found = set(gradients(dual))
    assert found == {name for name, weight in dual.named_parameters() if weight.requires_grad}
    parts = dual.parts()
    everything = [id(weight) for weights in parts.values() for weight in weights]
    assert len(everything) == len(set(everything)) == len(found)
    filled = {part for part, weights in parts.items() if weights}
    expected = {
        "full": {"image", "text", "maps", "temperature"},
        "upper": {"image", "text", "maps", "temperature"},
        "text": {"text", "maps", "temperature"},
        "heads": {"maps", "temperature"},
        "lora": {"image", "text", "temperature"},
    }[what]
    assert expected <= filled <= expected | ({"maps"} if what == "lora" else set())
    if what == "lora":
        assert all(name == "log_scale" or ".parametrizations." in name for name in found)


@pytest.mark.parametrize("kind", ["mini", "vit", "sigmoid", "timm"])
def test_upper_is_a_part_of_full(fresh, kind):
    dual = fresh(kind)
    whole = {id(weight) for weights in dual.parts().values() for weight in weights}
    dual.tune("upper")
    upper = {id(weight) for weights in dual.parts().values() for weight in weights}
    assert upper < whole
    first = {"mini": "model.text.tokens.weight"}.get(kind)
    named = dict(dual.named_parameters())
    for name in [first] if first else [n for n in named if "token_embedding" in n]:
        assert not named[name].requires_grad


@pytest.mark.parametrize(("kind", "what"), sorted(REFUSED))
def test_a_tower_without_layers_has_no_upper_half(fresh, kind, what):
    with pytest.raises(Invalid, match=f"cannot be trained in its {what} half") as caught:
        fresh(kind).tune(what)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "what"),
    [(kind, "full") for kind in MODELS] + [(kind, "lora") for kind in ("mini", "vit", "cnn")],
)
def test_what_is_written_loads_with_the_same_rows(fresh, tmp_path, kind, what):
    dual = fresh(kind)
    dual.tune(what, rank=2)
    disturb(dual)
    images, texts = rows_of(dual)
    dual.write(tmp_path / "encoder")
    encoder = encoders.load(str(tmp_path / "encoder"), "cpu")
    assert encoder.space.encoder == str(tmp_path / "encoder")
    rows = np.concatenate(
        [encoder.encode_images(list(pixels_for(dual))), encoder.encode_texts(TEXTS)]
    )
    expected = torch.cat([images, texts]).numpy()
    if kind == "mini":  # whose disk keeps float16 and 8 bits
        assert (rows * expected).sum(1).min() > 0.999
        again = start(str(tmp_path / "encoder"), CPU)
        assert again.log_scale.item() == pytest.approx(dual.log_scale.item())
    else:
        np.testing.assert_allclose(rows, expected, atol=1e-5)
        theirs = encoders.load(f"local-dir:{tmp_path / 'encoder'}", "cpu")
        assert theirs.space.fingerprint == encoder.space.fingerprint
        assert np.array_equal(theirs.encode_texts(TEXTS), encoder.encode_texts(TEXTS))


@pytest.mark.parametrize("learns", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_training_goes_on_from_the_temperature_and_the_bias_that_were_written(
    fresh, tmp_path, kind, learns
):
    dual = fresh(kind)
    dual.bias.requires_grad_(learns)  # with the sigmoid loss
    with torch.no_grad():
        dual.log_scale.fill_(3.25)
        dual.bias.fill_(-4.0)
    dual.write(tmp_path)
    again = start(str(tmp_path), CPU)
    assert again.log_scale.shape == ()
    assert again.log_scale.item() == pytest.approx(3.25)
    assert again.pretrained
    kept = learns or kind in (
        "mini",
        "sigmoid",
    )  # open_clip's models have one where it is asked for
    assert again.bias.item() == (-4.0 if kept else -10.0)
    encoders.load(str(tmp_path), "cpu")


@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("what", ["full", "lora"])
def test_the_state_goes_round(fresh, kind, what):
    dual, other = fresh(kind), fresh(kind)
    for one in (dual, other):
        one.tune(what, rank=2)
    disturb(dual)
    other.load_state_dict(dual.state_dict())
    for one, two in zip(rows_of(dual), rows_of(other), strict=True):
        assert torch.equal(one, two)


@pytest.mark.parametrize("kind", MODELS)
def test_adapters_start_without_a_change_and_merge_into_the_weights(fresh, kind):
    dual = fresh(kind)
    before = rows_of(dual)
    dual.tune("lora", rank=2)
    for old, new in zip(before, rows_of(dual), strict=True):
        assert torch.allclose(old, new, atol=1e-6)
    disturb(dual)
    adapted = rows_of(dual)
    assert not torch.allclose(before[0], adapted[0], atol=1e-3)
    assert not torch.allclose(before[1], adapted[1], atol=1e-3)
    dual.tune("full")
    assert not any("parametrizations" in name for name in dual.state_dict())
    for old, new in zip(adapted, rows_of(dual), strict=True):
        assert torch.allclose(old, new, atol=1e-5)


@pytest.mark.parametrize(
    ("kind", "what"),
    [("mini", "upper"), ("mini", "heads"), ("vit", "text"), ("vit", "heads"), ("cnn", "text")],
)
def test_what_is_kept_is_smaller_and_may_be_kept_in_half_precision(fresh, kind, what):
    dual = fresh(kind)
    dual.tune(what)
    assert dual.keeps_lower
    pictures = dual.normalised(torch.from_numpy(pixels_for(dual)))
    lowered = dual.lower_images(pictures)
    assert lowered.numel() < pictures.numel()
    assert not lowered.requires_grad
    exact, kept = dual.embed_images(lowered), dual.embed_images(lowered.half())
    assert (exact * kept).sum(1).min() > 0.9999


@pytest.mark.parametrize(
    ("kind", "what"), [("mini", "full"), ("mini", "lora"), ("vit", "full"), ("cnn", "heads")]
)
def test_nothing_is_kept_where_the_whole_tower_runs(fresh, kind, what):
    dual = fresh(kind)
    dual.tune(what)
    assert not dual.keeps_lower
    pictures = dual.normalised(torch.from_numpy(pixels_for(dual)))
    assert torch.equal(dual.lower_images(pictures), pictures)


@pytest.mark.parametrize(("kind", "keeps"), [("mini", True), ("cnn", False)])
def test_batch_norm_of_a_pretrained_tower_keeps_its_statistics(fresh, kind, keeps):
    dual = fresh(kind)
    if kind == "mini":
        dual.tune("upper")
    dual.learning()
    norms = [module for module in dual.modules() if isinstance(module, _BatchNorm)]
    before = [norm.running_mean.clone() for norm in norms]
    gradients(dual)
    same = [torch.equal(norm.running_mean, old) for norm, old in zip(norms, before, strict=True)]
    assert norms
    assert all(same) if keeps else not any(same)


@pytest.mark.parametrize("kind", ["mini", "vit", "timm", "sigmoid"])
def test_checkpointing_recomputes_and_changes_no_gradient(fresh, kind):
    dual = fresh(kind)
    dual.tune("upper")
    dual.learning()
    calls = []
    last = {
        "mini": lambda model: model.text.layers[-1],
        "timm": lambda model: model.visual.trunk.blocks[-1],
    }.get(kind, lambda model: model.visual.transformer.resblocks[-1])(dual.model)
    inner = [module for module in last.modules() if isinstance(module, torch.nn.Linear)]
    # the last one is not run again: recomputing stops when it has what it needs
    inner[-2].register_forward_hook(lambda *_: calls.append(1))
    gradients(dual)
    once = len(calls)
    plain = {
        name: weight.grad.clone()
        for name, weight in dual.named_parameters()
        if weight.requires_grad
    }
    dual.checkpointing(True)
    dual = copy.deepcopy(dual)  # as a running average of the weights does
    again = gradients(dual)
    assert len(calls) == 3 * once
    assert plain.keys() == again.keys()
    for name, gradient in plain.items():
        assert torch.allclose(gradient, again[name], atol=1e-6), name
    dual.checkpointing(False)
    rows_of(dual)
    assert len(calls) == 4 * once


def test_a_tower_that_cannot_recompute_says_so(fresh):
    with pytest.raises(Invalid, match="ModifiedResNet keeps all activations"):
        fresh("cnn").checkpointing(True)


@pytest.mark.parametrize("kind", KINDS)
def test_a_text_has_one_row_whatever_is_beside_it(fresh, kind):
    dual = fresh(kind)
    _, together = rows_of(dual)
    for place, text in enumerate(TEXTS):
        _, alone = rows_of(dual, [text])
        assert torch.allclose(together[place], alone[0], atol=1e-5)


def test_padding_that_no_row_depends_on_is_not_computed(fresh):
    dual = fresh("cnn")
    whole = dual._tokenizer(TEXTS)
    ids = dual.tokenise(TEXTS)
    assert ids.shape[1] == (whole != 0).sum(1).max() < whole.shape[1]
    found = []
    for each in (ids, whole):
        dual.zero_grad()
        rows = dual.embed_texts(each)
        (rows * torch.arange(dual.dim)).sum().backward()
        found.append([rows, *(one.grad for one in dual.parameters() if one.grad is not None)])
    assert len(found[0]) == len(found[1]) > 10
    for short, long in zip(*found, strict=True):
        assert torch.allclose(short, long, atol=1e-4)


def test_long_texts_are_cut_as_the_encoder_cuts_them(fresh):
    dual = fresh("mini")
    texts = ["dog " * 300, "half a pair \ud800 here", ""]
    assert dual.tokenise(texts).shape == (3, dual.config.context)
    _, rows = rows_of(dual, texts)
    np.testing.assert_allclose(dual.encoder(CPU).encode_texts(texts), rows.numpy(), atol=1e-4)


def test_dropout_is_there_while_learning_only(made):
    mini = made["mini"]
    reading = (FOLDER / TOKENIZER).read_text("utf-8")
    model = copy.deepcopy(mini.model)
    dual = MiniDual(model, mini.config, reading, dropout=0.3, image_dropout=0.3)
    quiet, again = rows_of(dual), rows_of(dual)
    assert all(torch.equal(one, two) for one, two in zip(quiet, again, strict=True))
    dual.tune("heads")
    dual.learning()
    lowered = dual.lower_images(dual.normalised(torch.from_numpy(pixels_for(dual))))
    ids = dual.tokenise(TEXTS)
    for one, two in zip(dual(lowered, ids), dual(lowered, ids), strict=True):
        assert not torch.allclose(one, two)
    assert not dual.model.text.layers[0].training


def test_a_folder_that_cannot_be_written_is_named(fresh, tmp_path):
    (tmp_path / "file").write_text("")
    for kind in ("mini", "vit"):
        with pytest.raises(StorageFull, match="cannot be written") as caught:
            fresh(kind).write(tmp_path / "file" / "encoder")
        assert "\n" not in str(caught.value)
