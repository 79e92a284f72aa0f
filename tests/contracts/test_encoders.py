"""What every encoder promises, whatever is inside."""

import json

import numpy as np
import pytest

from embedstore import encoders
from embedstore.errors import Invalid

TINY = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 32, "patch_size": 16, "head_width": 16},
    "text_cfg": {"context_length": 32, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
}
TEXTS = [
    "a red dog",
    "A photo of two children who play in the snow, seen from a hill.",
    "",
    "   ",
    "日本の山 и 한국어 🙂",
    "\ud800 half a pair",
    "dog " * 10_000,
]


@pytest.fixture(scope="module")
def tiny_model(tmp_path_factory):
    """The folder of a tiny open_clip model with random weights."""
    from embedstore.encoders import torchvision_ops

    torchvision_ops.declare()
    import open_clip
    import torch
    from safetensors.torch import save_file

    folder = tmp_path_factory.mktemp("tiny-contract")
    (folder / "tiny-contract.json").write_text(json.dumps(TINY))
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": TINY}))
    open_clip.add_model_config(folder / "tiny-contract.json")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = open_clip.create_model("tiny-contract")
    save_file(model.state_dict(), folder / "open_clip_model.safetensors")
    return folder


@pytest.fixture(scope="module", params=["toy", "mini", "local-dir", "openclip"])
def name(request):
    if request.param in ("toy", "mini"):
        return request.param
    folder = request.getfixturevalue("tiny_model")
    if request.param == "local-dir":
        return f"local-dir:{folder}"
    return f"openclip:tiny-contract/{folder}/open_clip_model.safetensors"


@pytest.fixture(scope="module")
def encoder(name):
    with pytest.MonkeyPatch.context() as patch:
        if name not in ("toy", "mini"):  # float32, where batch invariance can be held to 1e-5
            import torch

            from embedstore.encoders import openclip

            patch.setattr(openclip, "fast_dtype", lambda device: torch.float32)
        yield encoders.load(name, device="cpu")


@pytest.fixture(scope="module")
def pictures(encoder):
    side = encoder.preprocess.size
    rng = np.random.default_rng(1)
    noise = [rng.integers(0, 256, (side, side, 3), dtype=np.uint8) for _ in range(5)]
    return [*noise, np.zeros((side, side, 3), np.uint8), np.full((side, side, 3), 255, np.uint8)]


def check_rows(rows, count, dim):
    assert rows.shape == (count, dim)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1.0, atol=1e-5)


def test_rows_are_unit_vectors_of_the_space(encoder, pictures):
    check_rows(encoder.encode_texts(TEXTS), len(TEXTS), encoder.space.dim)
    check_rows(encoder.encode_images(pictures), len(pictures), encoder.space.dim)


def test_nothing_in_nothing_out(encoder):
    assert encoder.encode_texts([]).shape == (0, encoder.space.dim)
    assert encoder.encode_images([]).shape == (0, encoder.space.dim)
    assert encoder.overlong([]) == []


def test_the_batch_does_not_matter(encoder, pictures):
    whole = encoder.encode_texts(TEXTS)
    alone = np.concatenate([encoder.encode_texts([text]) for text in TEXTS])
    np.testing.assert_allclose(whole, alone, atol=1e-5)
    np.testing.assert_allclose(whole[::-1], encoder.encode_texts(TEXTS[::-1]), atol=1e-5)
    whole = encoder.encode_images(pictures)
    alone = np.concatenate([encoder.encode_images([picture]) for picture in pictures])
    np.testing.assert_allclose(whole, alone, atol=1e-5)


def test_many_batches_keep_the_order(encoder):
    texts = [f"{'very ' * (place % 7)}number {place}" for place in range(150)]
    rows = encoder.encode_texts(texts)
    for place in (0, 63, 64, 149):
        np.testing.assert_allclose(rows[place], encoder.encode_texts([texts[place]])[0], atol=1e-5)


def test_different_things_differ(encoder, pictures):
    texts = encoder.encode_texts(["a dog", "the sea at night"])
    assert texts[0] @ texts[1] < 0.999
    images = encoder.encode_images(pictures[-2:])
    assert images[0] @ images[1] < 0.9999


def test_what_the_context_cuts_is_named(encoder):
    assert encoder.overlong(["a dog", "dog " * 10_000, ""]) == [False, True, False]


def test_what_is_cut_does_not_count(encoder):
    start = "dog " * 10_000
    assert encoder.overlong([start]) == [True]
    first, second = encoder.encode_texts([start + "cat", start + "sea"])
    np.testing.assert_allclose(first, second, atol=1e-5)


def test_the_space_is_the_same_on_every_load(encoder, name):
    again = encoders.load(name, device="cpu")
    assert again.space == encoder.space
    assert encoder.space.encoder == name
    assert len(encoder.space.fingerprint) == 16


def test_pictures_of_another_size_are_refused(encoder):
    side = encoder.preprocess.size
    for wrong in (np.zeros((side + 1, side, 3), np.uint8), np.zeros((side, side, 3), np.float32)):
        with pytest.raises(Invalid, match="expects"):
            encoder.encode_images([wrong])
