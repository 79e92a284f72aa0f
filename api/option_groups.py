"""Options of a long command, told in groups."""

from typing import Any

import click


class GroupedOption(click.Option):
    """An option that says which group of the help it belongs to."""

    def __init__(self, *names: Any, group: str, **options: Any) -> None:
        super().__init__(*names, **options)
        self.group = group


class GroupedCommand(click.Command):
    """A command whose help lists its options group by group."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, those without a group last."""
        groups: dict[str, list[tuple[str, str]]] = {}
        for option in self.get_params(ctx):
            told = option.get_help_record(ctx)
            if told is not None and isinstance(option, click.Option):
                groups.setdefault(getattr(option, "group", "Other"), []).append(told)
        for name in sorted(groups, key=lambda one: one == "Other"):
            with formatter.section(name):
                formatter.write_dl(groups[name])
