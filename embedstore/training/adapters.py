"""Low-rank adapters: a small learnt change beside each weight matrix that stays as it is.

Hu et al., LoRA, https://arxiv.org/abs/2106.09685.
"""

import math

from torch import Tensor, nn
from torch.nn.utils import parametrize

from embedstore.errors import Invalid


class LowRank(nn.Module):
    """Adds a product of two thin matrices to a weight; it starts at zero."""

    def __init__(self, weight: Tensor, rank: int) -> None:
        super().__init__()
        outputs, inputs = weight.shape[:2]
        rank = min(rank, outputs, inputs)
        self.down = nn.Parameter(weight.new_empty(rank, inputs))
        self.up = nn.Parameter(weight.new_zeros(outputs, rank))
        nn.init.kaiming_uniform_(self.down, a=math.sqrt(5))

    def forward(self, weight: Tensor) -> Tensor:
        """Map a weight `(outputs, inputs, ...)` to its adapted form, of the same shape."""
        return weight + (self.up @ self.down).view_as(weight)


def install(model: nn.Module, rank: int) -> None:
    """Put an adapter on every linear map, attention and 1x1 convolution; only they learn.

    Args:
        model: Changed in place.
        rank: Inner dimension of the adapters; less where a weight is thinner.

    Raises:
        Invalid: The rank is not positive.
    """
    if rank < 1:
        raise Invalid(f"adapters of rank {rank}; expected 1 or more, such as 8")
    model.requires_grad_(False)
    for module in list(model.modules()):
        name = _adaptable(module)
        if name is not None:
            weight = getattr(module, name)
            parametrize.register_parametrization(module, name, LowRank(weight, rank))
            module.parametrizations[name].original.requires_grad_(False)  # type: ignore[index, union-attr]


def merge(model: nn.Module) -> None:
    """Write the adapters into the weights and take them off, in place."""
    for module in list(model.modules()):
        if parametrize.is_parametrized(module):
            names = list(module.parametrizations)  # type: ignore[arg-type]
            merged = {name: getattr(module, name).detach() for name in names}
            # Not torch's own way back: it spoils the class, which copies of the module share.
            del module.parametrizations
            module.__class__ = type(module).__bases__[0]
            for name, weight in merged.items():
                module.register_parameter(name, nn.Parameter(weight))


def merged_state(model: nn.Module) -> dict[str, Tensor]:
    """Give the state of the model as it would be without adapters; the model keeps them."""
    state = {
        name: tensor
        for name, tensor in model.state_dict().items()
        if ".parametrizations." not in f".{name}"
    }
    for path, module in model.named_modules():
        if parametrize.is_parametrized(module):
            for name in module.parametrizations:
                state[f"{path}.{name}" if path else name] = getattr(module, name).detach()
    return state


def is_basis(name: str) -> bool:
    """Say whether a weight of that name is the factor of an adapter that does not start at zero."""
    return ".parametrizations." in f".{name}" and name.endswith(".down")


def _adaptable(module: nn.Module) -> str | None:
    if isinstance(module, nn.MultiheadAttention) and module.in_proj_weight is not None:
        return "in_proj_weight"
    if isinstance(module, nn.Linear):  # that of an attention's way out among them
        return "weight"
    if isinstance(module, nn.Conv2d) and module.kernel_size == (1, 1) and module.groups == 1:
        return "weight"
    return None
