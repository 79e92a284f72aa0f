"""One step: what it learns from several batches, and what moves the weights."""

import copy
from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.optim import SGD

from embedstore.errors import NotFinite
from embedstore.training.batches import Batch
from embedstore.training.dual import Dual, unit
from embedstore.training.learner import Learner
from embedstore.training.objective import Objective
from embedstore.training.precision import Precision
from embedstore.training.processes import Team
from embedstore.training.recipe import Rates, Recipe
from embedstore.training.schedule import groups
from embedstore.types import ImagePreprocess

CPU = torch.device("cpu")
RECIPE = Recipe(clip=1e6, rates=Rates(0.1, 0.1, 0.1, 0.1), precision="float32")


class Small(Dual):
    """A batch norm in one tower, a table in the other."""

    keeps_lower = False

    def __init__(self, norm: bool = False) -> None:
        super().__init__(ImagePreprocess(4), 6, pretrained=False)
        self.image = nn.Sequential(
            nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4) if norm else nn.GELU(), nn.Flatten()
        )
        self.maps = nn.Linear(16, 6)
        self.words = nn.Embedding(9, 6)

    def tokenise(self, texts):
        raise NotImplementedError

    def lower_images(self, pictures):
        return pictures

    def embed_images(self, lowered):
        return unit(self.maps(self.image(lowered)))

    def embed_texts(self, ids):
        return unit(self.words(ids).mean(1))

    def checkpointing(self, on):
        raise NotImplementedError

    def _write(self, folder):
        raise NotImplementedError

    def encoder(self, device):
        raise NotImplementedError

    def _towers(self):
        return self

    def _chosen(self, what):
        return list(self.parameters())

    def _part(self, name):
        return "text" if name.startswith("words") else "image"


def made(norm=False):
    torch.manual_seed(2)
    return Small(norm)


def batch(seed, count=6):
    draw = torch.Generator().manual_seed(seed)
    places = torch.arange(count)
    return Batch(
        images=torch.randint(0, 256, (count, 4, 4, 3), generator=draw, dtype=torch.uint8),
        lowered=False,
        ids=torch.randint(0, 9, (count, 3), generator=draw),
        photos=places,
        captions=places,
    )


def moved(parts, recipe=RECIPE, dual=None):
    """Do one plain step down the gradient; give how far each weight went, and the figures."""
    dual = dual or made()
    before = {name: weight.detach().clone() for name, weight in dual.named_parameters()}
    optimizer = SGD(groups(dual, recipe.top_rates, 0.0))
    figures = Learner(dual, optimizer, recipe, Precision(CPU, "float32"), Team(CPU)).step(
        0, 1.0, parts
    )
    return {name: one.detach() - before[name] for name, one in dual.named_parameters()}, figures


def alike(ours, theirs):
    assert ours.keys() == theirs.keys()
    assert any(step.abs().max() > 1e-4 for step in theirs.values())
    for name, step in theirs.items():
        assert torch.allclose(ours[name], step, rtol=1e-4, atol=1e-7), name


def test_a_gradient_above_the_clip_moves_the_weights_as_if_it_were_scaled():
    free, figures = moved([batch(0)])
    clip = figures["gradient_norm"] / 5
    clipped, told = moved([batch(0)], replace(RECIPE, clip=clip))
    assert told["gradient_norm"] == pytest.approx(figures["gradient_norm"])
    alike(clipped, {name: step / 5 for name, step in free.items()})
    below, _ = moved([batch(0)], replace(RECIPE, clip=2 * figures["gradient_norm"]))
    alike(below, free)


@pytest.mark.parametrize("count", [2, 3])
def test_several_batches_move_the_weights_by_their_mean_gradient(count):
    parts = [batch(seed) for seed in range(count)]
    alone = [moved([part]) for part in parts]
    together, figures = moved(parts)
    mean = {name: sum(step[name] for step, _ in alone) / count for name in together}
    alike(together, mean)
    assert figures["loss"] == pytest.approx(sum(told["loss"] for _, told in alone) / count)


@pytest.mark.parametrize("chunk", [1, 4, 6])
@pytest.mark.parametrize("objective", [Objective(), Objective("sigmoid")])
def test_chunks_of_a_batch_move_the_weights_as_the_whole_does(chunk, objective):
    recipe = replace(RECIPE, objective=objective)
    whole, figures = moved([batch(0), batch(1)], recipe)
    chunked, told = moved([batch(0), batch(1)], replace(recipe, chunk=chunk))
    alike(chunked, whole)
    assert told["loss"] == pytest.approx(figures["loss"], rel=1e-5)


def test_a_step_that_is_no_number_leaves_nothing(monkeypatch):
    dual = made(norm=True)
    moved([batch(0)], dual=dual)
    before = copy.deepcopy(dual.state_dict())
    monkeypatch.setattr(Objective, "__call__", lambda _, images, *__: images.sum() * float("nan"))
    with pytest.raises(NotFinite, match="the loss is nan"):
        moved([batch(1)], dual=dual)
    for name, tensor in dual.state_dict().items():
        assert torch.equal(tensor, before[name]), name
