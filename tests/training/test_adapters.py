"""Low-rank adapters on small modules."""

import copy

import pytest
import torch
from torch import nn

from embedstore.errors import Invalid
from embedstore.training.adapters import LowRank, install, merge, merged_state


class Small(nn.Module):
    def __init__(self):
        super().__init__()
        self.pixels = nn.Conv2d(3, 6, 1)
        self.wide = nn.Conv2d(6, 6, 3, padding=1)
        self.attention = nn.MultiheadAttention(6, 2, batch_first=True)
        self.out = nn.Linear(6, 4)

    def forward(self, pictures):
        x = self.wide(self.pixels(pictures)).flatten(2).transpose(1, 2)  # (n, hw, 6)
        return self.out(self.attention(x, x, x, need_weights=False)[0])


@pytest.fixture
def small():
    torch.manual_seed(0)
    return Small()


PICTURES = torch.rand(2, 3, 4, 4, generator=torch.Generator().manual_seed(0))


def disturb(model):
    with torch.no_grad():
        for weight in model.parameters():
            if weight.requires_grad:
                weight += 0.1


def test_only_adapters_learn_on_linear_maps_attention_and_1x1_convolutions(small):
    install(small, 2)
    learning = {
        name.split(".parametrizations.")[0]
        for name, weight in small.named_parameters()
        if weight.requires_grad
    }
    assert learning == {"pixels", "attention", "attention.out_proj", "out"}
    assert not small.wide.weight.requires_grad


def test_adapters_start_at_no_change_and_merge_exactly(small):
    plain = small(PICTURES)
    install(small, 2)
    assert torch.equal(small(PICTURES), plain)
    disturb(small)
    adapted = small(PICTURES)
    assert not torch.allclose(adapted, plain)
    other = Small()
    other.load_state_dict(merged_state(small))
    assert torch.allclose(other(PICTURES), adapted, atol=1e-6)
    merge(small)
    assert set(small.state_dict()) == set(other.state_dict())
    assert type(small.attention) is nn.MultiheadAttention
    assert torch.allclose(small(PICTURES), adapted, atol=1e-6)


def test_merging_a_copy_leaves_the_model_as_it_is(small):
    install(small, 2)
    disturb(small)
    adapted = small(PICTURES)
    merge(copy.deepcopy(small))
    assert torch.equal(small(PICTURES), adapted)
    assert any("parametrizations" in name for name in small.state_dict())


def test_the_change_has_the_rank_that_was_asked_for():
    adapter = LowRank(torch.zeros(8, 5), 2)
    nn.init.normal_(adapter.up)
    assert torch.linalg.matrix_rank(adapter(torch.zeros(8, 5))) == 2
    thin = LowRank(torch.zeros(8, 5), 100)
    assert thin.down.shape == (5, 5)


@pytest.mark.parametrize("rank", [0, -1])
def test_a_rank_below_one_is_refused(small, rank):
    with pytest.raises(Invalid, match=f"rank {rank}; expected 1 or more"):
        install(small, rank)
