"""The figures of a run in Weights & Biases, where its package is installed and asked for."""

import importlib
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from embedstore.errors import MissingExtra, Unavailable

_ID = "wandb-id"  # in the run's folder, so that a resumed run goes on in the same place


def package() -> Any:
    """Give the module, or say before anything is computed that it is missing.

    Raises:
        MissingExtra: It is not installed.
    """
    try:
        return importlib.import_module("wandb")
    except ImportError as error:
        raise MissingExtra(
            "Weights & Biases is asked for, but its package wandb is not installed; "
            "run pip install 'embedstore[wandb]', or leave --wandb out"
        ) from error


class Tracker:
    """A run there.

    Args:
        folder: The run's folder, whose name it is shown under.
        resumed_at: Steps done before; 0 is a new run.
        about: Any JSON object, shown beside the figures.

    Raises:
        MissingExtra: The package is not installed.
        Unavailable: It does not start, such as where nobody is logged in.
    """

    def __init__(self, folder: Path, resumed_at: int, about: Mapping[str, Any]) -> None:
        wandb = package()
        note = folder / _ID
        known = note.read_text(encoding="utf-8") if resumed_at and note.exists() else None
        name = known or secrets.token_hex(8)
        folder.mkdir(parents=True, exist_ok=True)
        note.write_text(name, encoding="utf-8")
        try:
            self._run: Any = wandb.init(
                project="embedstore",
                name=folder.resolve().name,
                id=name,
                resume="allow",
                dir=str(folder),
                config=dict(about),
            )
        except Exception as error:
            reason = " ".join(f"{type(error).__name__} {error}".split())[:200]
            raise Unavailable(
                f"Weights & Biases does not start ({reason}); run wandb login, set "
                "WANDB_MODE=offline, or leave --wandb out"
            ) from error

    def add(self, step: int, figures: Mapping[str, float]) -> None:
        """Send the figures of a step."""
        self._run.log(dict(figures), step=step)

    def close(self) -> None:
        """Send what is left."""
        self._run.finish()
