"""Learning rates, weight decay and the running average."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from embedstore.errors import Invalid
from embedstore.training.average import Average, changing, copied, standing_in
from embedstore.training.recipe import Rates, Recipe
from embedstore.training.schedule import groups, rate, set_rate


class Parts(nn.Module):
    """Stands for a Dual: two weights in two parts."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3, 2)
        self.log_scale = nn.Parameter(torch.tensor(1.0))
        self.norm = nn.BatchNorm1d(2)
        self.norm.requires_grad_(False)

    def parts(self):
        return {"image": [*self.linear.parameters()], "temperature": [self.log_scale]}


def test_the_rate_rises_then_falls_to_nothing():
    rates = [rate(step, 100, 0.1) for step in range(100)]
    assert rates[0] < rates[5] < rates[9]
    assert max(rates) == pytest.approx(1.0, abs=0.05)
    assert rates[-1] < 0.001
    assert np.all(np.diff(rates[10:]) < 0)


@given(st.integers(1, 500), st.floats(0, 1))
def test_the_rate_is_a_share(steps, warm_up):
    for step in range(steps):
        assert 0 <= rate(step, steps, warm_up) <= 1


def test_only_matrices_decay_and_each_part_has_its_rate():
    model = Parts()
    made = groups(model, Rates(image=0.1, text=0.2, maps=0.3, temperature=0.4), decay=0.5)
    told = [(group["lr"], group["weight_decay"], len(group["params"])) for group in made]
    assert told == [(0.1, 0.5, 1), (0.1, 0.0, 1), (0.4, 0.0, 1)]
    optimizer = torch.optim.AdamW(made)
    set_rate(optimizer, 0.5)
    set_rate(optimizer, 0.25)  # of the greatest rate, not of the last
    assert [group["lr"] for group in optimizer.param_groups] == [0.025, 0.025, 0.1]


def test_the_average_forgets_its_start_at_first():
    model = Parts()
    average = Average(model, 0.9)
    with torch.no_grad():
        model.log_scale.fill_(11.0)
    average.update(0)  # keeps (1 + 0) / (10 + 0) of 1.0
    assert average.state["log_scale"].item() == pytest.approx(10.0)
    average.update(10**6)  # keeps 0.9
    assert average.state["log_scale"].item() == pytest.approx(10.1)


def test_what_changes_are_learnt_weights_and_statistics():
    names = set(changing(Parts()))
    assert {"linear.weight", "linear.bias", "log_scale", "norm.running_mean"} <= names
    assert "norm.weight" not in names


def test_a_state_stands_in_and_leaves():
    model = Parts()
    before = copied(changing(model))
    other = {name: torch.zeros_like(tensor) for name, tensor in before.items()}
    with standing_in(model, other):
        assert not model.linear.weight.any()
    assert torch.equal(model.linear.weight, before["linear.weight"])


@pytest.mark.parametrize(
    "wrong",
    [
        {"epochs": 0},
        {"epochs": 1.5},
        {"batch": 1},
        {"seed": -1},
        {"ema": 1.5},
        {"wise": (0.0,)},
        {"tune": "lorra"},
        {"precision": "fp16"},
        {"checkpointing": "no"},
    ],
)
def test_a_recipe_outside_its_range_is_refused(wrong):
    with pytest.raises(Invalid, match=next(iter(wrong))):
        Recipe(**wrong)


@pytest.mark.parametrize("rate", [-1.0, float("nan"), 1e30])
def test_a_rate_that_nothing_learns_with_is_refused(rate):
    with pytest.raises(Invalid, match="learning rates: text is "):
        Rates(1e-3, rate, 1e-3)


def test_few_photos_get_enough_steps():
    assert Recipe().steps(1) == 100
    assert Recipe().steps(50) == 400
    assert Recipe(epochs=3).steps(7) == 21
    assert Recipe().between(1) == 5
    assert Recipe().between(50) == 50
