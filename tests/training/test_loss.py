"""InfoNCE by hand, by finite differences, and by its symmetries."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import normalize

from embedstore.training.loss import LARGEST_SCALE, info_nce

EYE = torch.eye(2, dtype=torch.float32)


def test_value_by_hand():
    # Scores are [[ln 3, 0], [0, ln 3]]: each pair has 3 against 1, in both directions.
    loss = info_nce(EYE, EYE, torch.tensor(math.log(math.log(3))))
    assert loss.item() == pytest.approx(math.log(4 / 3), abs=1e-6)


def test_both_directions_count():
    # Scores are [[1, 1], [0, 0]]: by picture ln 2 each; by text 1 against e, and e against 1.
    images = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    texts = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    e = math.e
    by_image = math.log(2)
    by_text = (math.log((e + 1) / e) + math.log(e + 1)) / 2
    loss = info_nce(images, texts, torch.tensor(0.0))
    assert loss.item() == pytest.approx((by_image + by_text) / 2, abs=1e-6)


def test_scale_is_clamped():
    images, texts = normalize(torch.randn(4, 3), dim=1), normalize(torch.randn(4, 3), dim=1)
    at_limit = info_nce(images, texts, torch.tensor(math.log(LARGEST_SCALE)))
    assert torch.equal(info_nce(images, texts, torch.tensor(9.0)), at_limit)
    assert not torch.equal(info_nce(images, texts, torch.tensor(4.0)), at_limit)


def test_gradient():
    torch.manual_seed(0)
    images, texts = torch.randn(4, 3), torch.randn(4, 3)
    scale = torch.tensor(1.0, requires_grad=True)
    images.requires_grad_(True)
    info_nce(images, texts, scale).backward()
    step = 1e-2

    def slope(of):
        return (of(step) - of(-step)) / (2 * step)

    for row, column in ((0, 0), (1, 2), (3, 1)):
        unit = torch.zeros(4, 3)
        unit[row, column] = 1.0
        numeric = slope(lambda s, u=unit: info_nce(images.detach() + s * u, texts, scale).item())
        assert images.grad[row, column].item() == pytest.approx(numeric, abs=1e-3)
    numeric = slope(lambda s: info_nce(images.detach(), texts, scale.detach() + s).item())
    assert scale.grad.item() == pytest.approx(numeric, abs=1e-3)


@given(st.integers(0, 2**31), st.integers(1, 8))
def test_symmetries(seed, n):
    generator = torch.Generator().manual_seed(seed)
    images = normalize(torch.randn(n, 5, generator=generator), dim=1)
    texts = normalize(torch.randn(n, 5, generator=generator), dim=1)
    scale = torch.tensor(2.0)
    loss = info_nce(images, texts, scale).item()
    assert info_nce(texts, images, scale).item() == pytest.approx(loss, abs=1e-5)
    order = torch.randperm(n, generator=generator)
    assert info_nce(images[order], texts[order], scale).item() == pytest.approx(loss, abs=1e-5)
    assert loss >= -1e-6
