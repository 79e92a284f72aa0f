"""`embedstore train-head`."""

import shlex
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from api.exit_codes import NOT_OFFERED
from api.output import print_json, print_table, printable
from api.settings import json_option

if TYPE_CHECKING:
    from embedstore.training.head.ending import HeadReport


@click.command("train-head")
@click.argument("pairs")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder of the run.")
@click.option(
    "--qa", type=click.Path(path_type=Path), help="JSON lines of image, question and answers."
)
@click.option("--encoder", default="mini", show_default=True, help="Whose vectors it reads.")
@click.option("--init", type=click.Path(path_type=Path), help="A head to start from.")
@click.option(
    "--images",
    type=click.Path(path_type=Path),
    help="Folder that image names in the pairs start from.  [default: the file's own]",
)
@click.option("--val", help="Pairs to measure on.  [default: the split val, else a tenth]")
@click.option("--terms", help="Under which terms the data may be used, for the model card.")
@click.option("--recipe", type=click.Path(path_type=Path), help="The recipe.json of another run.")
@click.option("--epochs", type=float, help="Times that every photo is seen.  [default: 8]")
@click.option(
    "--fusion",
    type=click.Choice(["attention", "concatenation"]),
    help="How neighbours are read.  [default: attention]",
)
@click.option(
    "--reward", type=float, help="Share of the steps that reward whole captions.  [default: 0]"
)
@click.option("--seed", type=int, help="Of everything that is drawn.  [default: 0]")
@click.option(
    "--resume/--no-resume",
    default=True,
    help="Go on with a run, or start over: its checkpoints and report are deleted.",
)
@click.option("--force", is_flag=True, help="Offer the head whatever its figures.")
@json_option
def train_head(
    pairs: str,
    out: Path,
    qa: Path | None,
    encoder: str,
    init: Path | None,
    images: Path | None,
    val: str | None,
    terms: str | None,
    recipe: Path | None,
    epochs: float | None,
    fusion: str | None,
    reward: float | None,
    seed: int | None,
    resume: bool,
    force: bool,
    as_json: bool,
) -> None:
    """Train the head that writes captions and answers from neighbours.

    It learns from PAIRS, any corpus with photos and captions, and from questions with answers where
    --qa has them. It is offered if it writes better than the nearest neighbour and the consensus;
    else the exit code is 10.

    \b
    Example:
      embedstore train-head captions.jsonl --qa questions.jsonl --out runs/head
      embedstore caption photo.jpg --generator head:runs/head
    """
    from embedstore.training.head.recipe import changed, read_recipe
    from embedstore.training.head.train_head import train_head as run

    given = {"epochs": epochs, "fusion": fusion, "reward": reward, "seed": seed}
    followed = changed(read_recipe(recipe), {k: v for k, v in given.items() if v is not None})
    report = run(
        pairs,
        out,
        encoder,
        followed,
        qa=qa,
        init=init,
        val=val,
        images=images,
        terms=terms,
        resume=resume,
        force=force,
    )
    if as_json:
        print_json({**asdict(report), "head": printable(report.head)})
    else:
        _print(report)
    if not report.offered:
        sys.exit(NOT_OFFERED)


def _print(report: "HeadReport") -> None:
    names = list(report.figures)
    rows = [
        (way, *(f"{found[name]:.3f}" if name in found else "" for name in names))
        for way, found in {"this head": report.figures, **report.rivals}.items()
    ]
    print_table(("on what was held out", *names), rows)
    click.echo(f"{report.steps:,} steps in {report.seconds:.0f} s; {report.why}")
    place = shlex.quote(printable(report.head))
    if report.offered:
        click.echo(f"ask it:\n  embedstore caption PHOTO --generator head:{place}")
    else:
        click.echo(
            "not offered; train longer or on more pairs, or use it all the same: "
            f"--generator head:{place}"
        )
