"""The group of `python -m benchmarks serving`; each subcommand is a module imported alone."""

from importlib import import_module

import click

NAMES = ("operations", "overload", "paint", "vectors", "words")


class Subcommands(click.Group):
    """Finds a subcommand by the name of its module, and imports no other."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Name every subcommand."""
        return list(NAMES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import the module of one subcommand and give its `command`."""
        if cmd_name not in NAMES:
            return None
        command: click.Command = import_module(f"benchmarks.serving.{cmd_name}").command
        return command


@click.command(cls=Subcommands)
def command() -> None:
    """Measure the HTTP service on loopback: vectors, words, overload, the page, all operations.

    Example: python -m benchmarks serving vectors
    """
