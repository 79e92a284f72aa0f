"""What an optimizer remembers, as named tensors and JSON, which a checkpoint can keep."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor
from torch.optim import Optimizer

from embedstore.errors import Invalid

_PREFIX = "optimizer/"


def optimizer_state(optimizer: Optimizer) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Give the state of any torch optimizer.

    Returns:
        Tensors under `optimizer/PARAMETER/NAME`, and a JSON object with all that is no tensor.
    """
    whole = optimizer.state_dict()
    tensors: dict[str, Tensor] = {}
    scalars: dict[str, dict[str, Any]] = {}
    for number, values in whole["state"].items():
        for name, value in values.items():
            if isinstance(value, Tensor):
                tensors[f"{_PREFIX}{number}/{name}"] = value
            else:
                scalars.setdefault(str(number), {})[name] = value
    return tensors, {"groups": whole["param_groups"], "scalars": scalars}


def restore_optimizer(
    optimizer: Optimizer, tensors: Mapping[str, Tensor], numbers: Mapping[str, Any]
) -> None:
    """Give an optimizer back its state.

    Args:
        optimizer: Over the same parameters in the same groups.
        tensors: As `optimizer_state` gave them; others among them are left alone.
        numbers: Likewise.

    Raises:
        Invalid: The state is of an optimizer over other parameters.
    """
    state: dict[int, dict[str, Any]] = {
        int(number): dict(values) for number, values in numbers["scalars"].items()
    }
    for name, tensor in tensors.items():
        if name.startswith(_PREFIX):
            number, kind = name.removeprefix(_PREFIX).split("/", 1)
            state.setdefault(int(number), {})[kind] = tensor
    _check(optimizer, state)
    try:
        optimizer.load_state_dict({"state": state, "param_groups": list(numbers["groups"])})
    except ValueError as error:
        raise Invalid(f"the optimizer's state is of other parameters: {error}{_ADVICE}") from error


_ADVICE = "; give the --init and --tune that it was made with, or another --out"


def _check(optimizer: Optimizer, state: Mapping[int, Mapping[str, Any]]) -> None:
    shapes = [tuple(one.shape) for group in optimizer.param_groups for one in group["params"]]
    for number, values in state.items():
        wanted = shapes[number] if number < len(shapes) else None
        for name, value in values.items():
            found = tuple(value.shape) if isinstance(value, Tensor) and value.ndim else None
            if found is not None and found != wanted:
                raise Invalid(
                    f"the optimizer's {name} of parameter {number} has the shape {found}, "
                    f"expected {wanted}{_ADVICE}"
                )
