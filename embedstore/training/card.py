"""The model card of a run: what it started from, what it learnt, how good it is, what it cannot."""

import math
import platform
import shlex
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from embedstore.encoders.folder import ENCODER, REFUSED
from embedstore.training.disk import unwritable
from embedstore.training.gate import Report
from embedstore.training.recipe import Recipe

CARD = "MODEL_CARD.md"

_TERMS = (
    "Nobody has said here under which terms these pairs may be used. Whatever they ask of those "
    "who use them holds for these weights too."
)
_CARD = """# {title}

A dual encoder: pictures and texts into one space, where the inner product of unit vectors says how
well a text fits a picture. {verdict}

## What it started from

{start}. Trained: {tune}.

## Data and terms

{photos:,} pictures{captions} of {data}. {terms}

## Recall

Measured on {measured_on}; exact search, on the weights as stored.

| | start | end |
|---|---|---|
{rows}

{honesty}

## Training

{steps:,} steps in {minutes:.1f} minutes on {machine} ({speed:.0f} pictures a second). To do it
again:

    {command}

The recipe, which is in `recipe.json` too:

| | |
|---|---|
{recipe}
{changes}{more}
## Limits

It knows what its start knew and what its pairs show; what neither shows is found badly or not at
all. Fine-tuning on one kind of pictures can cost recall on others: measure on yours. Counting, left
and right, and who does what to whom are weak in encoders of this kind. It is no judge of people:
names, origins, age or moods read from a picture are guesses from a biased set of captions.
"""


@dataclass(frozen=True)
class About:
    """What a card tells that neither the report nor the recipe knows.

    Attributes:
        init: What training started from, as `train` took it.
        data: Path of the pairs; only its name is told.
        out: Folder of the run; only its name is told.
        machine: What it ran on, see `machine`.
        captions: Number of captions trained on; 0 where it is not known.
        model: The model that `init="scratch"` built.
        teacher: The encoder that was distilled.
        val: Path of the pairs measured on, where they are another corpus.
        images: Folder of their pictures, where one was given; only its name is told.
        terms: Under which terms the data may be used, in a sentence.
        changes: Of the recipe while it learnt, each after a loss that was no number.
        more: Further Markdown, put before the limits.
    """

    init: str
    data: str
    out: str
    machine: str
    captions: int = 0
    model: str | None = None
    teacher: str | None = None
    val: str | None = None
    images: str | None = None
    terms: str | None = None
    changes: tuple[str, ...] = ()
    more: str = ""


def card(report: Report, recipe: Recipe, about: About) -> str:
    """Write the card of a run, as Markdown.

    Args:
        report: What the run came to.
        recipe: What it was trained with, settled.
        about: Everything else.
    """
    return _CARD.format(
        title=Path(about.out).name,
        verdict=f"It is {report.why}.",
        start=_start(about),
        tune=_TUNED.get(recipe.tune or "full", recipe.tune),
        photos=report.photos,
        captions=f" with {about.captions:,} captions" if about.captions else "",
        data=Path(about.data).name,
        terms=about.terms or _TERMS,
        measured_on=report.measured_on,
        rows="\n".join(
            f"| {_measure(name)} | {value:.3f} | {report.end.get(name, math.nan):.3f} |"
            for name, value in report.start.items()
        ),
        honesty=_honesty(report),
        steps=report.steps,
        minutes=report.seconds / 60,
        machine=about.machine,
        speed=report.images_per_second,
        command=_command(about),
        recipe="\n".join(f"| {name} | {value} |" for name, value in _flat(asdict(recipe)).items()),
        changes=f"\nChanged on the way: {'; '.join(about.changes)}.\n" if about.changes else "",
        more=f"\n{about.more.strip()}\n" if about.more else "",
    )


def write(run: Path, text: str) -> None:
    """Write a card into a run's folder, and beside the encoder in it.

    Raises:
        StorageFull: It cannot be written.
    """
    try:
        for place in (run, run / ENCODER, run / REFUSED):
            if place == run or place.is_dir():
                (place / CARD).write_text(text, encoding="utf-8")
    except OSError as error:
        raise unwritable("the model card", run, len(text), error) from error


def machine(device: torch.device) -> str:
    """Name what a run is on."""
    where = f"{platform.machine()}, {torch.get_num_threads()} threads"
    if device.type == "cuda":
        where = torch.cuda.get_device_name(device)
    return f"{where}, {platform.system()}, PyTorch {torch.__version__}"


_TUNED = {
    "full": "everything",
    "upper": "the upper halves of both towers and the maps into the shared space",
    "text": "the text tower; the image tower stayed as it was",
    "heads": "the maps into the shared space; both towers stayed as they were",
    "lora": "low-rank adapters, which are merged into the weights",
}


def _start(about: About) -> str:
    match about.init:
        case "scratch":
            told = f"Random weights of the model {_public(about.model or 'small')}"
        case "mini":
            told = "`mini`, the encoder that comes with embedstore"
        case "mini-base":
            told = "The published towers of `mini`, with random maps into the shared space"
        case name:
            told = f"`{_public(name)}`"
    return told + (f", with `{_public(about.teacher)}` as its teacher" if about.teacher else "")


def _public(name: str) -> str:
    """Give the name of a model without the folders it lies in: a card is handed on."""
    kind, colon, rest = name.partition(":")
    if kind == "local-dir":
        return f"{kind}{colon}{Path(rest).name}"
    return Path(name).name if Path(name).expanduser().exists() else name


def _honesty(report: Report) -> str:
    chosen = "The epoch was chosen by the recall on these same pictures"
    if report.mixing_weight < 1:
        chosen = (
            f"The stored weights are {report.mixing_weight:g} of what was learnt and "
            f"{1 - report.mixing_weight:g} of the start (WiSE-FT). That share and the epoch were "
            "chosen by the recall on these same pictures"
        )
    return (
        f"{chosen}, so the figures flatter it a little, and the interval tells which pictures were "
        "drawn, not that choice: believe figures on pictures that had no part in it."
    )


def _measure(name: str) -> str:
    direction, _, depth = name.partition("@")
    return f"{direction.replace('_to_', ' -> ')} R@{depth}"


def _command(about: About) -> str:
    words = ["embedstore", "train", Path(about.data).name, "--init", _public(about.init)]
    for option, value in (("--model", about.model), ("--teacher", about.teacher)):
        words += [option, _public(value)] if value else []
    for option, path in (("--val", about.val), ("--images", about.images)):
        words += [option, Path(path).name] if path else []
    words += ["--terms", about.terms] if about.terms else []
    return shlex.join([*words, "--recipe", "recipe.json", "--out", f"{Path(about.out).name}-again"])


def _flat(values: dict[str, Any], start: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, dict):
            flat.update(_flat(value, f"{start}{name}."))
        else:
            flat[start + name] = ", ".join(map(str, value)) if isinstance(value, tuple) else value
    return flat
