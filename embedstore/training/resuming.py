"""A run's state into a checkpoint and back."""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from torch import nn
from torch.optim import Optimizer

from embedstore.errors import Conflict, NotFinite
from embedstore.training import checkpoint
from embedstore.training.average import Average, State, changing, copied
from embedstore.training.disk import unwritable
from embedstore.training.evaluate import Retrieval
from embedstore.training.optimizer_state import optimizer_state, restore_optimizer
from embedstore.training.pairs import Pairs
from embedstore.training.recipe import Recipe
from embedstore.training.schedule import TOP
from embedstore.types import digest

FOLDER = "checkpoints"
_FREE = ("save_minutes", "wise")  # may differ in a resumed run
_MENDING = ("rates", "precision")  # may differ after a loss that was no number
_STUCK = "not-finite"  # beside the checkpoints, which remove it when there is another
_PHOTOS = "photos"  # their digest
_TOLD = {  # what differs where digests do, which tell nobody anything
    _PHOTOS: "other photos or captions than the pairs have now",
    "init_weights": "other weights at its start than --init has now",
    "teacher_weights": "another teacher than --teacher has now",
}
_WEIGHTS = ("init_weights", "teacher_weights")
_APART = ("step", "best")  # of a course: not among the numbers
_MODEL, _AVERAGE, _BEST = "model/", "average/", "best/"


@dataclass
class Course:
    """How far a run is.

    Attributes:
        step: Steps that are done.
        start: recall@k before the first, by name.
        ranks: What they come from, by direction.
        best: The average weights with the best recall so far.
        best_recall: Their mean recall.
        stale: Measurements since then.
        photos: Seen in steps, each as often as it was.
        seconds: Spent on steps.
        changes: Of the recipe, each after a loss that was no number, for people.
    """

    step: int = 0
    start: dict[str, float] = field(default_factory=dict)
    ranks: dict[str, list[int]] = field(default_factory=dict)
    best: State = field(default_factory=dict)
    best_recall: float = -1.0
    stale: int = 0
    photos: int = 0
    seconds: float = 0.0
    changes: list[str] = field(default_factory=list)

    def begins(self, start: Retrieval) -> None:
        """Remember what the start reaches."""
        self.start, self.ranks = start.figures(), start.ranks()

    def knows_start(self, photos: int) -> bool:
        """Say whether the start was measured on so many; one of them may not decode any more."""
        return len(self.ranks.get("image_to_text", ())) == photos

    def judge(self, recall: float, state: State) -> None:
        """Remember a state if it is the best so far.

        Args:
            recall: Mean recall of the state.
            state: The average weights.
        """
        self.stale += 1
        if recall > self.best_recall:
            self.best, self.best_recall, self.stale = copied(state), recall, 0

    def over(self, patience: int) -> bool:
        """Say whether recall has not risen for long enough; never where patience is 0."""
        return 0 < patience <= self.stale


def identity(recipe: Recipe, pairs: Pairs, **start: str | None) -> dict[str, Any]:
    """Give what a run must have in common with the one that it resumes, as JSON.

    Args:
        recipe: Settled.
        pairs: To learn from and to measure on.
        start: What it starts from: names, and as `init_weights` and `teacher_weights` the digests
            of what the names stand for.
    """
    settings = {name: value for name, value in asdict(recipe).items() if name not in _FREE}
    return dict(json.loads(json.dumps({**start, **settings, _PHOTOS: _photos(pairs)})))


class Keeper:
    """Writes and takes up the checkpoints of a run.

    No state of random numbers is in them: the seed and the step decide all of them.

    Args:
        run: The run's folder.
        own: What tells it from other runs, see `identity`.
        model: That learns.
        average: Of its weights.
        optimizer: Over its weights.
        minutes: Between two checkpoints.
    """

    def __init__(
        self,
        run: Path,
        own: Mapping[str, Any],
        model: nn.Module,
        average: Average,
        optimizer: Optimizer,
        minutes: float,
    ) -> None:
        self._run, self._own, self._minutes = run, own, minutes
        self._model, self._average, self._optimizer = model, average, optimizer
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
        tensors = {
            **_named(_MODEL, changing(self._model)),
            **_named(_AVERAGE, self._average.state),
            **_named(_BEST, course.best),
            **remembered,
        }
        told = {name: value for name, value in vars(course).items() if name not in _APART}
        numbers = {"identity": dict(self._own), "course": told, "optimizer": groups}
        checkpoint.save(self._run / FOLDER, checkpoint.RunState(course.step, tensors, numbers))
        self._written = time.monotonic()

    @contextmanager
    def finite(self, step: int, course: Course | None = None) -> Iterator[None]:
        """Let a run whose numbers are not finite inside of the `with` block go on otherwise.

        Args:
            step: Which is done there, from 1.
            course: How far the run is, where its weights are whole there and this process writes.

        Raises:
            NotFinite: As the block raised it, with the step, what to do, and where that goes on.
        """
        try:
            yield
        except NotFinite as error:
            if course is not None:
                self.save(course)
            kept = checkpoint.newest_step(self._run / FOLDER)
            if kept is not None:
                self._mark()
            where = f"goes on after step {kept}, which is kept" if kept else "begins anew"
            raise NotFinite(
                f"step {step}: {error}; give the same line, without --no-resume, with a lower --lr "
                f"or with --precision float32, and the run {where}"
            ) from error

    def _mark(self) -> None:
        try:
            (self._run / FOLDER / _STUCK).touch()
        except OSError as error:
            raise unwritable("a note", self._run / FOLDER, 0, error) from error

    def resumed(self) -> Course:
        """Take up the newest checkpoint, or start where there is none.

        Raises:
            Conflict: It is of a run with other settings or data, or with a start or a teacher
                that has other weights now.
            Invalid: It is of another architecture.
            Corrupt: No checkpoint is whole.
        """
        state = checkpoint.latest(self._run / FOLDER)
        if state is None:
            return Course()
        theirs, own = state.numbers["identity"], self._own
        free = _MENDING if (self._run / FOLDER / _STUCK).exists() else ()
        apart = (*_WEIGHTS, *free)
        _check_same(self._run, theirs, {name: own[name] for name in own if name not in apart})
        what = f"the checkpoint in {self._run}"
        checkpoint.fill(changing(self._model), _those(_MODEL, state.tensors), what)
        checkpoint.fill(self._average.state, _those(_AVERAGE, state.tensors), what)
        # Now, for another architecture has other weights too and is told more exactly above. A
        # checkpoint of an earlier version says nothing of them.
        weights = [name for name in _WEIGHTS if name in own and name in theirs]
        _check_same(self._run, theirs, {name: own[name] for name in weights})
        tops = [group.get(TOP) for group in self._optimizer.param_groups]
        restore_optimizer(self._optimizer, state.tensors, state.numbers["optimizer"])
        for group, top in zip(self._optimizer.param_groups, tops, strict=True):
            group[TOP] = top  # lower now, where an earlier one was too high
        where = next(self._model.parameters()).device
        best = {name: one.to(where) for name, one in _those(_BEST, state.tensors).items()}
        course = Course(step=state.step, best=best, **state.numbers["course"])
        if state.step:
            course.changes += [
                f"after step {state.step} {name} {own[name]!r} in place of {theirs[name]!r}"
                for name in free
                if own[name] != theirs[name]
            ]
        return course


def _check_same(run: Path, theirs: Mapping[str, Any], own: Mapping[str, Any]) -> None:
    for name, value in own.items():
        if theirs.get(name) != value:
            told = f"{name} {theirs.get(name)!r}, and this one has {value!r}"
            raise Conflict(
                f"{run} holds a run with {_TOLD.get(name, told)}; give the same again to go on "
                "with it, another --out, or --no-resume to start over"
            )


def _photos(pairs: Pairs) -> str:
    def told(photos: Sequence[Any]) -> list[Any]:
        return [[photo.key, *photo.captions] for photo in photos]

    return digest([told(pairs.train), told(pairs.val)])


def _named(prefix: str, state: State) -> State:
    return {prefix + name: tensor for name, tensor in state.items()}


def _those(prefix: str, tensors: Mapping[str, Any]) -> State:
    return {
        name.removeprefix(prefix): one for name, one in tensors.items() if name.startswith(prefix)
    }
