"""Settings from a TOML file: weaker than the environment, which is weaker than a flag."""

import difflib
import tomllib
from collections.abc import Collection
from pathlib import Path
from typing import Any

import click


def read(
    path: Path, known: Collection[str], many: Collection[str], switches: Collection[str]
) -> dict[str, Any]:
    """Read a file of settings, each under the name of its flag without the dashes before it.

    Args:
        path: The file.
        known: Names that it may hold.
        many: Those that may have several values.
        switches: Those that are true or false.

    Returns:
        Values by name, with `_` for `-`.

    Raises:
        UsageError: It cannot be read, is not TOML, or holds what is no setting or no value of it.
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
    found: dict[str, Any] = {}
    for name, value in values.items():
        setting = _known(path, name, known)
        parameter = setting.replace("-", "_")
        if parameter in found:
            raise click.UsageError(
                f"{path} holds {setting!r} twice, with `-` and `_`; expected one"
            )
        found[parameter] = _shaped(path, name, value, setting in many, setting in switches)
    return found


def _known(path: Path, name: str, known: Collection[str]) -> str:
    wanted = name.replace("_", "-")
    if wanted not in known:
        near = difflib.get_close_matches(wanted, sorted(known), 1, 0.0)
        raise click.UsageError(
            f"{path} holds {name!r}, which is no setting; did you mean {near[0]!r}? "
            f"expected some of: {', '.join(sorted(known))}"
        )
    return wanted


def _shaped(path: Path, name: str, value: Any, many: bool, switch: bool) -> Any:
    if many and isinstance(value, list):
        return [_shaped(path, name, each, False, switch) for each in value]
    if isinstance(value, dict | list):
        raise click.UsageError(f"{path} holds several values for {name!r}; expected one")
    if isinstance(value, bool) and not switch:  # which would be the number 1 or 0
        told = str(value).lower()
        raise click.UsageError(f"{path} holds {told} for {name!r}; expected a text or a number")
    return [value] if many else value
