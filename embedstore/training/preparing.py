"""What a run needs before its first step."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from embedstore.encoders.folder import ENCODER, REFUSED, REPORT
from embedstore.errors import Conflict
from embedstore.training import resuming
from embedstore.training.batches import Batches
from embedstore.training.disk import unwritable
from embedstore.training.dual import Dual
from embedstore.training.kept_views import KeptViews
from embedstore.training.pairs import Photo
from embedstore.training.precision import Precision
from embedstore.training.processes import Team
from embedstore.training.recipe import Recipe
from embedstore.training.teacher import Teacher, chosen_teacher
from embedstore.training.unreadable import Unreadable

RECIPE = "recipe.json"
_LOCK = "run.lock"


@contextmanager
def run_folder(run: Path, resume: bool) -> Iterator[None]:
    """Make a run's folder, clear it where the run starts over, and keep others out of it.

    Args:
        run: Its path.
        resume: Whether what an earlier run left there stays.

    Raises:
        Conflict: Another process trains there, or the folder belongs to something else.
        StorageFull: It cannot be written.
    """
    lock = FileLock(run / _LOCK)
    if run.exists() and not run.is_dir():
        raise Conflict(
            f"{run} is a file; expected a new folder, or that of a run; give another --out"
        )
    try:
        run.mkdir(parents=True, exist_ok=True)
        _check_own(run)
        lock.acquire(timeout=0)
        if not resume:
            for name in (resuming.FOLDER, ENCODER, REFUSED):
                if (run / name).exists():
                    shutil.rmtree(run / name)
            (run / REPORT).unlink(missing_ok=True)
    except Timeout as error:
        raise Conflict(
            f"another process trains in {run}; expected one at a time; wait for its end or stop "
            "it, or give another --out"
        ) from error
    except OSError as error:
        raise unwritable("the run", run, 1 << 20, error) from error
    try:
        yield
    finally:
        lock.release()


def _check_own(run: Path) -> None:
    found = sorted(path.name for path in run.iterdir() if path.name != _LOCK)
    if found and not (run / RECIPE).exists():
        raise Conflict(
            f"{run} holds {', '.join(found[:3])}{', ...' * (len(found) > 3)} and no {RECIPE}, so "
            "no run made it; expected a new folder, or that of a run; give another --out"
        )


def tune(dual: Dual, recipe: Recipe) -> None:
    """Choose what learns, as a settled recipe says.

    Raises:
        Invalid: The model cannot.
    """
    dual.tune(recipe.tune or "full", recipe.rank)
    dual.bias.requires_grad_(recipe.objective.loss == "sigmoid")
    if recipe.checkpointing:
        dual.checkpointing(True)


def lessons(
    photos: tuple[Photo, ...],
    dual: Dual,
    recipe: Recipe,
    precision: Precision,
    mates: Team,
    teacher: str | None,
) -> tuple[Batches, Teacher | None]:
    """Give the batches, from kept views where that saves work, and the vectors of a teacher.

    Raises:
        Invalid: Photos, batch or teacher cannot be learnt from.
        Unavailable: The views do not fit into memory.
    """
    unreadable = Unreadable(len(photos))
    encoder = chosen_teacher(teacher, recipe.objective, dual, mates.device)
    views = None
    if dual.keeps_lower and recipe.views:
        views = KeptViews(photos, recipe.views, recipe.augment, recipe.seed)
        views.fill(dual, precision, unreadable)
    batches = Batches(photos, dual, recipe, mates, unreadable, views)
    if encoder is None:
        return batches, None
    return batches, Teacher(encoder, photos, batches.texts, unreadable)
