"""open_clip's models: names, formats, faults, and pictures prepared as open_clip does it."""

import numpy as np
import pytest
from PIL import Image

from embedstore import encoders
from embedstore.corpus.images import fit
from embedstore.encoders import hub, openclip_names
from embedstore.encoders.openclip import preprocess_of
from embedstore.errors import Invalid, NotFound, Unavailable


def test_a_folder_and_a_file_give_the_same_weights_and_another_preprocessing(tiny_folder):
    folder = encoders.load(f"local-dir:{tiny_folder}", "cpu").space
    file = encoders.load(f"openclip:tiny-test/{tiny_folder}/open_clip_model.safetensors", "cpu")
    assert folder.weights == file.space.weights
    assert folder.preprocessing != file.space.preprocessing
    assert folder.fingerprint != file.space.fingerprint


def test_one_changed_weight_is_another_space(tiny_folder, tmp_path):
    from safetensors.torch import load_file, save_file

    tensors = load_file(tiny_folder / "open_clip_model.safetensors")
    tensors["visual.proj"][0, 0] += 1e-3
    save_file(tensors, tmp_path / "other.safetensors")
    first = encoders.load(f"openclip:tiny-test/{tiny_folder}/open_clip_model.safetensors", "cpu")
    second = encoders.load(f"openclip:tiny-test/{tmp_path}/other.safetensors", "cpu")
    assert first.space.weights != second.space.weights
    assert first.space.preprocessing == second.space.preprocessing


@pytest.mark.parametrize("size", [(91, 64), (64, 91), (33, 200), (20, 24), (32, 32)])
@pytest.mark.parametrize("resize", ["shortest", "squash"])
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_pictures_are_prepared_as_open_clip_does_it(tiny_folder, size, resize, interpolation):
    import torch
    from open_clip.transform import PreprocessCfg, image_transform_v2

    config = {"size": 32, "resize_mode": resize, "interpolation": interpolation}
    config |= {"mean": (0.5, 0.4, 0.3), "std": (0.2, 0.3, 0.4)}
    theirs = image_transform_v2(PreprocessCfg(**config), is_train=False)
    noise = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), np.uint8)
    image = Image.fromarray(noise)
    preprocess = preprocess_of(config, "x")
    encoder = encoders.load(f"local-dir:{tiny_folder}", "cpu")  # has the same mean and std
    ours = encoder._tensor([fit(image, preprocess)])[0]
    assert torch.allclose(ours, theirs(image), atol=1e-5)


@pytest.mark.parametrize(
    "config", [{"size": (32, 48), "resize_mode": "squash"}, {"size": 32, "resize_mode": "longest"}]
)
def test_other_preprocessing_is_refused(config):
    look = {"mean": (0, 0, 0), "std": (1, 1, 1), "interpolation": "bicubic"}
    with pytest.raises(Invalid, match="expected a square"):
        preprocess_of(config | look, "openclip:x/y")


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("openclip:ViT-B-33/x", NotFound, "expected such as ViT-B-32"),
        ("openclip:ViT-B-32/nope", NotFound, "laion2b_s34b_b79k"),
        ("openclip:ViT-B-32", NotFound, "laion2b_s34b_b79k"),
        ("openclip:ViT-B-32//gone.safetensors", NotFound, "no file /gone.safetensors"),
        ("openclip:ViT-B-32//tmp/x.pt", Invalid, "pickles can run code"),
        ("local-dir:/nowhere", NotFound, "no open_clip_config.json"),
    ],
)
def test_what_is_not_there_is_said_in_one_line(name, error, message):
    with pytest.raises(error, match=message) as caught:
        encoders.load(name, "cpu")
    assert "\n" not in str(caught.value)


def test_a_folder_with_pickled_weights_only_is_refused(tiny_folder, tmp_path):
    (tmp_path / "open_clip_config.json").write_text(
        (tiny_folder / "open_clip_config.json").read_text()
    )
    (tmp_path / "open_clip_pytorch_model.bin").write_bytes(b"a pickle")
    with pytest.raises(NotFound, match=r"no open_clip_model\.safetensors"):
        encoders.load(f"local-dir:{tmp_path}", "cpu")


@pytest.mark.parametrize("damage", ["cut", "other"])
def test_weights_that_do_not_fit_are_one_line(tiny_folder, tmp_path, damage):
    path = tmp_path / "weights.safetensors"
    if damage == "cut":
        path.write_bytes((tiny_folder / "open_clip_model.safetensors").read_bytes()[:1000])
    else:
        import torch
        from safetensors.torch import save_file

        save_file({"other": torch.zeros(2)}, path)
    with pytest.raises(Invalid, match="does not load") as caught:
        encoders.load(f"openclip:tiny-test/{path}", "cpu")
    assert "\n" not in str(caught.value)


def _unreachable(*args, **kwargs):
    raise ConnectionError("Name or service not known")


def _uncached(*args, **kwargs):
    raise hub.LocalEntryNotFoundError("not in the cache")


@pytest.mark.parametrize("name", ["openclip:ViT-B-32/laion2b_s34b_b79k", "hf-hub:org/model"])
def test_a_hub_out_of_reach_names_the_offline_choice(monkeypatch, name):
    monkeypatch.setattr(hub, "hf_hub_download", _uncached)
    monkeypatch.setattr(hub, "snapshot_download", _uncached)
    monkeypatch.setattr(hub.HfApi, "model_info", _unreachable)
    with pytest.raises(Unavailable, match="--encoder mini") as caught:
        encoders.load(name, "cpu")
    assert "cannot be reached" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_model_of_the_hub_loads_from_the_cache_without_asking(monkeypatch, tiny_folder):
    def cached(repo, *, allow_patterns, local_files_only):
        assert (repo, local_files_only) == ("org/tiny", True)
        return str(tiny_folder)

    monkeypatch.setattr(hub, "snapshot_download", cached)
    monkeypatch.setattr(hub.HfApi, "model_info", _unreachable)
    encoder = encoders.load("hf-hub:org/tiny", "cpu")
    assert encoder.space.encoder == "hf-hub:org/tiny"
    assert encoder.preprocess.mean == (0.5, 0.4, 0.3)


def test_a_tag_brings_its_own_preprocessing(monkeypatch, tiny_folder):
    import open_clip

    tag = {"hf_hub": "org/tiny/", "mean": (0.1, 0.2, 0.3), "interpolation": "bilinear"}
    weights = tiny_folder / "open_clip_model.safetensors"
    monkeypatch.setattr(open_clip, "get_pretrained_cfg", lambda model, name: tag)
    monkeypatch.setattr(openclip_names, "hub_file", lambda name, repo, file: weights)
    encoder = encoders.load("openclip:tiny-test/mine", "cpu")
    assert encoder.preprocess.mean == (0.1, 0.2, 0.3)
    assert encoder.preprocess.interpolation == "bilinear"


def test_texts_just_over_the_context_are_named(tiny_folder):
    encoder = encoders.load(f"local-dir:{tiny_folder}", "cpu")  # 12 tokens, two of them the ends
    assert encoder.overlong(["dog " * 10, "dog " * 11, "extraordinary photograph"]) == [
        False,
        True,
        False,
    ]


def test_bfloat16_gives_nearly_the_same_vectors(monkeypatch, tiny_folder):
    import torch

    from embedstore.encoders import openclip

    rows = {}
    pictures = [np.full((32, 32, 3), shade, np.uint8) for shade in (10, 120, 240)]
    for dtype in (torch.float32, torch.bfloat16):
        monkeypatch.setattr(openclip, "fast_dtype", lambda device, dtype=dtype: dtype)
        encoder = encoders.load(f"local-dir:{tiny_folder}", "cpu")
        rows[dtype] = np.concatenate(
            [encoder.encode_texts(["a dog", "the sea"]), encoder.encode_images(pictures)]
        )
    exact, fast = rows[torch.float32], rows[torch.bfloat16]
    assert fast.dtype == np.float32
    assert not np.array_equal(exact, fast)
    assert (exact * fast).sum(1).min() > 0.99
    np.testing.assert_allclose(np.linalg.norm(fast, axis=1), 1.0, atol=1e-5)
