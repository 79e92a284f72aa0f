"""Train a dual encoder on photos with captions: `train` reads from top to bottom."""

import time
from collections.abc import Callable
from contextlib import ExitStack, nullcontext
from dataclasses import asdict
from pathlib import Path

import click
import torch
from torch.optim import AdamW

from embedstore.encoders.torch_encoder import weights_hash
from embedstore.training.average import Average, changing, copied, standing_in
from embedstore.training.batches import Batches
from embedstore.training.card import About, machine
from embedstore.training.ending import conclude
from embedstore.training.evaluate import Held, evaluate, mean_recall
from embedstore.training.gate import Report
from embedstore.training.init import start
from embedstore.training.learner import Learner
from embedstore.training.pairs import pairs_of
from embedstore.training.precision import Precision
from embedstore.training.preparing import (
    RECIPE,
    check_spared,
    clear,
    lessons,
    run_folder,
    tune,
)
from embedstore.training.processes import Team, team
from embedstore.training.recipe import Recipe
from embedstore.training.resuming import Course, Keeper, identity
from embedstore.training.run_log import RunLog
from embedstore.training.schedule import groups, rate
from embedstore.training.stopping import between_steps
from embedstore.training.weights_and_biases import package

DEFAULT = Recipe()


def train(
    pairs: Path | str,
    out: Path | str,
    init: str = "mini",
    recipe: Recipe = DEFAULT,
    *,
    val: Path | str | None = None,
    model: str | None = None,
    teacher: str | None = None,
    device: str = "auto",
    resume: bool = True,
    force: bool = False,
    wandb: bool = False,
    images: Path | None = None,
    terms: str | None = None,
) -> Report:
    """Train on pairs, and offer the result as an encoder if it is better than its start.

    Args:
        pairs: Any corpus with photos and captions.
        out: Folder of the run: recipe, checkpoints, log, report, and the encoder; one that all
            its processes see.
        init: What to start from, see `init.start`.
        recipe: Everything else that decides the result.
        val: Another corpus to measure on; None takes the split or a share of `pairs`.
        model: What `init="scratch"` builds.
        teacher: Name of an encoder to distil from, where the objective gives it a weight.
        device: As `encoders.load` takes it.
        resume: Go on from the run's last checkpoint where there is one; else start over, and
            delete encoder, checkpoints and report of the earlier run once all else is loaded.
        force: Offer the result even if it is no better than its start.
        wandb: Log to Weights & Biases too.
        images: Folder that the relative image names of pairs and `val` start from.
        terms: Under which terms the pairs may be used, a sentence for the model card.

    Raises:
        Invalid: Pairs, batch, teacher or recipe cannot be trained with.
        NotFinite: The loss is not; a checkpoint holds the steps before, and the same call with
            lower rates or another precision goes on there.
        Conflict: The folder holds a run with other settings or something else, another process
            trains there, or starting over would delete `init` or `teacher`.
        StorageFull: The folder cannot be written.
        MissingExtra: Weights & Biases is asked for and not installed.
        NotFound: As `pairs_of`, `init.start` and `encoders.load` raise it, and their others.
    """
    run = Path(out).expanduser().absolute()
    if not resume:
        check_spared(run, init=init, teacher=teacher)
    with team(device) as mates, ExitStack() as closing:
        if mates.leads:
            if wandb:
                package()
            closing.enter_context(run_folder(run))
        mates.wait()
        data = pairs_of(pairs, val, images, recipe.hold_out)
        torch.manual_seed(recipe.seed)
        dual = start(init, mates.device, model, recipe.dropout, recipe.image_dropout)
        weights = weights_hash(dual.state_dict())
        recipe = recipe.settled(dual)
        tune(dual, recipe)
        precision = Precision(mates.device, recipe.precision)
        batches, taught = lessons(data.train, dual, recipe, precision, mates, teacher)
        held = Held(data.val[: recipe.val_limit], dual, precision)

        optimizer = AdamW(groups(dual, recipe.top_rates, recipe.decay))
        learner = Learner(dual, optimizer, recipe, precision, mates, taught)
        average = Average(dual, recipe.ema)
        before = copied(changing(dual))
        names = {"init": init, "model": model, "teacher": teacher}
        seen = None if taught is None else taught.fingerprint
        own = identity(recipe, data, **names, init_weights=weights, teacher_weights=seen)
        keeper = Keeper(run, own, dual, average, optimizer, recipe.save_minutes)
        course = keeper.resumed() if resume else Course()
        if course.step:
            say(mates, "; ".join((f"going on after step {course.step}", *course.changes)))
        if not course.knows_start(len(held.photos)):  # as in checkpoints of an earlier version
            say(mates, f"measuring the start on {len(held.photos):,} photos")
            with standing_in(dual, before) if course.step else nullcontext():
                course.begins(evaluate(dual.encoder(mates.device), held.photos))
            say(mates, f"mean recall at the start {mean_recall(course.start):.3f}")
        told = None
        if mates.leads:
            if not resume:
                clear(run)
            recipe.write(run / RECIPE)
            steps, settings = recipe.steps(batches.per_epoch), {"init": init, **asdict(recipe)}
            told = closing.enter_context(RunLog(run, steps, wandb, course.step, settings))

        with between_steps() as asked_to_stop:
            learn(learner, average, batches, held, course, keeper, told, asked_to_stop)
        if course.over(recipe.patience):
            say(
                mates, f"stopped at step {course.step}: {course.stale} times no better (--patience)"
            )
        if mates.leads:
            where = machine(mates.device)
            spoken, folder = (None if one is None else str(one) for one in (val, images))
            about = About(
                init, str(pairs), str(run), where, 0, model, teacher, spoken, folder, terms
            )
            conclude(learner, held, course, before, data, about, force)
        mates.wait()
        return Report.read(run)


def say(mates: Team, line: str) -> None:
    """Tell once what takes a while before the progress bar starts."""
    if mates.leads:
        click.echo(line, err=True)


def learn(
    learner: Learner,
    average: Average,
    batches: Batches,
    held: Held,
    course: Course,
    keeper: Keeper,
    told: RunLog | None,
    asked_to_stop: Callable[[], bool],
) -> None:
    """Do the steps that are left.

    Args:
        learner: Does one.
        average: Of the weights, moved after each.
        batches: What is learnt in each.
        held: What is measured on.
        course: How far the run is, moved on.
        keeper: Writes checkpoints.
        told: Takes the figures, in the process that leads.
        asked_to_stop: Asked after each step.

    Raises:
        KeyboardInterrupt: Stopping was asked for; a checkpoint holds all steps.
        NotFinite: A loss or a vector is not.
        StorageFull: A checkpoint or the log cannot be written.
    """
    recipe, dual = learner.recipe, learner.dual
    steps, between = recipe.steps(batches.per_epoch), recipe.between(batches.per_epoch)
    end = course.step if course.over(recipe.patience) else steps
    began = time.monotonic()
    for parts in batches.run(course.step, end):
        share = rate(course.step, steps, recipe.warm_up)
        with keeper.finite(course.step + 1, None if told is None else course):
            figures = learner.step(course.step, share, parts)
        average.update(course.step)
        course.step += 1
        seconds = time.monotonic() - began
        seen = batches.batch * len(parts)
        course.seconds, course.photos = course.seconds + seconds, course.photos + seen
        if told is not None:
            told.step(course.step, **figures, images_per_second=seen / seconds)
        if course.step % between == 0 or course.step == steps:
            with keeper.finite(course.step), standing_in(dual, average.state):
                found = learner.mates.agreed(held.measure(dual).figures())
            course.judge(mean_recall(found), average.state)
            if told is not None:
                told.validation(course.step, course.step / batches.per_epoch, found)
        over = course.over(recipe.patience) or course.step == steps
        stopping = asked_to_stop()
        if told is not None and (over or stopping or keeper.due()):
            keeper.save(course)
        if stopping:
            raise KeyboardInterrupt
        if over:
            break
        began = time.monotonic()
