"""Rows of all processes of a data-parallel run, so that each sees the whole batch.

Every process computes the same loss L of the whole batch. Going backward, `gathered` sums the
gradients of the W processes at each row, which gives W dL/drow there, and the weights of a process
get W times the share of L's gradient that flows through its own rows. DistributedDataParallel
averages over processes: the W cancels, and the shares add up to the gradient of L. A parameter that
L reads directly, such as the temperature, has the whole gradient in every process, and the average
of W equal numbers is that number. Nothing is to be rescaled.
"""

from typing import Any

import torch
from torch import Tensor, distributed
from torch.autograd.function import once_differentiable

from embedstore.errors import Invalid


def gathered(*rows: Tensor) -> tuple[Tensor, ...]:
    """Concatenate the rows of all processes, in the order of their ranks.

    Args:
        rows: Tensors `(n, ...)`, with the same n in every process: features, and the ids of
            photos and captions, which must mean the same in every process.

    Returns:
        For each a tensor `(processes * n, ...)`, through which gradients flow to every process;
        the tensors themselves where the process is alone.

    Raises:
        Invalid: The processes have different numbers of rows.
    """
    if not (distributed.is_available() and distributed.is_initialized()):
        return rows
    _check_equal(len(rows[0]), rows[0].device)
    return tuple(_AllGather.apply(part) for part in rows)  # type: ignore[no-untyped-call]


def _check_equal(count: int, device: torch.device) -> None:
    mine = torch.tensor([count], device=device)
    counts = [torch.empty_like(mine) for _ in range(distributed.get_world_size())]
    distributed.all_gather(counts, mine)
    found = [int(one) for one in torch.cat(counts).tolist()]
    if len(set(found)) > 1:
        raise Invalid(
            f"the processes have batches of {', '.join(map(str, found))} rows; each needs the "
            "same number: drop the last, smaller batch, or choose a batch that they divide"
        )


class _AllGather(torch.autograd.Function):
    # torch.distributed.nn.functional.all_gather is deprecated, and its successor is a private
    # module whose names differ between the versions of torch that are supported.

    @staticmethod
    def forward(_: Any, rows: Tensor) -> Tensor:
        parts = [torch.empty_like(rows) for _ in range(distributed.get_world_size())]
        distributed.all_gather(parts, rows.contiguous())
        return torch.cat(parts)  # (processes * n, ...)

    @staticmethod
    @once_differentiable
    def backward(_: Any, gradient: Tensor) -> Tensor:
        total = gradient.contiguous().clone()  # autograd may still need what it passed
        distributed.all_reduce(total)
        return total.chunk(distributed.get_world_size())[distributed.get_rank()]  # (n, ...)
