"""The processes of a run: one, or those that `torchrun` started."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

from embedstore.encoders.devices import choose
from embedstore.errors import Invalid, Unavailable

Figures = dict[str, float]


@dataclass(frozen=True)
class Team:
    """This process among those that train together.

    Attributes:
        device: Where it computes.
        rank: Its number; 0 writes what is written.
        count: Of processes.
    """

    device: torch.device
    rank: int = 0
    count: int = 1

    @property
    def leads(self) -> bool:
        """Whether this process writes."""
        return self.rank == 0

    def parallel(self, model: nn.Module) -> nn.Module:
        """Give what averages gradients over processes; the model itself where it is alone."""
        if self.count == 1:
            return model
        own = [self.device] if self.device.type == "cuda" else None
        return DistributedDataParallel(model, device_ids=own)

    def agreed(self, figures: Figures) -> Figures:
        """Give the figures of the process that leads; by its own, each could decide otherwise."""
        told = [figures]
        if self.count > 1:
            distributed.broadcast_object_list(told, src=0)
        return told[0]

    def wait(self) -> None:
        """Wait for the other processes."""
        if self.count > 1:
            distributed.barrier()


@contextmanager
def team(device: str) -> Iterator[Team]:
    """Join the processes that `torchrun` names in the environment, until the block ends.

    Args:
        device: As `encoders.devices.choose` takes it; with several GPUs each process has its own.

    Raises:
        Invalid: The environment has no numbers where `torchrun` puts them.
        NoDevice: The device is not there.
        Unavailable: The processes do not find each other.
    """
    rank, count = _place()
    where = choose(device)
    if count == 1:
        yield Team(where)
        return
    if where.type == "cuda":
        where = torch.device("cuda", _number("LOCAL_RANK", 0))
        torch.cuda.set_device(where)
    try:
        distributed.init_process_group("nccl" if where.type == "cuda" else "gloo")
    except (RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise Unavailable(
            f"process {rank} of {count} does not find the others ({reason}); start them with "
            "torchrun, or unset WORLD_SIZE to train in one process"
        ) from error
    try:
        yield Team(where, rank, count)
    finally:
        distributed.destroy_process_group()


def leads() -> bool:
    """Say whether this process is the one that tells of the run, also after its end."""
    return _place()[0] == 0


def _place() -> tuple[int, int]:
    """Give the number of this process and their count, as `torchrun` tells them."""
    count = _number("WORLD_SIZE", 1)
    return (_number("RANK", 0) if count > 1 else 0), count


def _number(name: str, usual: int) -> int:
    told = os.environ.get(name, str(usual))
    try:
        return int(told)
    except ValueError:
        raise Invalid(
            f"the environment has {name}={told!r}; expected a whole number, as torchrun sets it; "
            "start the processes with torchrun, or unset WORLD_SIZE to train in one"
        ) from None
