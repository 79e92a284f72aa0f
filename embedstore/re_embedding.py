"""Move a collection to another encoder: its heir is built beside it, then takes over its name.

The collection serves and takes items all the while. Its items are copied in the order they were
stored, each batch in one commit, and then what was stored, replaced or deleted meanwhile, until
nothing is left to copy and no commit came in between; only then do the names change, in one
commit. Killed at any moment, the same call goes on where it stopped.
"""

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from embedstore import encoders
from embedstore.catalog import CollectionInfo
from embedstore.copying import Copying
from embedstore.corpus import Failure
from embedstore.errors import Conflict, Invalid, NotFound, StorageFull
from embedstore.index_folders import sweep
from embedstore.indices import Indices
from embedstore.store import Store
from embedstore.types import Encoder, Modality, Space

REBUILD_SHARE, REBUILD_LEAST = 0.05, 0  # the first search after the switch is to be a quick one
STORED_SHARE = 1.4  # pages that are not full, and the log of the database
INDEXED_BYTES = 4  # for a number of a vector; an exact index keeps float32

Progress = Callable[[int, int, float], None]


@dataclass
class ReEmbedded:
    """What a re-embedding did.

    Attributes:
        collection: Its name.
        before: Encoder of the space before.
        after: Encoder of the space that was asked for.
        items: In the collection when the run began.
        copied: Items encoded in this run; those of an interrupted one before are not counted.
        failed: Items that could not be encoded, and why; more of them stop the switch.
        left_out: Items whose vectors were given ready-made, so that nothing can be encoded.
        truncated: Keys of items with a text longer than the new encoder's context.
        kept: What the old collection is called now; None where it is gone.
        switched: Whether the collection is in the new space now.
        needless: Whether it was in that space already.
        calibrated: Whether the old space was calibrated; the new one is not, until it is measured.
        promised: Terms of the promises that were tuned in the old space, by modality; the new one
            promises what is usual, until it is tuned.
        seconds: Wall time of the run.
    """

    collection: str
    before: str
    after: str
    items: int = 0
    copied: int = 0
    failed: list[Failure] = field(default_factory=list)
    left_out: int = 0
    truncated: list[str] = field(default_factory=list)
    kept: str | None = None
    switched: bool = False
    needless: bool = False
    calibrated: bool = False
    promised: dict[Modality, dict[str, Any]] = field(default_factory=dict)
    seconds: float = 0.0


def re_embed(
    store: Store,
    name: str,
    encoder: str | Encoder,
    *,
    keep: str | None = None,
    allow_missing: bool = False,
    skip_without_source: bool = False,
    workers: int | None = None,
    progress: Progress | None = None,
) -> ReEmbedded:
    """Encode every item of a collection anew and let the result take over its name.

    Args:
        store: Where the collection is.
        name: Of the collection.
        encoder: A name or a path that `embedstore.encoders.load` takes, or an encoder.
        keep: Name to keep the old collection under; None drops it after the switch.
        allow_missing: Switch even if pictures are gone or no longer decode; those items are left
            out and quarantined. Without it the work is done and kept, but not the switch.
        skip_without_source: Leave out items whose vectors were given ready-made.
        workers: Decoding processes; None takes one a core, 0 decodes in this process.
        progress: Called with items done, items in all, and items a second (0: not known).

    Returns:
        What was done; `switched` says whether the collection is in the new space.

    Raises:
        NotFound: No such collection.
        Conflict: The name to keep it under is taken, or another run took over.
        Invalid: Items have vectors that nothing can be encoded for.
        StorageFull: The disk is full, or would be before the end.
    """
    started = time.perf_counter()
    ready = encoders.load(encoder) if isinstance(encoder, str) else encoder
    old = store.catalog.describe(name)
    report = ReEmbedded(name, old.space.encoder, ready.space.encoder, kept=keep)
    report.items = store.catalog.size(old.id)
    report.calibrated = store.catalog.bank_name(old.id) is not None or "expand" in old.options
    report.promised = store.catalog.promised(old.id)
    try:
        if old.space.fingerprint == ready.space.fingerprint:
            report.needless, report.kept = True, None
            _stay(store, old, ready.space)
            return report
        if keep is not None:
            store.catalog.check_new_name(keep)
        report.left_out = _refuse_without_source(store, old, skip_without_source)
        heir = store.catalog.heir(old, ready.space)
        _refuse_full_disk(store, old, heir)
        _sweep(store)
        told = Copying(store.catalog, old, heir, ready, skip_without_source, workers, progress)
        report.switched = _switched(store, told, keep, allow_missing)
        report.copied, report.truncated, report.failed = told.copied, told.truncated, told.failed
        if not report.switched:
            report.kept = None
        _sweep(store)
    except NotFound as error:
        store.catalog.describe(name)  # says so where it was dropped
        raise Conflict(
            f"another run of re-embed took {name!r} over from this one; let it end, then see "
            f"what is in force with `embedstore info --collection {name}`"
        ) from error
    finally:
        report.seconds = time.perf_counter() - started
    return report


def disk_need(store: Store, name: str, dim: int) -> int:
    """Estimate the bytes that a re-embedding takes while both spaces are there.

    Args:
        store: Where the collection is.
        name: Of the collection.
        dim: Of the new space.
    """
    return _need(store, store.catalog.describe(name), dim)


def _need(store: Store, info: CollectionInfo, dim: int) -> int:
    vectors, words, pictures = store.catalog.amount(info.id)
    rows = vectors * dim * 2 + words + pictures
    return int(rows * STORED_SHARE) + vectors * dim * INDEXED_BYTES


def _switched(store: Store, work: Copying, keep: str | None, allow_missing: bool) -> bool:
    """Copy, build the index, and change the names once nothing is left to copy."""
    catalog, old, heir = store.catalog, work.old, work.heir
    work.retry()
    work.catch_up()
    if work.blocked() and not allow_missing:
        return False
    catalog.touch(heir.id, catalog.stale_stamps(old.id, heir.id))
    indices = Indices(catalog, replace(heir, name=old.name), store.folder)
    if indices.due(REBUILD_SHARE, REBUILD_LEAST):
        indices.rebuild()
    indices.close()
    while True:
        seq = work.catch_up()
        if work.blocked() and not allow_missing:
            return False
        if catalog.succeed(old, heir, seq, keep):
            return True


def _stay(store: Store, info: CollectionInfo, space: Space) -> None:
    """Give up what was begun for other spaces; remember where this one's encoder is now."""
    if info.space.encoder != space.encoder:
        store.catalog.set_encoder(info.id, space)
    store.catalog.abandon_heirs(info.id)
    _sweep(store)


def _sweep(store: Store) -> None:
    """Erase what was retired, by this run or one that was killed before it could."""
    store.catalog.erase_retired()
    sweep(store.catalog, store.folder)


def _refuse_without_source(store: Store, old: CollectionInfo, skip: bool) -> int:
    count, key = store.catalog.without_source(old.id)
    if count and not skip:
        raise Invalid(
            f"{count} items of {old.name!r} have vectors that were given ready-made, such as "
            f"{key!r}: there is no picture or text to encode; add them again with one, delete "
            "them, or leave them out with --skip-without-source"
        )
    return count


def _refuse_full_disk(store: Store, old: CollectionInfo, heir: CollectionInfo) -> None:
    if store.catalog.dialect != "sqlite":
        return
    done = _need(store, heir, heir.space.dim)
    needed = max(0, _need(store, old, heir.space.dim) - done)
    free = shutil.disk_usage(store.folder).free
    if free < needed:
        raise StorageFull(
            f"re-embedding {old.name!r} needs about {needed / 2**20:,.0f} MiB beside the old space "
            f"and {store.folder} has {free / 2**20:,.0f} MiB free; free some space and run it again"
        )
