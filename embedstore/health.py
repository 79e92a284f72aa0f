"""What is used here and why, checked rather than assumed."""

import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from embedstore.catalog import CollectionInfo
from embedstore.corpus import default_workers
from embedstore.encoders import explain_device
from embedstore.index_folders import folder_of
from embedstore.index_form import damage_of
from embedstore.store import Store
from indexer import explain as explain_index_device

if TYPE_CHECKING:
    from embedstore.encoders.runtime_file import Evidence

State = Literal["ok", "warning", "failed"]
LEAST_FREE = 1 << 30  # bytes; below it the next rebuild may not find room
PACKAGES = (
    "torch",
    "open_clip_torch",
    "onnxruntime",
    "openvino",
    "faiss-gpu",
    "faiss-gpu-cuvs",
    "faiss-cpu",
    "numpy",
    "pillow",
    "sqlalchemy",
)


@dataclass(frozen=True)
class Finding:
    """One thing that was checked.

    Attributes:
        name: What was looked at.
        state: Whether a person must act.
        detail: What was seen and, where needed, what to do.
    """

    name: str
    state: State
    detail: str


def examine(store: Store | None) -> Iterator[Finding]:
    """Check the machine, the packages and, where one is given, a store.

    Args:
        store: The store to look into.

    Yields:
        Findings, as soon as each is made.
    """
    yield Finding("python", "ok", sys.version.split()[0])
    yield Finding("packages", "ok", ", ".join(_installed()))
    yield Finding("decoding", "ok", f"{default_workers()} processes, one a core")
    yield Finding("encoder device", "ok", explain_device())
    yield Finding("index device", "ok", explain_index_device())
    if store is not None:
        yield from _examine_store(store)


def examine_encoder(
    name: str, folder: Path, calibration: Path | None, split: str | None = None
) -> Iterator[Finding]:
    """Find the fastest form of an encoder that keeps recall@k, by trying all on the CPU.

    Args:
        name: What `encoders.load` takes.
        folder: Receives a folder for each form that was tried.
        calibration: Photos with captions; None takes the sample gallery.
        split: Of a Karpathy json.

    Yields:
        What was measured of each, and at last the pick.

    Raises:
        MissingExtra: The exporter's packages are not installed.
        Invalid: The encoder cannot be exported.
    """
    from embedstore.exporting import fastest, trials

    tried = []
    for each in trials(name, folder, calibration, split):
        tried.append(each)
        if each.evidence is not None:
            yield Finding(f"{name} as {each.way}", "ok", _measured(each.evidence))
    best = fastest(tried)
    if best is not None:
        where = folder / best.way
        yield Finding("fastest encoder", "ok", f"{best.way}: use it with --encoder {where}")
        return
    few = not any(each.evidence and each.evidence.enough for each in tried)
    why = "too few captions to tell; give 1,000 or more with --calibration" if few else "measured"
    yield Finding("fastest encoder", "ok", f"{name} as it is, no form is shown to be better: {why}")


def _measured(found: "Evidence") -> str:
    worst = f"recall@k {-100 * found.loss:+.1f} points at worst"
    return f"{found.speedup:.1f}x float32, {worst}, {found.captions} captions"


def _installed() -> Iterator[str]:
    for package in PACKAGES:
        try:
            yield f"{package} {version(package)}"
        except PackageNotFoundError:
            continue


def _examine_store(store: Store) -> Iterator[Finding]:
    # Beside a database, the folder is made with the first index
    folder = store.folder.absolute()
    there = next(place for place in (folder, *folder.parents) if place.exists())
    free = shutil.disk_usage(there).free
    yield Finding(
        "disk",
        "ok" if free > LEAST_FREE else "warning",
        f"{free / 2**30:.1f} GiB free at {store.folder}",
    )
    damage = store.catalog.check()
    yield Finding(
        "database",
        "failed" if damage else "ok",
        "; ".join(damage) or f"{store.catalog.dialect}, sound",
    )
    for info in store.collections():
        counts = store.catalog.count(info.id)
        yield Finding(
            f"collection {info.name}", "ok", f"{counts['items']} items of {info.space.encoder}"
        )
        yield _index_of(store, info)
        quarantined = len(store.catalog.quarantine(info.id))
        if quarantined:
            yield Finding(
                f"quarantine of {info.name}",
                "warning",
                f"failed items: {quarantined}; fix the cause, then `embedstore index PATH --retry`",
            )


def _index_of(store: Store, info: CollectionInfo) -> Finding:
    damage = damage_of(store.catalog, info, folder_of(store.folder, info))
    mend = f"; searches score every row meanwhile: `embedstore rebuild --collection {info.name}`"
    return Finding(
        f"index of {info.name}",
        "failed" if damage else "ok",
        "; ".join(damage) + mend if damage else "every byte of its files is sound",
    )
