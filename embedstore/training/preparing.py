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
_CLEARED = (resuming.FOLDER, ENCODER, REFUSED)


@contextmanager
def run_folder(run: Path) -> Iterator[None]:
    """Make a run's folder and keep others out of it.

    Args:
        run: Its path.

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


def clear(run: Path) -> None:
    """Remove encoder, checkpoints and report of an earlier run, for this one starts over.

    To be called when all that the new run needs has been loaded: a mistyped path must not cost
    what the earlier one learnt.

    Raises:
        StorageFull: They cannot be removed.
    """
    try:
        for name in _CLEARED:
            if (run / name).exists():
                shutil.rmtree(run / name)
        (run / REPORT).unlink(missing_ok=True)
    except OSError as error:
        raise unwritable("the run", run, 1 << 20, error) from error


def check_spared(run: Path, **names: Path | str | None) -> None:
    """Refuse to start over where `clear` would remove what the run starts from.

    Args:
        run: The run's folder.
        names: Of encoders, by the option that named them.

    Raises:
        Conflict: One lies in what would be removed.
    """
    cleared = [(run / name).resolve() for name in _CLEARED]
    for option, name in names.items():
        kind, _, rest = str(name).partition(":")
        own = {"local-dir": rest, "openclip": rest.partition("/")[2]}.get(kind, str(name))
        place = Path(own).expanduser().resolve()
        for found in (place, place / ENCODER):  # a run's folder stands for the encoder in it
            if any(found.is_relative_to(gone) for gone in cleared):
                raise Conflict(
                    f"--{option} {name} lies in {run}, where --no-resume deletes it; expected one "
                    "that stays; give another --out, or copy it elsewhere first"
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
