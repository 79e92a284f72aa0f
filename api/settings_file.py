"""Settings from a TOML file: weaker than the environment, which is weaker than a flag."""

import difflib
import tomllib
from collections.abc import Collection
from pathlib import Path
from typing import Any

import click


def read(path: Path, known: Collection[str], many: Collection[str]) -> dict[str, Any]:
    """Read a file of settings, each under the name of its flag without the dashes before it.

    Args:
        path: The file.
        known: Names that it may hold.
        many: Those that may have several values.

    Returns:
        Values by name, with `_` for `-`.

    Raises:
        UsageError: It cannot be read, is not TOML, or holds what is no setting.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise click.UsageError(
            f"cannot read the settings {path} ({error.strerror}); give a TOML file with --config"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise click.UsageError(
            f"{path} is not TOML ({error}); expected lines such as `port = 8000`"
        ) from error
    return {
        _known(path, name, known).replace("-", "_"): _shaped(path, name, value, many)
        for name, value in values.items()
    }


def _known(path: Path, name: str, known: Collection[str]) -> str:
    wanted = name.replace("_", "-")
    if wanted not in known:
        near = difflib.get_close_matches(wanted, sorted(known), 1, 0.0)
        raise click.UsageError(
            f"{path} holds {name!r}, which is no setting; did you mean {near[0]!r}? "
            f"expected some of: {', '.join(sorted(known))}"
        )
    return wanted


def _shaped(path: Path, name: str, value: Any, many: Collection[str]) -> Any:
    if name in many:
        return value if isinstance(value, list) else [value]
    if isinstance(value, dict | list):
        raise click.UsageError(f"{path} holds several values for {name!r}; expected one")
    return value
