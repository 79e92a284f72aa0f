"""The state of a run on disk, so that it can be killed at any moment and go on.

A checkpoint is a file of tensors and a JSON file that names it with its checksum. The JSON is
renamed into place last: before that the checkpoint does not exist, after it is whole. Nothing here
is unpickled, so a checkpoint that someone else made cannot run code.
"""

import json
import logging
import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import xxhash
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from embedstore.errors import Corrupt, Invalid
from embedstore.training.disk import unwritable
from embedstore.types import digest
from indexer.snapshot import sync_folder

log = logging.getLogger("embedstore")

_FORMAT = 1
_KEPT = 2
_CHUNK = 1 << 20


@dataclass(frozen=True)
class RunState:
    """Everything a run needs to go on as if it had never stopped.

    States of random numbers are not among it: the seed and the step decide them.

    Attributes:
        step: Steps that are done.
        tensors: By name: weights, their running average, what the optimizer remembers.
        numbers: Any JSON object: digest of the recipe, best recall, numbers of the optimizer.
    """

    step: int
    tensors: Mapping[str, Tensor]
    numbers: Mapping[str, Any] = field(default_factory=dict)


def save(folder: Path, state: RunState) -> None:
    """Write a checkpoint and remove all but the last two.

    Args:
        folder: Made if missing; nothing else belongs in it.
        state: What to keep.

    Raises:
        StorageFull: The folder cannot be written; earlier checkpoints are untouched.
    """
    tensors = _plain(state.tensors)
    name = f"step-{state.step:09d}"
    data = folder / f"{name}-{secrets.token_hex(4)}.safetensors"
    needed = sum(one.nbytes for one in tensors.values())
    try:
        folder.mkdir(parents=True, exist_ok=True)
        save_file(tensors, data)
        with data.open("rb") as file:
            os.fsync(file.fileno())
        _write_json(folder / f"{name}.json", _body(state, data))
        sync_folder(folder)
    except (OSError, SafetensorError) as error:
        with suppress(OSError):
            data.unlink(missing_ok=True)
        raise unwritable(f"the checkpoint of step {state.step}", folder, needed, error) from error
    _purge(folder, f"{name}.json")


def latest(folder: Path) -> RunState | None:
    """Open the newest checkpoint that is whole; a damaged one is logged and passed over.

    Args:
        folder: Where `save` wrote.

    Returns:
        The state, its tensors on the CPU; None where there is no checkpoint.

    Raises:
        Corrupt: There are checkpoints, and all of them are damaged.
    """
    reasons = []
    for path in _newest_first(folder):
        try:
            return _open(path)
        except Corrupt as error:
            log.warning("%s; trying the checkpoint before it", error)
            reasons.append(str(error))
    if reasons:
        raise Corrupt(
            f"{folder}: none of its {len(reasons)} checkpoints is whole ({reasons[0]}); "
            "restore a copy, or start anew with --no-resume"
        )
    return None


def newest_step(folder: Path) -> int | None:
    """Give the number of the newest checkpoint's step, which is not opened; None without any."""
    names = (path.stem.removeprefix("step-") for path in _newest_first(folder))
    return next(map(int, names), None)


def fill(target: Mapping[str, Tensor], saved: Mapping[str, Tensor], what: str) -> None:
    """Copy saved tensors into those of a model, in place.

    Args:
        target: Such as `model.state_dict()`.
        saved: By the same names, of the same shapes.
        what: Where they come from, for messages.

    Raises:
        Invalid: They belong to another architecture; the first difference is named.
    """
    difference = _difference(target, saved)
    if difference is not None:
        raise Invalid(
            f"{what} is of another architecture: {difference}; give the --init and --tune that "
            "it was made with, or another --out"
        )
    with torch.no_grad():
        for name, tensor in target.items():
            tensor.copy_(saved[name])


def _plain(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Give tensors as safetensors takes them: on the CPU, contiguous, no two of one memory."""
    plain: dict[str, Tensor] = {}
    seen: set[int] = set()
    for name, tensor in tensors.items():
        one = tensor.detach().cpu().contiguous()
        place = one.untyped_storage().data_ptr()
        plain[name] = one.clone() if place in seen else one
        seen.add(place)
    return plain


def _body(state: RunState, data: Path) -> dict[str, Any]:
    body = {
        "format": _FORMAT,
        "step": state.step,
        "file": data.name,
        "checksum": _checksum(data),
        "numbers": dict(state.numbers),
    }
    return {**body, "digest": digest(body)}


def _write_json(path: Path, body: Mapping[str, Any]) -> None:
    draft = path.with_name(f"{path.name}.tmp")
    try:
        with draft.open("w", encoding="utf-8") as file:
            json.dump(body, file)
            file.flush()
            os.fsync(file.fileno())
        sync_folder(path.parent)  # the tensors' name is on the disk before the JSON that tells it
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _open(path: Path) -> RunState:
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
        told = body.pop("digest")
        if digest(body) != told or body["format"] != _FORMAT:
            raise ValueError(f"format {body['format']!r}, or changed since it was written")
        data = path.parent / Path(body["file"]).name
        if _checksum(data) != body["checksum"]:
            raise ValueError(f"{data.name} is not as it was written")
        tensors = load_file(data)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, SafetensorError) as error:
        raise Corrupt(f"{path} is damaged ({type(error).__name__}: {error})") from error
    return RunState(body["step"], tensors, body["numbers"])


def _difference(target: Mapping[str, Tensor], saved: Mapping[str, Tensor]) -> str | None:
    for name, tensor in target.items():
        if name not in saved:
            return f"it has no {name}, expected one of shape {tuple(tensor.shape)}"
        if saved[name].shape != tensor.shape:
            found, wanted = tuple(saved[name].shape), tuple(tensor.shape)
            return f"its {name} has the shape {found}, expected {wanted}"
    surplus = next((name for name in saved if name not in target), None)
    return None if surplus is None else f"it has {surplus}, which the model does not have"


def _checksum(path: Path) -> str:
    hasher = xxhash.xxh3_128()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            hasher.update(chunk)
    return hasher.hexdigest()


def _newest_first(folder: Path) -> list[Path]:
    return sorted(folder.glob("step-*.json"), reverse=True)


def _purge(folder: Path, written: str) -> None:
    """Keep a checkpoint and the one before it; what is newer is of a run that was begun anew."""
    kept: set[Path] = set()
    for path in [one for one in _newest_first(folder) if one.name <= written][:_KEPT]:
        with suppress(OSError, ValueError, KeyError):
            kept |= {path, folder / json.loads(path.read_text(encoding="utf-8"))["file"]}
    for path in folder.iterdir():
        if path not in kept:
            path.unlink(missing_ok=True)
