"""The settings in force, and where each came from."""

import re
from collections.abc import Iterator

import click
from click.core import ParameterSource

from api.settings import SETTINGS, variable


def shown(context: click.Context) -> Iterator[tuple[str, object, str]]:
    """Give name, value and origin of each setting of a command; secrets are not told."""
    for name, setting in SETTINGS.items():
        parameter = name.replace("-", "_")
        if parameter not in context.params:
            continue
        value = context.params[parameter]
        if setting.secret:
            value = "(set)" if value else None
        elif isinstance(value, str):
            value = re.sub(r"(://[^:/@]*):[^@]*@", r"\1:***@", value)  # a database's password
        yield name, value, _origin(context, name, parameter)


def _origin(context: click.Context, name: str, parameter: str) -> str:
    return {
        ParameterSource.COMMANDLINE: f"--{name}",
        ParameterSource.ENVIRONMENT: variable(name),
        ParameterSource.DEFAULT_MAP: "file",
    }.get(context.get_parameter_source(parameter) or ParameterSource.DEFAULT, "default")
