"""What a run needs before its first step."""

import shutil
from pathlib import Path

from embedstore.encoders.folder import ENCODER, REFUSED, REPORT
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


def prepare_folder(run: Path, resume: bool) -> None:
    """Make a run's folder, see that it takes files, and clear it where the run starts over.

    Raises:
        StorageFull: It cannot be written.
    """
    try:
        run.mkdir(parents=True, exist_ok=True)
        if not resume:
            for name in (resuming.FOLDER, ENCODER, REFUSED):
                shutil.rmtree(run / name, ignore_errors=True)
            (run / REPORT).unlink(missing_ok=True)
        probe = run / ".writable"
        probe.write_text("")
        probe.unlink()
    except OSError as error:
        raise unwritable("the run", run, 1 << 20, error) from error


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
