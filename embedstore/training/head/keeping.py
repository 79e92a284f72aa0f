"""A run's state into a checkpoint and back; the seed and the step decide all that is drawn."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn
from torch.optim import Optimizer

from embedstore.errors import Conflict
from embedstore.training import checkpoint
from embedstore.training.average import Average, State, changing
from embedstore.training.optimizer_state import optimizer_state, restore_optimizer
from embedstore.training.resuming import FOLDER, Course

_APART = ("step", "best")  # of a course: not among the numbers
_PREFIXES = ("model/", "average/", "best/")


class HeadKeeper:
    """Writes and takes up the checkpoints of a run.

    Args:
        run: Its folder.
        own: What it must have in common with the run that it goes on with, as JSON.
        head: That learns.
        average: Of its weights.
        optimizer: Over its weights.
        minutes: Between two checkpoints.
    """

    def __init__(
        self,
        run: Path,
        own: Mapping[str, Any],
        head: nn.Module,
        average: Average,
        optimizer: Optimizer,
        minutes: float,
    ) -> None:
        self._run, self._own, self._minutes = run, own, minutes
        self._head, self._average, self._optimizer = head, average, optimizer
        self._written = time.monotonic()

    def due(self) -> bool:
        """Say whether the last checkpoint is old enough for another."""
        return time.monotonic() - self._written >= 60 * self._minutes

    def save(self, course: Course) -> None:
        """Write a checkpoint of everything that a step changes.

        Raises:
            StorageFull: It cannot be written.
        """
        remembered, groups = optimizer_state(self._optimizer)
        states = (changing(self._head), self._average.state, course.best)
        tensors = dict(remembered)
        for prefix, state in zip(_PREFIXES, states, strict=True):
            tensors |= {prefix + name: one for name, one in state.items()}
        told = {name: value for name, value in vars(course).items() if name not in _APART}
        numbers = {"identity": dict(self._own), "course": told, "optimizer": groups}
        checkpoint.save(self._run / FOLDER, checkpoint.RunState(course.step, tensors, numbers))
        self._written = time.monotonic()

    def resumed(self) -> Course:
        """Take up the newest checkpoint, or start where there is none.

        Raises:
            Conflict: It is of a run with other settings or data.
            Corrupt: No checkpoint is whole.
        """
        state = checkpoint.latest(self._run / FOLDER)
        if state is None:
            return Course()
        theirs = state.numbers["identity"]
        for name, value in self._own.items():
            if theirs.get(name) != value:
                raise Conflict(
                    f"{self._run} holds a run with {name} {theirs.get(name)!r}, and this one has "
                    f"{value!r}; give the same settings to go on with it, another --out, or "
                    "--no-resume to start over"
                )
        model, average, best = (_those(prefix, state.tensors) for prefix in _PREFIXES)
        what = f"the checkpoint in {self._run}"
        checkpoint.fill(changing(self._head), model, what)
        checkpoint.fill(self._average.state, average, what)
        restore_optimizer(self._optimizer, state.tensors, state.numbers["optimizer"])
        return Course(step=state.step, best=best, **state.numbers["course"])


def _those(prefix: str, tensors: Mapping[str, Any]) -> State:
    return {
        name.removeprefix(prefix): one for name, one in tensors.items() if name.startswith(prefix)
    }
