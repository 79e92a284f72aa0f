"""`python -m benchmarks NAME`: run a benchmark; each module here with a `command` is one."""

from importlib import import_module
from pathlib import Path

import click

HERE = Path(__file__).parent
NO_COMMAND = ("__init__", "__main__", "report")
PACKAGE = "commands"  # the module of a benchmark that is a folder


class Benchmarks(click.Group):
    """Finds a benchmark by the name of its module, and imports no other."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Name every benchmark."""
        modules = [path.stem for path in HERE.glob("*.py") if path.stem not in NO_COMMAND]
        return sorted(modules + [path.parent.name for path in HERE.glob(f"*/{PACKAGE}.py")])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the module of one benchmark and give its `command`."""
        if cmd_name not in self.list_commands(ctx):
            return None
        inner = f".{PACKAGE}" if (HERE / cmd_name).is_dir() else ""
        command: click.Command = import_module(f"benchmarks.{cmd_name}{inner}").command
        return command


@click.command(cls=Benchmarks)
def main() -> None:
    """Measure embedstore; results go to benchmarks/results and benchmarks/RESULTS.md.

    Example: python -m benchmarks retrieval dataset_flickr8k.json --encoder mini
    """


if __name__ == "__main__":
    main(prog_name="python -m benchmarks")
