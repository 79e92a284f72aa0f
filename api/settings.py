"""What the doors are told from outside: flags, with the environment behind them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

DEFAULT_STORE = "embedstore-data"
DEFAULT_COLLECTION = "photos"
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
MAX_BODY_BYTES = 32 << 20  # a 20 MiB picture is 27 MiB in base64

Command = Callable[..., Any]


def store_options(command: Command) -> Command:
    """Add the options that say which store a command works on."""
    command = click.option(
        "--index-folder",
        envvar="EMBEDSTORE_INDEX_FOLDER",
        type=click.Path(file_okay=False),
        help="Folder for index files, when the store is a database URL.",
    )(command)
    return click.option(
        "--store",
        envvar="EMBEDSTORE_STORE",
        default=DEFAULT_STORE,
        show_default=True,
        help="The store: a folder, or a database URL.",
    )(command)


def collection_option(command: Command) -> Command:
    """Add the option that names a collection."""
    return click.option(
        "--collection",
        "-c",
        envvar="EMBEDSTORE_COLLECTION",
        default=DEFAULT_COLLECTION,
        show_default=True,
        help="The collection in the store.",
    )(command)


def json_option(command: Command) -> Command:
    """Add the option that prints JSON for programs."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")(command)


def calibration_options(command: Command) -> Command:
    """Add the options that name the photos on which forms of an encoder are measured."""
    command = click.option("--split", help="Measure on this split of a Karpathy json.")(command)
    return click.option(
        "--calibration",
        type=click.Path(path_type=Path),
        help="Photos with captions to measure recall on.  [default: the sample gallery]",
    )(command)


def api_key_option(command: Command) -> Command:
    """Add the option that sets the key clients must send."""
    return click.option(
        "--api-key",
        envvar="EMBEDSTORE_API_KEY",
        help="Clients must send it as `Authorization: Bearer KEY`; better set in the environment.",
    )(command)


def endpoint_key_option(command: Command) -> Command:
    """Add the option that sets the key which a generator's endpoint wants."""
    return click.option(
        "--endpoint-key",
        envvar="EMBEDSTORE_ENDPOINT_KEY",
        help="Sent to the endpoint of --generator endpoint:URL#MODEL; better in the environment.",
    )(command)
