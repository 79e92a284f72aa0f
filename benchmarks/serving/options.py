"""Options that the subcommands share, and where their results go."""

import shlex
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from benchmarks.report import PAGE, RESULTS, record

Command = TypeVar("Command", bound=Callable[..., Any])
_SHARED = (
    click.option("--items", default=100_000, show_default=True, help="Of the collection."),
    click.option("--encoder", default="mini", show_default=True, help="Of the collection."),
    click.option("--k", default=10, show_default=True),
    click.option("--seconds", default=5.0, show_default=True, help="Of each measurement."),
    click.option("--seed", default=7, show_default=True),
    click.option("--out", type=click.Path(file_okay=False, path_type=Path),
                 help="Folder for the page and its results, in place of benchmarks."),
)  # fmt: skip


def shared(command: Command) -> Command:
    """Add the options that every subcommand has."""
    for option in reversed(_SHARED):
        command = option(command)
    return command


def written(name: str, figures: Mapping[str, Any], seed: int, out: Path | None) -> None:
    """Print a result, record it with the command that is running, and say where."""
    for row in figures["table"]:
        click.echo("  ".join(f"{column} {_short(value)}" for column, value in row.items()))
    for note in figures.get("notes", ()):
        click.echo(note)
    asked = _asked(click.get_current_context())
    command = shlex.join(["python", "-m", "benchmarks", "serving", *asked])
    places = {} if out is None else {"results": out / RESULTS.name, "page": out / PAGE.name}
    click.echo(f"wrote {record(f'serving-{name}', figures, command, seed, **places)}")


def _asked(context: click.Context) -> Iterator[str]:
    """Give the subcommand and its options that are not as usual."""
    yield str(context.info_name)
    for option in context.command.params:
        value = context.params[str(option.name)]
        if option.name != "out" and value != option.get_default(context):
            yield from (option.opts[0], str(value))


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
