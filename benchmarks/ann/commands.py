"""The group of `python -m benchmarks ann`; each subcommand is a module that is imported alone."""

from importlib import import_module

import click

NAMES = ("exact", "filters", "overhead", "peers", "scale", "vectors")


class Subcommands(click.Group):
    """Finds a subcommand by the name of its module, and imports no other."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Name every subcommand."""
        return list(NAMES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import the module of one subcommand and give its `command`."""
        if cmd_name not in NAMES:
            return None
        command: click.Command = import_module(f"benchmarks.ann.{cmd_name}").command
        return command


@click.command(cls=Subcommands)
def command() -> None:
    """Measure the index beside its peers, on real text queries.

    Example: python -m benchmarks ann peers --vectors VECTORS --peer usearch=PYTHON
    """
