"""Gradients chunk by chunk are those of the whole batch."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.functional import normalize

from embedstore.training.gradient_cache import cached_step
from embedstore.training.init import start
from embedstore.training.objective import Objective, positives_of

PHOTOS, CAPTIONS = torch.tensor([0, 0, 1, 2, 3, 4, 5]), torch.tensor([0, 1, 2, 3, 3, 4, 5])


class Towers(nn.Module):
    """The face of a `Dual` that a step sees; several layers, dropout where it is asked for."""

    def __init__(self, dropout=0.0):
        super().__init__()
        self.image = nn.Sequential(
            nn.Conv2d(3, 4, 3), nn.GELU(), nn.Dropout(dropout), nn.Flatten(), nn.Linear(64, 8)
        )
        self.words = nn.Embedding(11, 16)
        self.text = nn.Sequential(
            nn.Dropout(dropout), nn.LayerNorm(16), nn.Linear(16, 16), nn.GELU(), nn.Linear(16, 8)
        )
        self.log_scale = nn.Parameter(torch.tensor(math.log(10.0)))
        self.bias = nn.Parameter(torch.tensor(-3.0))
        self.calls = []

    def forward(self, lowered, ids):
        self.calls.append((*map(size, (lowered, ids)), torch.is_grad_enabled()))
        return (
            None if lowered is None else self.unit(self.image(lowered)),
            None if ids is None else self.unit(self.text(self.words(ids).mean(1))),
        )

    def unit(self, rows):
        return normalize(rows.to(self.log_scale.dtype), dim=1)


def size(part):
    return 0 if part is None else len(part)


def batch(dtype=torch.float32):
    generator = torch.Generator().manual_seed(5)
    lowered = torch.randn(7, 3, 6, 6, generator=generator, dtype=dtype)
    return lowered, torch.randint(0, 11, (7, 4), generator=generator)


def loss_with(model, objective):
    positives = positives_of(PHOTOS, CAPTIONS)
    return lambda images, texts: objective(images, texts, model.log_scale, model.bias, positives)


def gradients(model):
    return {
        name: weight.grad.clone()
        for name, weight in model.named_parameters()
        if weight.grad is not None
    }


def whole(model, lowered, ids, loss_of_rows):
    loss = loss_of_rows(*model(lowered, ids))
    loss.backward()
    return loss.detach()


def chunks_at_once(model, lowered, ids, loss_of_rows, chunk):
    """The reference with dropout: the draws of chunks, and one graph that holds them all."""
    images = torch.cat([model(part, None)[0] for part in lowered.split(chunk)])
    texts = torch.cat([model(None, part)[1] for part in ids.split(chunk)])
    loss = loss_of_rows(images, texts)
    loss.backward()
    return loss.detach()


def made(dropout=0.0):
    torch.manual_seed(0)
    return Towers(dropout)


@pytest.mark.parametrize("chunk", [0, 1, 2, 3, 7, 100])
@pytest.mark.parametrize("objective", [Objective(), Objective("sigmoid")])
def test_gradients_of_the_whole_batch(chunk, objective):
    one, other = made(), made()
    lowered, ids = batch()
    loss = cached_step(one, lowered, ids, loss_with(one, objective), chunk)
    expected = whole(other, lowered, ids, loss_with(other, objective))
    assert loss.item() == pytest.approx(expected.item(), abs=1e-5)
    assert not loss.requires_grad
    found, wanted = gradients(one), gradients(other)
    assert found.keys() == wanted.keys()
    assert "log_scale" in found
    assert ("bias" in found) == (objective.loss == "sigmoid")
    for name, slope in wanted.items():
        assert torch.allclose(found[name], slope, atol=1e-5), name


@pytest.mark.parametrize(("chunk", "sizes"), [(0, [7]), (3, [3, 3, 1] * 2)])
def test_pictures_are_prepared_a_chunk_at_a_time(chunk, sizes):
    one, other = made(), made()
    lowered, ids = batch()
    pixels, prepared = (10 * lowered).byte(), []

    def prepare(some):
        prepared.append(len(some))
        return some / 10

    cached_step(one, pixels, ids, loss_with(one, Objective()), chunk, prepare)
    assert prepared == sizes
    whole(other, pixels / 10, ids, loss_with(other, Objective()))
    found = gradients(one)
    for name, slope in gradients(other).items():
        assert torch.allclose(found[name], slope, atol=1e-5), name


@settings(deadline=None, max_examples=20)
@given(st.integers(1, 6), st.integers(0, 2**31))
def test_dropout_draws_the_same_twice(chunk, seed):
    one, other = made(dropout=0.5).double(), made(dropout=0.5).double()
    lowered, ids = batch(torch.float64)
    torch.manual_seed(seed)
    cached_step(one, lowered, ids, loss_with(one, Objective()), chunk)
    after = torch.rand(3)
    torch.manual_seed(seed)
    chunks_at_once(other, lowered, ids, loss_with(other, Objective()), chunk)
    assert torch.equal(torch.rand(3), after)  # the run goes on with the same numbers
    found = gradients(one)
    for name, slope in gradients(other).items():
        assert torch.allclose(found[name], slope, atol=1e-12), name


def test_gradients_of_the_bundled_encoder():
    dual = start("mini", torch.device("cpu"))
    dual.learning()
    torch.manual_seed(0)
    lowered = torch.randn(3, 3, 64, 64)
    ids = dual.tokenise(["a dog", "two people walk along the beach at night", "a red car"])
    positives = torch.eye(3, dtype=torch.bool)

    def slopes(chunk):
        dual.zero_grad()
        cached_step(
            dual,
            lowered,
            ids,
            lambda *rows: Objective()(*rows, dual.log_scale, dual.bias, positives),
            chunk,
        )
        return gradients(dual)

    whole, cached = slopes(0), slopes(2)
    assert whole.keys() == cached.keys()
    for name, slope in whole.items():
        assert torch.allclose(cached[name], slope, rtol=1e-5, atol=1e-5), name


def test_gradients_are_added_to_what_is_there():
    model = made()
    lowered, ids = batch()
    cached_step(model, lowered, ids, loss_with(model, Objective()), 2)
    once = gradients(model)
    cached_step(model, lowered, ids, loss_with(model, Objective()), 3)
    for name, slope in gradients(model).items():
        assert torch.allclose(slope, 2 * once[name], atol=1e-5), name


def test_frozen_parts_stay_without_gradient():
    model = made()
    model.image.requires_grad_(False)
    model.bias.requires_grad_(False)
    lowered, ids = batch()
    cached_step(model, lowered, ids, loss_with(model, Objective("sigmoid")), 3)
    found = gradients(model)
    assert "log_scale" in found
    assert not [name for name in found if name.startswith(("image", "bias"))]


def test_activations_of_one_chunk_at_a_time():
    model = made()
    lowered, ids = batch()
    cached_step(model, lowered, ids, loss_with(model, Objective()), 3)
    pieces = [(3, 0), (3, 0), (1, 0), (0, 3), (0, 3), (0, 1)]  # a tower at a time
    assert model.calls == [(*piece, learns) for learns in (False, True) for piece in pieces]


def test_activations_are_freed_chunk_by_chunk():
    model = made()
    lowered, ids = batch()
    held = most = 0

    def pack(kept):
        nonlocal held, most
        held += kept.numel()
        most = max(most, held)
        return Kept(kept)

    class Kept:
        def __init__(self, kept):
            self.kept = kept

        def __del__(self):
            nonlocal held
            held -= self.kept.numel()

    def peak(rows, chunk):
        nonlocal most
        most = 0
        positives = positives_of(PHOTOS[:rows], CAPTIONS[:rows])

        def loss_of_rows(images, texts):
            return Objective()(images, texts, model.log_scale, model.bias, positives)

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda kept: kept.kept):
            cached_step(model, lowered[:rows], ids[:rows], loss_of_rows, chunk)
        return most

    small, great = peak(1, 0), peak(7, 0)
    assert peak(7, 1) < 1.2 * small < great


def test_every_weight_learns_under_autocast():
    # Autocast remembers casts of weights; those made without gradient would stop it here.
    one, other = made(), made()
    lowered, ids = batch()
    with torch.autocast("cpu", torch.bfloat16):
        loss = cached_step(one, lowered, ids, loss_with(one, Objective()), 3)
        rows = other(lowered, ids)
    expected = loss_with(other, Objective())(*rows)
    expected.backward()
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(expected.item(), rel=1e-3)
    found, wanted = gradients(one), gradients(other)
    assert found.keys() == wanted.keys()
    for name, slope in wanted.items():
        assert torch.linalg.norm(found[name] - slope) <= 0.02 * torch.linalg.norm(slope), name


@pytest.mark.parametrize("chunk", [0, 3])
def test_backward_passes_leave_autocast(chunk):
    model, inside = made(), []
    lowered, ids = batch()

    def note(_):
        inside.append(torch.is_autocast_enabled("cpu"))

    def loss_of_rows(images, texts):
        seen = images * 1
        seen.register_hook(note)
        return loss_with(model, Objective())(seen, texts)

    model.words.weight.register_hook(note)

    with torch.autocast("cpu", torch.bfloat16):
        cached_step(model, lowered, ids, loss_of_rows, chunk)
    assert len(inside) >= 2
    assert not any(inside)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU of NVIDIA")
def test_dropout_draws_the_same_twice_on_cuda():
    one, other = made(dropout=0.5).cuda(), made(dropout=0.5).cuda()
    lowered, ids = (part.cuda() for part in batch())
    positives = positives_of(PHOTOS, CAPTIONS).cuda()

    def loss_of(model):
        return lambda *rows: Objective()(*rows, model.log_scale, model.bias, positives)

    torch.manual_seed(7)
    cached_step(one, lowered, ids, loss_of(one), 2)
    torch.manual_seed(7)
    chunks_at_once(other, lowered, ids, loss_of(other), 2)
    found = gradients(one)
    for name, slope in gradients(other).items():
        assert torch.allclose(found[name], slope, atol=1e-5), name
