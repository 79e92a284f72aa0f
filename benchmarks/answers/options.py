"""Options that the subcommands share, and where their results go."""

import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from benchmarks.report import PAGE, RESULTS, record
from embedstore import encoders

Command = TypeVar("Command", bound=Callable[..., Any])
HEAD = "head"
_DATA = (
    click.option("--encoder", "encoder_name", default=encoders.DEFAULT, show_default=True),
    click.option("--limit", type=click.IntRange(min=1), help="Pictures asked about, at most."),
    click.option("--k", default=8, show_default=True, help="Neighbours shown."),
    click.option("--cache", type=click.Path(file_okay=False, path_type=Path),
                 help="Folder that keeps encoded vectors; a temporary one without it."),
)  # fmt: skip
_RUN = (
    click.option("--seed", default=7, show_default=True),
    click.option("--out", type=click.Path(file_okay=False, path_type=Path),
                 help="Folder for the page and its results, in place of benchmarks."),
)  # fmt: skip
heads = click.option(
    "--heads",
    multiple=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of a trained head, one for each seed; the bundled one without it.",
)


def on_data(command: Command) -> Command:
    """Add the options of a subcommand that reads pictures."""
    return _with(command, (*_DATA, *_RUN))


def on_made(command: Command) -> Command:
    """Add the options of a subcommand that makes its data."""
    return _with(command, _RUN)


def _with(command: Command, options: Sequence[Callable[[Command], Command]]) -> Command:
    for option in reversed(options):
        command = option(command)
    return command


def folder(out: Path | None) -> Path:
    """Give the folder of the results, made if missing."""
    chosen = RESULTS if out is None else out / RESULTS.name
    chosen.mkdir(parents=True, exist_ok=True)
    return chosen


def written(
    name: str, figures: Mapping[str, Any], asked: Sequence[object], seed: int, out: Path | None
) -> None:
    """Print the table of a result, record it and say where."""
    for row in figures["table"]:
        click.echo("  ".join(f"{column} {_short(value)}" for column, value in row.items()))
    for note in figures.get("notes", ()):
        click.echo(note)
    command = shlex.join(["python", "-m", "benchmarks", "answers", *map(str, asked)])
    places = {} if out is None else {"results": folder(out), "page": out / PAGE.name}
    click.echo(f"wrote {record(f'answers-{name}', figures, command, seed, **places)}")


def arguments(encoder_name: str, limit: int | None, k: int, heads: Sequence[Path]) -> list[object]:
    """Write the options that change a result as they are typed."""
    asked: list[object] = ["--encoder", encoder_name, "--k", k]
    asked += [] if limit is None else ["--limit", limit]
    return asked + [part for folder in heads for part in ("--heads", folder.name)]


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
