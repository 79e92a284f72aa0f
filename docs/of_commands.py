"""The reference of the command line, from click's commands."""

import inspect
from collections.abc import Iterator

import click

from api.cli import main
from api.exit_codes import MEANINGS

_INTRODUCTION = """\
# Command line

Written by `python -m docs.generate`; change the code and not this file.

Every command takes `--help`. Where one takes `--json`, that goes to the standard output and all
else to the standard error, so `embedstore search "a red door" --json | jq -r '.[].key'` works.
"""


def commands_reference() -> str:
    """Give the document."""
    parts = [_INTRODUCTION, *_told("embedstore", main), _exit_codes()]
    return "\n".join(parts)


def _told(name: str, command: click.Command) -> Iterator[str]:
    context = click.Context(command, info_name=name)
    if isinstance(command, click.Group):
        for each in command.list_commands(context):
            _, found, _ = command.resolve_command(context, [each])
            assert found is not None
            yield from _told(f"{name} {each}", found)
        return
    yield f"## `{name}`\n"
    usage = " ".join(command.collect_usage_pieces(context))
    words, _, example = inspect.cleandoc(command.help or "").partition("\b\nExample:\n")
    yield f"    {name} {usage}\n"
    yield f"{words.strip()}\n"
    yield f"{_indented(example)}\n"
    yield from _options(command, context)


def _indented(example: str) -> str:
    return "\n".join(f"    {line.strip()}" for line in example.splitlines() if line.strip())


def _options(command: click.Command, context: click.Context) -> Iterator[str]:
    told = [
        each.get_help_record(context) for each in command.params if isinstance(each, click.Option)
    ]
    rows = [each for each in told if each is not None]
    if rows:
        yield "| option | |\n|---|---|"
        for names, words in rows:
            yield f"| `{_cell(names)}` | {_cell(words)} |"
        yield ""


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _exit_codes() -> str:
    rows = [f"| {code} | {meaning} |" for code, meaning in MEANINGS.items()]
    return "\n".join(["## Exit codes\n", "| code | |\n|---|---|", *rows, ""])
