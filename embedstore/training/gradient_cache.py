"""Batches greater than memory: the loss sees all rows, the towers one chunk at a time.

Gao et al., Scaling Deep Contrastive Learning Batch Size under Memory Limited Setup,
https://arxiv.org/abs/2101.06983: embed all without keeping activations, take the loss's gradient at
the rows, then embed each chunk again and send its share of that gradient into the weights.

Each tower goes through its chunks by itself, the pictures' first: only one tower's activations are
held at a time, and the text tower's gradients not before its own.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

LossOfRows = Callable[[Tensor, Tensor], Tensor]
Prepare = Callable[[Tensor], Tensor]
Rows = tuple[Tensor | None, Tensor | None]
Piece = tuple[Tensor | None, Tensor | None]  # what one call of the model takes


def as_they_are(pictures: Tensor) -> Tensor:
    """Give pictures that need no preparation."""
    return pictures


def cached_step(
    model: nn.Module,
    pictures: Tensor,
    ids: Tensor,
    loss_of_rows: LossOfRows,
    chunk: int = 0,
    prepare: Prepare = as_they_are,
) -> Tensor:
    """Add the gradients of a batch's loss to `.grad`, in the memory that one chunk needs.

    They equal those of the whole batch where a row's vector depends on that row alone; batch norm
    in training takes its statistics from a chunk. Dropout draws the same in both passes, on the CPU
    and on CUDA. Call it under the caller's autocast; the loss and the backward passes leave it.

    Args:
        model: A `Dual`, or one inside DistributedDataParallel with `find_unused_parameters` off;
            inside its `no_sync` where the gradients of more batches are to be added.
        pictures: `(n, ...)`, such that `prepare` gives what `Dual.lower_images` does.
        ids: `(n, t)`, token ids.
        loss_of_rows: From unit rows `(n, d)` of pictures and of texts to a loss `()`. It may read
            parameters of the model, such as the temperature, and gather rows of other processes.
        chunk: Pairs at a time; 0, or n and more, for all at once.
        prepare: Called on the pictures of a chunk in each pass, so that those of the whole batch
            may stay small, such as pixels of one byte.

    Returns:
        `()`, the loss, detached.
    """
    if chunk <= 0 or chunk >= len(ids):
        images, texts = model(prepare(pictures), ids)  # (n, d), (n, d)
        with _exact(pictures):
            loss = loss_of_rows(images, texts)
            loss.backward()  # type: ignore[no-untyped-call]
        return loss.detach()
    pieces = _pieces(model, pictures, ids, chunk)
    images, texts, draws = _embedded(model, pieces, prepare)  # (n, d), (n, d)
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    with _exact(pictures):
        loss = loss_of_rows(images, texts)
        # backward() would reach the temperature before the pass that other processes wait for.
        slopes = torch.autograd.grad(loss, [images, texts, *weights], allow_unused=True)
    # What the loss read directly; its slope makes a term with that gradient in the last pass.
    direct = [(w, s) for w, s in zip(weights, slopes[2:], strict=True) if s is not None]
    shares = [iter(torch.split(slope, chunk)) for slope in slopes[:2]]
    for place, (piece, draw) in enumerate(zip(pieces, draws, strict=True)):
        last = place == len(pieces) - 1
        with nullcontext() if last else _unshared(model):
            with _repeated(draw, pictures.device):
                rows = _rows(model, piece, prepare)  # (c, d), (c, d), or None
            sloped = [(of, next(by)) for of, by in zip(rows, shares, strict=True) if of is not None]
            _send([*sloped, *(direct if last else ())])
            del rows, sloped  # before the next piece, not after it
    return loss.detach()


def _pieces(model: nn.Module, pictures: Tensor, ids: Tensor, chunk: int) -> list[Piece]:
    shown, read = torch.split(pictures, chunk), torch.split(ids, chunk)
    if isinstance(model, DistributedDataParallel):  # it waits for all weights in the last pass
        return list(zip(shown, read, strict=True))
    return [*((one, None) for one in shown), *((None, one) for one in read)]


def _rows(model: nn.Module, piece: Piece, prepare: Prepare) -> Rows:
    pictures, ids = piece
    rows: Rows = model(None if pictures is None else prepare(pictures), ids)
    return rows


def _embedded(
    model: nn.Module, pieces: list[Piece], prepare: Prepare
) -> tuple[Tensor, Tensor, list[list[Tensor]]]:
    made, draws = [], []
    with torch.no_grad():
        for piece in pieces:
            draws.append(_random_state(next(one.device for one in piece if one is not None)))
            made.append(_rows(model, piece, prepare))
    # Autocast of older torch keeps weights as cast without gradient, and then they would not learn.
    torch.clear_autocast_cache()
    images, texts = (
        torch.cat([one for one in rows if one is not None]).requires_grad_()
        for rows in zip(*made, strict=True)
    )
    return images, texts, draws


def _send(sloped: list[tuple[Tensor, Tensor]]) -> None:
    with _exact(sloped[0][0]):
        # Rows of a tower that stays as it is have no gradient to send.
        terms = [(value * slope).sum() for value, slope in sloped if value.requires_grad]
        if terms:
            torch.stack(terms).sum().backward()  # type: ignore[no-untyped-call]


def _exact(like: Tensor) -> AbstractContextManager[object]:
    # Autocast is for forward passes: open, it would round the products of the backward pass.
    return torch.autocast(like.device.type, enabled=False)


def _unshared(model: nn.Module) -> AbstractContextManager[object]:
    # Gradients of all chunks are added first and averaged over processes once.
    return model.no_sync() if isinstance(model, DistributedDataParallel) else nullcontext()


def _random_state(device: torch.device) -> list[Tensor]:
    state = [torch.get_rng_state()]
    return [*state, torch.cuda.get_rng_state(device)] if device.type == "cuda" else state


@contextmanager
def _repeated(draw: list[Tensor], device: torch.device) -> Iterator[None]:
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.set_rng_state(draw[0])
        if device.type == "cuda":
            torch.cuda.set_rng_state(draw[1], device)
        yield
