"""What is used here and why, checked rather than assumed."""

import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Literal

from embedstore.corpus import default_workers
from embedstore.encoders import explain_device
from embedstore.store import Store
from indexer import explain as explain_index_device

State = Literal["ok", "warning", "failed"]
LEAST_FREE = 1 << 30  # bytes; below it the next rebuild may not find room
PACKAGES = ("torch", "open_clip_torch", "faiss-gpu", "faiss-cpu", "numpy", "pillow", "sqlalchemy")


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
        quarantined = len(store.catalog.quarantine(info.id))
        if quarantined:
            yield Finding(
                f"quarantine of {info.name}",
                "warning",
                f"{quarantined} items failed; try again: `embedstore index PATH --retry`",
            )
