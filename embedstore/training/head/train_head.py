"""Train a head on captions and questions with neighbours: `train_head` reads from top to bottom."""

import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import click
import torch
from torch import Tensor
from torch.optim import AdamW

from embedstore import encoders
from embedstore.answering.head.folder import Stored, read
from embedstore.answering.head.model import Head
from embedstore.encoders.torch_encoder import weights_hash
from embedstore.errors import Invalid
from embedstore.training.average import Average, put, standing_in
from embedstore.training.card import machine
from embedstore.training.disk import unwritable
from embedstore.training.head.ending import HeadReport, Told, conclude
from embedstore.training.head.exam import measured, worth
from embedstore.training.head.lessons import batch_of, step_of
from embedstore.training.head.loss import loss
from embedstore.training.head.preparing import ANSWERS, CAPTIONS, Task, prepared
from embedstore.training.head.recipe import HeadRecipe
from embedstore.training.head.reward import reward_loss
from embedstore.training.pairs import pairs_of
from embedstore.training.precision import Precision
from embedstore.training.preparing import RECIPE, check_spared, clear, run_folder
from embedstore.training.resuming import Course, Keeper
from embedstore.training.run_log import RunLog
from embedstore.training.schedule import rate, set_rate
from embedstore.training.stopping import between_steps
from embedstore.types import digest

DEFAULT = HeadRecipe()
_CPU = torch.device("cpu")


def train_head(
    pairs: Path | str,
    out: Path | str,
    encoder: str = "mini",
    recipe: HeadRecipe = DEFAULT,
    *,
    qa: Path | None = None,
    init: Path | None = None,
    val: Path | str | None = None,
    images: Path | None = None,
    terms: str | None = None,
    resume: bool = True,
    force: bool = False,
) -> HeadReport:
    """Train on captions and questions, and offer the head if it beats what needs no training.

    Args:
        pairs: Any corpus with photos and captions.
        out: Folder of the run: recipe, vectors, checkpoints, log, report, card, and the head.
        encoder: As `encoders.load` takes it; it stays as it is.
        recipe: Everything else that decides the result.
        qa: Lines of JSON with image, question and answers.
        init: Folder of a head to start from; its vocabulary and architecture are taken.
        val: Another corpus to measure on; None takes the split or a share of `pairs`.
        images: Folder that the relative image names of pairs and `val` start from.
        terms: Under which terms the data may be used, a sentence for the model card.
        resume: Go on from the run's last checkpoint where there is one; else delete it, start over.
        force: Offer the head even if it is no better than its rivals.

    Raises:
        NotFound: No such data or encoder.
        Invalid: They cannot be trained with, or the loss is not finite.
        Conflict: The folder holds another run, is in use, or `init` would be deleted in it.
        StorageFull: The folder cannot be written.
    """
    run = Path(out).expanduser().absolute()
    if not resume:
        check_spared(run, init=init, encoder=encoder)
    with run_folder(run):
        if not (run / RECIPE).exists():  # the mark of a run; another's is kept until it fits
            note(run, recipe)
        data = pairs_of(pairs, val, images)
        model = encoders.load(encoder, "cpu")
        click.echo(f"encoding {len(data.train) + len(data.val):,} pictures", err=True)
        begun = None if init is None else read(init)
        task = prepared(data, qa, model, recipe, run, begun)
        torch.manual_seed(recipe.seed)
        head = Head(task.config)
        if begun is not None:
            head.load_state_dict(begun.head.state_dict())
        stored = Stored(head, task.vocabulary, CAPTIONS, ANSWERS, model.space.fingerprint)
        optimizer = AdamW(groups(head, recipe), betas=(0.9, 0.98))
        average = Average(head, recipe.ema)
        own = {
            "recipe": {name: one for name, one in asdict(recipe).items() if name != "save_minutes"},
            "space": model.space.fingerprint,
            "data": digest([[photo.key, *photo.captions] for photo in data.train]),
            "questions": task.learnt,
            "init": None if init is None else str(init),
            "init_weights": None if begun is None else fingerprint(begun),
        }
        keeper = Keeper(run, own, head, average, optimizer, recipe.save_minutes)
        course = keeper.resumed() if resume else Course()
        if not resume:
            clear(run)
        note(run, recipe)
        steps = recipe.steps(len(data.train))
        with RunLog(run, steps, False, course.step) as told, between_steps() as asked_to_stop:
            learn(stored, optimizer, average, task, recipe, course, keeper, told, asked_to_stop)
        put(head, course.best)
        head.eval()
        name = None if qa is None else qa.name
        about = Told(Path(pairs).name, name, encoder, data.rule, terms, machine(_CPU))
        counts = len(data.train), task.learnt, course.step, course.seconds
        return conclude(run, stored, task.exam, counts, about, recipe, force)


def fingerprint(stored: Stored) -> str:
    """Give a digest of a head's weights and vocabulary."""
    return digest([weights_hash(stored.head.state_dict()), stored.vocabulary.to_json()])


def note(run: Path, recipe: HeadRecipe) -> None:
    """Write the recipe into the run's folder.

    Raises:
        StorageFull: It cannot be written.
    """
    try:
        (run / RECIPE).write_text(json.dumps(asdict(recipe), indent=2) + "\n", "utf-8")
    except OSError as error:
        raise unwritable("the recipe", run, 1 << 12, error) from error


def groups(head: Head, recipe: HeadRecipe) -> list[dict[str, object]]:
    """Give matrices their weight decay; offsets and scales belong where they are."""
    return [
        {
            "params": [weight for weight in head.parameters() if (weight.ndim > 1) is matrices],
            "lr": recipe.rate,
            "top": recipe.rate,
            "weight_decay": recipe.decay if matrices else 0.0,
        }
        for matrices in (True, False)
    ]


def learn(
    stored: Stored,
    optimizer: AdamW,
    average: Average,
    task: Task,
    recipe: HeadRecipe,
    course: Course,
    keeper: Keeper,
    told: RunLog,
    asked_to_stop: Callable[[], bool],
) -> None:
    """Do the steps that are left.

    Args:
        stored: The head that learns, with what it takes to ask it.
        optimizer: Over its weights.
        average: Of its weights, moved after each step.
        task: What is learnt and measured.
        recipe: How.
        course: How far the run is, moved on.
        keeper: Writes checkpoints.
        told: Takes the figures.
        asked_to_stop: Asked after each step.

    Raises:
        KeyboardInterrupt: Stopping was asked for; a checkpoint holds all steps.
        Invalid: A loss is not finite.
    """
    head = stored.head
    photos = len(task.examples.photos.captions)
    steps = recipe.steps(photos)
    between = -(-steps // recipe.evaluations)
    few = task.exam.few(recipe.val_limit)
    while course.step < steps:
        began = time.monotonic()
        figures = one_step(head, optimizer, task, recipe, course.step, steps)
        average.update(course.step)
        course.step += 1
        seconds = time.monotonic() - began
        course.seconds, course.photos = course.seconds + seconds, course.photos + recipe.photos
        told.step(course.step, **figures, images_per_second=recipe.photos / seconds)
        if course.step % between == 0 or course.step == steps:
            with standing_in(head, average.state):
                head.eval()
                found = measured(stored, few)
            course.judge(worth(found), average.state)
            told.validation(course.step, course.step * recipe.photos / photos, found)
        stopping = asked_to_stop()
        if stopping or course.step == steps or keeper.due():
            keeper.save(course)
        if stopping:
            raise KeyboardInterrupt


def one_step(
    head: Head, optimizer: AdamW, task: Task, recipe: HeadRecipe, step: int, steps: int
) -> dict[str, float]:
    """Learn from captions and questions once.

    Raises:
        Invalid: The loss is not finite.
    """
    head.train()
    torch.manual_seed(recipe.seed * 1_000_003 + step)  # of dropout, so that runs can resume
    optimizer.zero_grad(set_to_none=True)
    captions, questions = step_of(task.examples, recipe, step)
    figures: dict[str, float] = {}
    if step >= steps * (1 - recipe.reward):
        with Precision(_CPU, recipe.precision).context():
            lowered, told = reward_loss(
                head,
                captions,
                task.vocabulary,
                task.scorer,
                recipe.samples,
                recipe.target,
                recipe.temperature,
            )
        figures |= _learnt("captions", "reward", lowered, told)
        captions = []
    for name, lessons in (("captions", captions), ("questions", questions)):
        if lessons:
            batch = batch_of(lessons, task.config, task.vocabulary)
            with Precision(_CPU, recipe.precision).context():
                lowered, told = loss(head, batch, recipe.smoothing)
            figures |= _learnt(name, "copied", lowered, told)
    total = sum(value for name, value in figures.items() if name.startswith("loss"))
    if not math.isfinite(total):
        raise Invalid(f"the loss of step {step + 1} is {total}; lower the rate in the recipe")
    norm: Tensor = torch.nn.utils.clip_grad_norm_(head.parameters(), recipe.clip)
    share = rate(step, steps, recipe.warm_up)
    set_rate(optimizer, share)
    optimizer.step()
    norm_rate = {"gradient_norm": norm.item(), "learning_rate": share * recipe.rate}
    return {"loss": total, **figures, **norm_rate}


def _learnt(name: str, what: str, lowered: Tensor, told: Tensor) -> dict[str, float]:
    lowered.backward()  # type: ignore[no-untyped-call]
    return {f"loss_{name}": lowered.item(), f"{what}_{name}": told.item()}
