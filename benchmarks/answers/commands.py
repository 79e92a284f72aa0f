"""The group of `python -m benchmarks answers`; each subcommand is a module imported alone."""

from importlib import import_module

import click

NAMES = (
    "captions",
    "citations",
    "coverage",
    "questions",
    "speed",
    "store-swap",
    "translations",
)


class Subcommands(click.Group):
    """Finds a subcommand by the name of its module, and imports no other."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Name every subcommand."""
        return list(NAMES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import the module of one subcommand and give its `command`."""
        if cmd_name not in NAMES:
            return None
        module = import_module(f"benchmarks.answers.{cmd_name.replace('-', '_')}")
        command: click.Command = module.command
        return command


@click.command(cls=Subcommands)
def command() -> None:
    """Measure captions and answers from neighbours: words, citations, confidence, speed.

    Example: python -m benchmarks answers captions flickr8k/dataset_flickr8k.json --cache VECTORS
    """
