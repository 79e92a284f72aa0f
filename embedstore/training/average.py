"""The running average of the weights, which does better than the last ones.

Polyak and Juditsky, "Acceleration of stochastic approximation by averaging", 1992; the decay rises
with the steps as in TensorFlow's ExponentialMovingAverage, so that the start is soon forgotten.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

State = dict[str, Tensor]


def changing(model: nn.Module) -> State:
    """Give what training changes: weights that learn, and buffers; not copies of them.

    Only these differ from the start, so only these are averaged, mixed and kept in checkpoints.
    """
    learnt = {name for name, weight in model.named_parameters() if weight.requires_grad}
    buffers = {name for name, _ in model.named_buffers()}
    state = model.state_dict()
    return {name: state[name] for name in state if name in learnt or name in buffers}


def copied(state: Mapping[str, Tensor]) -> State:
    """Give a state that stays when the model goes on."""
    return {name: tensor.detach().clone() for name, tensor in state.items()}


@contextmanager
def standing_in(model: nn.Module, state: Mapping[str, Tensor]) -> Iterator[None]:
    """Give the model other weights inside the `with` block."""
    own = changing(model)
    before = copied(own)
    try:
        put(model, state)
        yield
    finally:
        put(model, before)


@torch.no_grad()
def put(model: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Copy a state into the model."""
    for name, tensor in changing(model).items():
        tensor.copy_(state[name])


class Average:
    """The running average of what training changes.

    Args:
        model: Where it starts; its weights are to be changed in place.
        most: Share that it keeps in a step, at most; (1 + n) / (10 + n) at step n where less.
    """

    def __init__(self, model: nn.Module, most: float) -> None:
        self._now = changing(model)
        self.state = copied(self._now)
        self._most = most
        floats = [name for name, tensor in self._now.items() if tensor.is_floating_point()]
        self._counts = [name for name in self._now if name not in floats]
        self._pairs = [self.state[name] for name in floats], [self._now[name] for name in floats]

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Move towards the model's weights after its step, counted from 0."""
        kept = min(self._most, (1 + step) / (10 + step))
        torch._foreach_lerp_(*self._pairs, 1.0 - kept)
        for name in self._counts:
            self.state[name].copy_(self._now[name])
