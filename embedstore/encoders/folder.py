"""What a path means as the name of an encoder: a folder with one, or a run of training."""

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Literal

from embedstore.errors import NotFound
from embedstore.types import Encoder

Kind = Literal["mini", "openclip", "exported"]
ENCODER, REFUSED, REPORT = "encoder", "refused", "report.json"  # of a run of training
MARKS: dict[str, Kind] = {
    "runtime.json": "exported",
    "open_clip_config.json": "openclip",
    "config.json": "mini",
}


def is_path(name: str) -> bool:
    """Say whether a name means a folder: by its separators, a leading . or ~, or being there."""
    signs = name.startswith((".", "~")) or "/" in name or os.sep in name
    return bool(name) and (signs or Path(name).is_dir())


def find(name: str) -> tuple[Kind, Path]:
    """Find the encoder of a folder, or of the run of training that it holds.

    Returns:
        Its format, and its own folder.

    Raises:
        NotFound: No such folder, none with an encoder, or a run whose gate refused it.
    """
    folder = Path(name).expanduser().absolute()
    if not folder.is_dir():
        raise NotFound(
            f"no encoder at {folder}: no such folder; expected one that `embedstore train` or "
            "`embedstore export-encoder` wrote; check the path"
        )
    for place in (folder, folder / ENCODER):
        for mark, kind in MARKS.items():
            if (place / mark).is_file():
                return kind, place
    if (folder / REFUSED).is_dir():
        raise NotFound(
            f"the run {folder} offers no encoder: {_why(folder / REPORT)}; train it otherwise, or "
            f"use what it learnt all the same as {folder / REFUSED}"
        )
    raise NotFound(
        f"no encoder in {folder}; expected one of {', '.join(MARKS)} there or in its folder "
        f"{ENCODER}; has its training ended?"
    )


def load_folder(name: str, device: str) -> Encoder:
    """Load the encoder of a folder or run.

    Raises:
        NotFound: No such folder, none with an encoder, or a run whose gate refused it.
        Corrupt: A file is damaged.
        Invalid: Weights of another model.
        NoDevice: The device is not there.
    """
    kind, folder = find(name)
    match kind:
        case "mini":
            from embedstore.encoders.mini import load_mini

            return load_mini(device, folder)
        case "exported":
            from embedstore.encoders.exported import load_exported

            return load_exported(folder, device)
    from embedstore.encoders.openclip import load_openclip

    encoder = load_openclip(f"local-dir:{folder}", device)
    encoder.space = replace(encoder.space, encoder=str(folder))
    return encoder


def _why(report: Path) -> str:
    try:
        why = json.loads(report.read_text("utf-8"))["why"]
    except (OSError, ValueError, KeyError, TypeError):
        return f"its gate refused it, and {report} does not say why"
    return " ".join(str(why).split())
