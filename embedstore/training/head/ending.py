"""What a run does after its last step: the gate, the report, the model card."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cache, partial
from pathlib import Path

from embedstore.answering.head.folder import HEAD, Stored, write
from embedstore.answering.head.generator import draft
from embedstore.answering.head.knowing import least_familiar
from embedstore.encoders.folder import REFUSED, REPORT
from embedstore.training.card import CARD
from embedstore.training.disk import unwritable
from embedstore.training.head.exam import ACCURACY, CIDER, Exam
from embedstore.training.head.recipe import HeadRecipe
from embedstore.training.head.sureness import keep_confidences


@dataclass(frozen=True)
class HeadReport:
    """What a run came to.

    Attributes:
        figures: Of the head, by name, such as `captions@cider`.
        rivals: Of ways that need no training, likewise.
        photos: Learnt from.
        questions: Asked by people, learnt from.
        steps: Done.
        seconds: Spent on steps.
        offered: Whether the run gives a head.
        why: Why or why not, for people.
        head: Its folder.
    """

    figures: Mapping[str, float]
    rivals: Mapping[str, Mapping[str, float]]
    photos: int
    questions: int
    steps: int
    seconds: float
    offered: bool
    why: str
    head: Path


@dataclass(frozen=True)
class Told:
    """What a card tells beside the report.

    Attributes:
        data: Name of the pairs.
        qa: Name of the questions, where there were such.
        encoder: Name of the encoder.
        rule: How what is measured on was held out.
        terms: Under which terms the data may be used.
        machine: What it ran on.
    """

    data: str
    qa: str | None
    encoder: str
    rule: str
    terms: str | None
    machine: str


def passes(figures: Mapping[str, float], rivals: Mapping[str, Mapping[str, float]]) -> list[str]:
    """Name what a head is not better in than one of its rivals; nothing where it passes."""
    return [
        f"{name} is {figures[name]:.3f}, and {found[name]:.3f} of {rival}"
        for name in (CIDER, ACCURACY)
        for rival, found in rivals.items()
        if name in found and not figures[name] > found[name]
    ]


def conclude(
    run: Path,
    stored: Stored,
    exam: Exam,
    counts: tuple[int, int, int, float],
    told: Told,
    recipe: HeadRecipe,
    force: bool,
) -> HeadReport:
    """Measure the head as it is to be written, write it where it belongs, report and card.

    Args:
        run: The run's folder.
        stored: The head, with the weights to offer.
        exam: All that was held out.
        counts: Photos, questions, steps, and seconds of the run.
        told: What the card tells beside.
        recipe: How it was trained.
        force: Offer it whatever its figures.

    Raises:
        StorageFull: The folder cannot be written.
    """
    stored = replace(stored, known=least_familiar(stored, [asked for asked, _ in exam.captions]))
    drafted = cache(partial(draft, stored))  # each is measured twice
    figures, rivals = exam.figures(lambda prompt: drafted(prompt).text), exam.rivals()
    worse = passes(figures, rivals)
    why = "better than all its rivals" if not worse else f"no better than a rival: {worse[0]}"
    why += "; offered because it was forced" if worse and force else ""
    offered = force or not worse
    place = run / (HEAD if offered else REFUSED)
    report = HeadReport(figures, rivals, *counts, offered, why, place)
    try:
        for old in (HEAD, REFUSED):
            shutil.rmtree(run / old, ignore_errors=True)
        write(place, stored)
        keep_confidences(place, exam, drafted, stored.space)
        text = card(report, told, recipe)
        for folder in (run, place):
            (folder / CARD).write_text(text, "utf-8")
        body = json.dumps({**asdict(report), "head": place.name}, indent=2)
        (run / REPORT).write_text(body + "\n", "utf-8")
    except OSError as error:
        raise unwritable("the head", run, 30 << 20, error) from error
    return report


_CARD = """# {name}

A small Transformer decoder that writes captions and answers from the neighbours of a picture or a
question, copies words of theirs, and says which of them it rests on. {why}.

## Data and terms

{photos:,} pictures with captions of {data}{questions}, and questions made from the captions by a
few patterns. Vectors of the encoder `{encoder}`, which was not changed. {terms}

## Measured

On what was held out ({rule}); eight neighbours among what was learnt from, never a near-duplicate.

| | {columns} |
|---|{lines}|
{rows}

The weights were chosen by a part of the same examples, so the figures flatter a little.

## Training

{steps:,} steps in {minutes:.1f} minutes on {machine}. The recipe:

| | |
|---|---|
{recipe}

## Limits

It knows what its captions showed, and repeats what neighbours say: of pictures unlike any in the
collection it speaks with confidence it should not have; use the calibrated abstention. Counting,
left and right, and text in pictures are weak. English only. It is no judge of people: what it says
of persons repeats a small and biased set of captions.
"""


def card(report: HeadReport, told: Told, recipe: HeadRecipe) -> str:
    """Write the card of a head, as Markdown."""
    columns = list(report.figures)
    all_of_them = {"this head": report.figures, **report.rivals}
    rows = [
        f"| {name} | " + " | ".join(f"{found[one]:.3f}" if one in found else "" for one in columns)
        for name, found in all_of_them.items()
    ]
    asked = f", {report.questions:,} questions of {told.qa}" if told.qa else ""
    unknown = "Nobody has said here under which terms the data may be used; they hold for this too."
    return _CARD.format(
        name=report.head.parent.name,
        why=report.why[:1].upper() + report.why[1:],
        photos=report.photos,
        data=told.data,
        questions=asked,
        encoder=told.encoder,
        terms=told.terms or unknown,
        rule=told.rule,
        columns=" | ".join(columns),
        lines="|".join("---" for _ in columns),
        rows="\n".join(f"{row} |" for row in rows),
        steps=report.steps,
        minutes=report.seconds / 60,
        machine=told.machine,
        recipe="\n".join(f"| {name} | {value} |" for name, value in asdict(recipe).items()),
    )
