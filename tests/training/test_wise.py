"""The result mixed with the start."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from embedstore.metrics import Recall
from embedstore.training.adapters import install
from embedstore.training.average import changing, copied, standing_in
from embedstore.training.evaluate import Retrieval
from embedstore.training.wise import best_mixture, mixed

START = {"weight": torch.tensor([0.0, 1.0]), "steps": torch.tensor(0)}
RESULT = {"weight": torch.tensor([1.0, 0.1]), "steps": torch.tensor(7)}


@given(st.floats(0, 1))
def test_a_mixture_lies_between(share):
    made = mixed(START, RESULT, share)
    wanted = torch.tensor([share, 1 - 0.9 * share])
    assert torch.allclose(made["weight"], wanted, atol=1e-6)
    assert made["steps"] == 7  # counts are not mixed


def test_the_ends_are_exact():
    assert torch.equal(mixed(START, RESULT, 1.0)["weight"], RESULT["weight"])
    assert torch.equal(mixed(START, RESULT, 0.0)["weight"], START["weight"])


def test_of_an_adapter_the_product_is_mixed():
    torch.manual_seed(0)
    model = nn.Linear(4, 3)
    install(model, rank=2)
    start, weight = copied(changing(model)), model.weight.detach().clone()
    with torch.no_grad():
        for factor in changing(model).values():
            factor.add_(torch.randn_like(factor))
    learnt = model.weight.detach().clone()
    for share in (0.25, 0.5):
        with standing_in(model, mixed(start, copied(changing(model)), share)):
            assert torch.allclose(model.weight, weight.lerp(learnt, share), atol=1e-6)


class Measured:
    """Stands for held photos: recall is known by the first weight."""

    def __init__(self, recall):
        self.recall = recall

    def measure(self, model):
        ranks = torch.tensor([1 if self.recall(model.weight[0, 0].item()) else 99]).numpy()
        return Retrieval(Recall(ranks), Recall(ranks))


@pytest.mark.parametrize(
    ("recall", "wanted"),
    [
        (lambda weight: weight < 0.6, 0.5),  # further on is worse: the furthest of the best
        (lambda weight: True, 1.0),
        (lambda weight: weight > 0.9, 1.0),
        (lambda weight: weight < 0.3, 0.25),
    ],
)
def test_the_best_mixture_is_taken(recall, wanted):
    model = nn.Linear(1, 1)
    start = copied(changing(model))
    start["weight"].fill_(0.0)
    result = {name: torch.ones_like(tensor) for name, tensor in start.items()}
    before = copied(changing(model))
    found = best_mixture(model, start, result, Measured(recall), (0.25, 1.0, 0.5))
    assert found.share == wanted
    assert found.state["weight"].item() == pytest.approx(wanted)
    assert set(found.tried) == {0.25, 0.5, 1.0}
    assert torch.equal(model.weight, before["weight"])
