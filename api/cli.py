"""The command line: `embedstore COMMAND`. Heavy imports wait until a command needs them."""

import os
import re
import sys
from importlib import import_module
from typing import Any

import click

from api.commands import COMMANDS
from api.exit_codes import EXIT_CODES, INTERRUPTED, TERMINATED, exit_code, told

__all__ = ["EXIT_CODES", "INTERRUPTED", "TERMINATED", "exit_code", "loaded", "main"]


def loaded(name: str) -> click.Command:
    """Import a command."""
    found = import_module(f"api.commands.{COMMANDS[name][0]}")
    command: click.Command = getattr(found, name.replace("-", "_"))
    return command


class _Commands(click.Group):
    """A group whose commands end in one line where an error is expected.

    What it holds are names with a line of help each, enough to list them: all commands together
    take as long to import as click. The one that is asked for is loaded.
    """

    def resolve_command(
        self, context: click.Context, words: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name, found, rest = super().resolve_command(context, words)
        if name is None or found is None:  # a word that is being completed
            return name, found, rest
        command = loaded(name)
        if context.resilient_parsing:
            from api.commands.completion import complete_collections

            complete_collections(command)
        return name, command, rest

    def invoke(self, context: click.Context) -> Any:
        from api.output import never_fail_to_print, printable
        from api.stopping import Terminated, ended_by_sigterm
        from embedstore.errors import BadQuery, EmbedStoreError

        never_fail_to_print()
        # Read when torch and faiss are loaded: threads that wait for one whose core another program
        # has would spin, and a caption then takes twenty times as long
        os.environ.setdefault("OMP_WAIT_POLICY", "passive")
        try:
            with ended_by_sigterm():
                return super().invoke(context)
        except KeyboardInterrupt as stopped:
            click.echo("stopped; what was stored is safe, the same command goes on there", err=True)
            sys.exit(TERMINATED if isinstance(stopped, Terminated) else INTERRUPTED)
        except click.NoSuchOption as error:
            raise click.NoSuchOption(
                error.option_name, possibilities=_offered(error), ctx=error.ctx
            ) from None
        except EmbedStoreError as error:
            told = _with_options(error) if isinstance(error, BadQuery) else str(error)
            click.echo(f"error: {printable(told)}", err=True)
            sys.exit(exit_code(error))


def _offered(error: click.NoSuchOption) -> list[str]:
    """Give what may be meant for an unknown option, but for what no help page names."""
    known = error.ctx.command.params if error.ctx is not None else []
    hidden = {name for each in known if getattr(each, "hidden", False) for name in each.opts}
    return [name for name in error.possibilities or () if name not in hidden]


def _with_options(error: Exception) -> str:
    """Say what is wrong with a query in the words of the command line."""
    names = r"\b(text_weight|min_score|min_probability)\b"
    return re.sub(names, lambda name: "--" + name[0].replace("_", "-"), str(error))


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=told(),
)
@click.version_option(package_name="embedstore")
def main() -> None:
    """Index photos, search them with words or pictures, and measure recall@k.

    \b
    Example:
      embedstore index ~/Pictures
      embedstore search "a dog on the beach"
    """


for name, (_, line) in COMMANDS.items():
    main.add_command(click.Command(name, help=line))

if __name__ == "__main__":
    main()
