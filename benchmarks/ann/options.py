"""Options that the subcommands share, and where their results go."""

import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from benchmarks.ann.entrant import Entrant
from benchmarks.report import PAGE, RESULTS, record

Command = TypeVar("Command", bound=Callable[..., Any])
FORMS = {
    "usearch": ("M16", "M32"),
    "hnswlib": ("M16", "M32"),
    "scann": ("leaves1", "leaves2"),
    "lancedb": ("IVF_PQ", "IVF_HNSW_SQ"),
    "milvus": ("HNSW", "IVF_FLAT"),
    "qdrant": ("local",),
    "faiss": ("M32",),
}
_SHARED = (
    click.option("--vectors", type=click.Path(exists=True, file_okay=False, path_type=Path),
                 help="Folder of `ann vectors`; without it vectors are made."),
    click.option("--dim", default=512, show_default=True),
    click.option("--k", default=10, show_default=True),
    click.option("--queries", default=1_000, show_default=True, help="Timed."),
    click.option("--repeats", default=9, show_default=True, help="Interleaved blocks."),
    click.option("--seed", default=7, show_default=True),
    click.option("--out", type=click.Path(file_okay=False, path_type=Path),
                 help="Folder for the page and its results, in place of benchmarks."),
)  # fmt: skip


def shared(command: Command) -> Command:
    """Add the options that every subcommand has."""
    for option in reversed(_SHARED):
        command = option(command)
    return command


def entrants(told: Sequence[str]) -> list[Entrant]:
    """Read `NAME=PYTHON` or `NAME:FORM=PYTHON`; a name alone stands for all its forms.

    Raises:
        click.BadParameter: No such library, or no Python.
    """
    found = []
    for each in told:
        who, _, python = each.partition("=")
        name, _, form = who.partition(":")
        if name not in FORMS or not python:
            raise click.BadParameter(
                f"{each!r} is not NAME=PYTHON with one of {', '.join(sorted(FORMS))}"
            )
        # A path, not resolved: the link in an environment is what makes it that environment.
        where = str(Path(python).expanduser().absolute())
        found += [Entrant(name, one, where) for one in ((form,) if form else FORMS[name])]
    return found


def folder(out: Path | None) -> Path:
    """Give the folder of the results, made if missing."""
    chosen = RESULTS if out is None else out / RESULTS.name
    chosen.mkdir(parents=True, exist_ok=True)
    return chosen


def written(name: str, figures: Mapping[str, Any], seed: int, out: Path | None) -> None:
    """Record a result, with the command that is running, and say where."""
    command = shlex.join(
        ["python", "-m", "benchmarks", "ann", *_asked(click.get_current_context())]
    )
    places = {} if out is None else {"results": folder(out), "page": out / PAGE.name}
    click.echo(f"wrote {record(name, figures, command, seed, **places)}")


def _asked(context: click.Context) -> Iterator[str]:
    """Give the subcommand and its options that are not as usual, with no path of this machine."""
    yield str(context.info_name)
    for option in context.command.params:
        value = context.params[str(option.name)]
        if option.name == "out" or value == option.get_default(context) or value in (None, ()):
            continue
        for each in value if isinstance(value, tuple) else (value,):
            text = str(option.name).upper() if isinstance(each, Path) else str(each)
            peer, python, _ = text.partition("=")
            yield from (option.opts[0], f"{peer}=PYTHON" if python else text)
