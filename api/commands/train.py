"""`embedstore train`."""

import shlex
import sys
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from api.exit_codes import NOT_OFFERED
from api.option_groups import GroupedCommand, GroupedOption
from api.output import print_json, print_table, printable
from api.settings import Command, json_option

if TYPE_CHECKING:
    from embedstore.training.gate import Report

_RUN = ("init", "model", "val", "images", "teacher", "terms", "device", "resume", "force", "wandb")
_OBJECTIVE = ("loss", "hard_negatives", "distill", "distill_features")  # parts of a recipe's


def _group(name: str) -> Callable[..., Callable[[Command], Command]]:
    return partial(click.option, cls=GroupedOption, group=name)


_start, _learn, _pace, _keep = map(
    _group, ("Start and data", "What learns", "How long and how fast", "Machine and run")
)


@click.command(cls=GroupedCommand)
@click.argument("pairs")
@_start("--out", required=True, type=click.Path(path_type=Path), help="Folder of the run.")
@_start(
    "--init",
    default="mini",
    show_default=True,
    help="mini, mini-base, openclip:MODEL/WEIGHTS, hf-hub:NAME, a run or encoder folder, scratch.",
)
@_start("--model", help="What scratch builds: small, small-cnn, a model of open_clip, a JSON file.")
@_start(
    "--images",
    type=click.Path(path_type=Path),
    help="Folder that image names in caption files start from.  [default: the file's own]",
)
@_start("--val", help="Pairs to measure on.  [default: the split val, else a tenth is held out]")
@_start("--teacher", help="An encoder to distil from, with --distill or --distill-features.")
@_start("--terms", help="Under which terms the pairs may be used, for the model card.")
@_start("--recipe", type=click.Path(path_type=Path), help="The recipe.json of another run.")
@_learn(
    "--tune",
    type=click.Choice(["full", "upper", "text", "heads", "lora"]),
    help="Which weights learn.  [default: upper; full from scratch]",
)
@_learn("--rank", type=int, help="Of low-rank adapters, with --tune lora.  [default: 8]")
@_learn(
    "--loss",
    type=click.Choice(["info_nce", "multi_positive", "sigmoid"]),
    help="The contrastive loss.  [default: multi_positive]",
)
@_learn("--hard-negatives", type=float, help="Their weight's exponent.  [default: 0]")
@_learn("--distill", type=float, help="Weight of the teacher's scores.  [default: 0]")
@_learn("--distill-features", type=float, help="Weight of its vectors.  [default: 0]")
@_pace(
    "--epochs",
    type=int,
    help="Times that every picture is seen.  [default: 8; of few as many as make 100 steps]",
)
@_pace(
    "--batch",
    type=int,
    help="Pairs that are told from each other.  [default: 256 of kept views, else 64; at most all]",
)
@_pace(
    "--chunk",
    type=int,
    help="Pairs the towers take at a time: big batches in small memory.  [default: 0, all at once]",
)
@_pace("--accumulate", type=int, help="Batches in a step.  [default: 1]")
@_pace(
    "--lr",
    type=float,
    help="Greatest learning rate; a recipe has one for each part.  [default: what fits the start]",
)
@_pace(
    "--views",
    type=int,
    help="Versions of each picture that are kept; 0 keeps none.  [default: 2]",
)
@_pace(
    "--patience",
    type=int,
    help="Measurements without better recall until it stops; 0: never.  [default: 5]",
)
@_pace("--seed", type=int, help="Of all random numbers.  [default: 0]")
@_keep("--device", default="auto", show_default=True, help="cpu, cuda, cuda:1 or auto.")
@_keep(
    "--precision",
    type=click.Choice(["auto", "float32", "bfloat16"]),
    help="Of the towers.  [default: auto]",
)
@_keep(
    "--checkpointing", is_flag=True, default=None, help="Less memory for more time.  [default: off]"
)
@_keep(
    "--resume/--no-resume",
    default=True,
    help="Go on where the run stopped, or start over: encoder, checkpoints and report are deleted.",
)
@_keep("--force", is_flag=True, help="Offer the encoder even if it is no better than its start.")
@_keep("--wandb", is_flag=True, help="Log to Weights & Biases too.")
@json_option
def train(pairs: str, out: Path, recipe: Path | None, as_json: bool, **options: Any) -> None:
    """Train an encoder on your own pictures with captions.

    PAIRS is a .jsonl, .csv or Karpathy .json file, or webdataset shards (.tar). Recall is measured
    before, during and after; a result that is no better than its start is not offered, and the exit
    code is 10. Run again, the same command goes on where it stopped.

    \b
    Example:
      embedstore train captions.jsonl --out runs/mine
      embedstore index ~/Pictures --collection mine --encoder runs/mine
    """
    from embedstore.errors import Invalid
    from embedstore.training.processes import leads
    from embedstore.training.recipe import Recipe
    from embedstore.training.recipe_file import changed, read_recipe
    from embedstore.training.train import train as run

    own = {name: options.pop(name) for name in _RUN}
    options |= {f"objective.{name}": options.pop(name) for name in _OBJECTIVE}
    rate = options.pop("lr")
    if rate is not None:
        options["rates"] = {"image": rate, "text": rate, "maps": rate}
    given = {name: value for name, value in options.items() if value is not None}
    followed = changed(read_recipe(recipe) if recipe else Recipe(), given)
    if "rank" in given and followed.tune != "lora":
        raise Invalid(
            f"--rank {followed.rank} with --tune {followed.tune or 'left out'}: only low-rank "
            "adapters have a rank; expected --tune lora; add it, or leave --rank out"
        )
    report = run(pairs, out, recipe=followed, **own)
    if not leads():
        return
    if as_json:
        print_json({**asdict(report), "encoder": printable(report.encoder)})
    else:
        _print(report, out)
    if not report.offered:
        sys.exit(NOT_OFFERED)


def _print(report: "Report", out: Path) -> None:
    rows = [
        (name, f"{before:.3f}", f"{report.end[name]:.3f}") for name, before in report.start.items()
    ]
    print_table(("recall on val", "start", "end"), rows)
    mixed = f"; {report.mixing_weight:g} of what was learnt mixed with the rest of its start"
    click.echo(
        f"{report.steps:,} steps on {report.photos:,} pictures in {report.seconds:.0f} s, "
        f"{report.images_per_second:.0f} a second{mixed if report.mixing_weight < 1 else ''}"
    )
    click.echo(report.why)
    run = shlex.quote(printable(out))
    if report.offered:
        click.echo(
            "search with it:\n"
            f"  embedstore index PICTURES --collection NAME --encoder {run}\n"
            f"  embedstore re-embed COLLECTION --encoder {run}"
        )
    else:
        refused = shlex.quote(printable(report.encoder))
        click.echo(
            "not offered as an encoder; train longer, on more pairs or with a lower --lr, or use "
            f"it all the same: --encoder {refused}"
        )
