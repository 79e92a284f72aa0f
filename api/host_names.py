"""The names a server answers to."""

import re
from collections.abc import Iterable
from typing import Any

import click

from api.settings import LOOPBACK

EVERY_ADDRESS = {"0.0.0.0", "::"}  # noqa: S104
HOST_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?|[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*")


def checked_names(given: Iterable[str]) -> frozenset[str]:
    """Give names in lower case.

    Raises:
        click.UsageError: One is no host name.
    """
    for name in given:
        if not HOST_NAME.fullmatch(name):
            raise click.UsageError(
                f"--allowed-host {name!r} is no host name; expected one without scheme, port and "
                "path, such as photos.example.org"
            )
    return frozenset(name.lower() for name in given)


def hosts(settings: dict[str, Any]) -> frozenset[str] | None:
    """Give the names the server answers to; None for any."""
    names, own = checked_names(settings["allowed_host"]), settings["host"]
    if not names and own not in LOOPBACK:
        return None
    return LOOPBACK | names | ({own} - EVERY_ADDRESS)
