"""What the doors are told from outside: flags, behind them the environment, then a file.

Every setting has one name: `--index-folder`, `EMBEDSTORE_INDEX_FOLDER`, `index-folder` in the file
that `--config` or `EMBEDSTORE_CONFIG` names. `embedstore serve --show-settings` tells them all.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

DEFAULT_STORE = "embedstore-data"
DEFAULT_COLLECTION = "photos"
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
MAX_BODY_BYTES = 32 << 20  # a 20 MiB picture is 27 MiB in base64

Command = Callable[..., Any]


@dataclass(frozen=True)
class Setting:
    """A value that a person may set; its name is that of its flag."""

    help: str
    default: Any = None
    kind: Any = str
    many: bool = False
    secret: bool = False
    short: str | None = None


_COUNT, _AMOUNT = click.IntRange(1), click.FloatRange(0, min_open=True)
SETTINGS = {
    "store": Setting("The store: a folder, or a database URL.", DEFAULT_STORE),
    "index-folder": Setting(
        "Folder for index files, when the store is a database URL.",
        kind=click.Path(file_okay=False),
    ),
    "collection": Setting("The collection in the store.", DEFAULT_COLLECTION, short="-c"),
    "host": Setting("Address to listen on.", "127.0.0.1"),
    "allowed-host": Setting(
        "A name the server answers to, as behind a proxy that ends TLS; loopback's own are always "
        "allowed, without any on a public address every name is.",
        many=True,
    ),
    "port": Setting("Port to listen on; 0 takes a free one.", 8000, click.IntRange(0, 65535)),
    "generator": Setting(
        "A generator that requests may choose, the first by default.  [default: the bundled ones]",
        many=True,
    ),
    "endpoint-key": Setting(
        "Sent to the endpoint of --generator endpoint:URL#MODEL; better in the environment.",
        secret=True,
    ),
    "endpoint-timeout": Setting(
        "Seconds that one attempt at the endpoint may take.", 30.0, _AMOUNT
    ),
    "endpoint-retries": Setting("Attempts after the first.", 2, click.IntRange(0)),
    "endpoint-budget": Setting(
        "Seconds that an answer of the endpoint may take with all attempts.", 60.0, _AMOUNT
    ),
    "endpoint-text-only": Setting(
        "Send the endpoint texts alone, never the picture that is asked about.", False, bool
    ),
    "api-key": Setting(
        "Clients may send it as `Authorization: Bearer KEY` and do all; 16 characters at least, "
        "better in the environment.",
        secret=True,
    ),
    "fetch-urls": Setting(
        "Fetch pictures that requests name by address, from the public internet alone.",
        False,
        bool,
    ),
    "origin": Setting("Another site whose pages may use this server (CORS).", many=True),
    "max-body-mib": Setting("Largest body of a request.", MAX_BODY_BYTES >> 20, _COUNT),
    "max-seconds": Setting("Longest time until an answer begins.", 60.0, _AMOUNT),
    "max-requests": Setting("Requests that wait for their answer at once.", 128, _COUNT),
    "rate": Setting("Requests a second for each API key; 0 for any.", 100.0, click.FloatRange(0)),
    "stop-seconds": Setting(
        "Time for accepted requests, and the job that runs, to end at SIGTERM.", 30, _COUNT
    ),
    "traces": Setting(
        "An OpenTelemetry collector that gets traces (OTLP over HTTP), as http://localhost:4318."
    ),
    "log": Setting(
        "Lines on the error stream: a JSON object a request, or warnings alone.",
        "quiet",
        click.Choice(["quiet", "json"]),
    ),
}


def option(name: str, parameter: str | None = None) -> Callable[[Command], Command]:
    """Give the option of one setting.

    Args:
        name: Of the setting.
        parameter: What the command calls it; None for the setting's own name.
    """
    setting = SETTINGS[name]
    told: dict[str, Any] = {"type": setting.kind, "multiple": setting.many}
    if setting.kind is bool:
        told = {"is_flag": True}
    if setting.default is not None:
        told |= {"default": setting.default, "show_default": setting.kind is not bool}
    return click.option(
        f"--{name}",
        *([setting.short] if setting.short else []),
        *([parameter] if parameter else []),
        envvar=variable(name),
        help=setting.help,
        **told,
    )


def variable(name: str) -> str:
    """Give the environment variable of a setting."""
    return f"EMBEDSTORE_{name.upper().replace('-', '_')}"


def config_option(command: Command) -> Command:
    """Add the option that names a file of settings."""

    def take(context: click.Context, _: click.Parameter, path: Path | None) -> None:
        if path is not None:
            from api.settings_file import read  # and a parser of TOML

            many = {name for name, setting in SETTINGS.items() if setting.many}
            switches = {name for name, setting in SETTINGS.items() if setting.kind is bool}
            context.default_map = read(path, SETTINGS, many, switches)

    return click.option(
        "--config",
        envvar=variable("config"),
        type=click.Path(path_type=Path),
        is_eager=True,  # the other options look into the file
        expose_value=False,
        callback=take,
        help="A TOML file of settings; the environment and flags are stronger.",
    )(command)


def store_options(command: Command) -> Command:
    """Add the options that say which store a command works on."""
    return option("store")(option("index-folder")(config_option(command)))


def collection_option(command: Command) -> Command:
    """Add the option that names a collection."""
    return option("collection")(command)


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


def endpoint_options(command: Command) -> Command:
    """Add the options that say how a generator's endpoint is asked."""
    for name in [each for each in SETTINGS if each.startswith("endpoint-")][::-1]:
        command = option(name)(command)
    return command
