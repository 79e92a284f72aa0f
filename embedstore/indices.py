"""The vector sets of a collection, one a modality, kept in step with its rows.

Rows are the truth. A set is opened from its published files where they are sound, caught up
with the rows that came later, and published again when its tail has grown. Files that fail
their checks are never read: the set then holds every row in its exact tail and is published
anew in the background.
"""

import logging
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from embedstore.catalog import Catalog, CollectionInfo
from embedstore.errors import BadQuery, Corrupt, EmbedStoreError, NoDevice, StorageFull
from embedstore.types import MODALITIES, Modality, Vectors
from indexer import Neighbors, VectorSet
from indexer import errors as numbers

REBUILD_SHARE, REBUILD_LEAST = 2.0, 10_000  # each rebuild is paid for by twice as many new rows

log = logging.getLogger("embedstore")

_MEANING: dict[type[numbers.IndexerError], type[EmbedStoreError]] = {
    numbers.BadVectors: BadQuery,
    numbers.DiskFull: StorageFull,
    numbers.NoDevice: NoDevice,
    numbers.CorruptSnapshot: Corrupt,
}


@contextmanager
def meaningful_errors() -> Iterator[None]:
    """Raise the indexer's errors as embedstore's."""
    try:
        yield
    except numbers.IndexerError as error:
        raise _MEANING.get(type(error), EmbedStoreError)(str(error)) from error


class Indices:
    """One vector set for each modality of a collection."""

    def __init__(self, catalog: Catalog, info: CollectionInfo, folder: Path) -> None:
        self._catalog = catalog
        self._info = info
        self.folder = folder / "index" / f"{info.name}-{info.id}"
        self._sets: dict[Modality, VectorSet] = {}
        self._lock = threading.Lock()
        self._repairs: list[threading.Thread] = []

    @property
    def seq(self) -> int:
        """The commit that the sets have caught up with; -1 before they are opened."""
        return min((each.seq for each in self._sets.values()), default=-1)

    def neighbors(
        self, modality: Modality, vector: Vectors, k: int, allow: NDArray[np.int64] | None
    ) -> Neighbors:
        """Find the k best rows of one modality for one query vector `(d,)`."""
        if modality not in self._sets:
            self.refresh()
        with meaningful_errors():
            return self._sets[modality].search(vector[None, :], k, allow)

    def refresh(self) -> None:
        """Catch up with what any process has committed."""
        with self._lock:
            seq, purged = self._catalog.seq(self._info.id)
            for modality in MODALITIES:
                held = self._sets.get(modality)
                if held is None or held.seq < seq:
                    self._sets[modality] = self._caught_up(modality, held, purged)

    def rebuild(self) -> int:
        """Build and publish every modality's index from its rows; readers go on meanwhile.

        Returns:
            The commit that the published files hold.
        """
        self.refresh()
        seqs = []
        for modality in MODALITIES:
            seq, ids, vectors = self._catalog.scan(self._info.id, modality)
            seqs.append(seq)
            if len(ids) == 0:
                shutil.rmtree(self.folder / modality, ignore_errors=True)
                with self._lock:
                    self._sets[modality] = VectorSet(self._info.space.dim, seq)
                continue
            with meaningful_errors():
                self._sets[modality].publish(
                    self.folder / modality, ids, vectors, seq, self._info.space.fingerprint
                )
        return min(seqs)

    def rebuild_if_due(self, share: float = REBUILD_SHARE, least: int = REBUILD_LEAST) -> bool:
        """Rebuild when the rows that are not published outgrow a share of those that are.

        Args:
            share: Unpublished rows allowed, as a share of the published ones.
            least: Unpublished rows that are always allowed.

        Returns:
            Whether a rebuild was done.
        """
        if not self._sets:
            self.refresh()
        for modality, held in self._sets.items():
            waiting = self._catalog.waiting(self._info.id, modality, held.published_seq)
            if _due(waiting, held.published_count, share, least):
                self.rebuild()
                return True
        return False

    def counts(self) -> dict[Modality, dict[str, object]]:
        """Say for each modality what is published and what waits in the exact tail."""
        self.refresh()
        return {modality: self._sets[modality].describe() for modality in MODALITIES}

    def close(self) -> None:
        """Wait for a repair that is under way."""
        for thread in self._repairs:
            thread.join()

    def erase_files(self) -> None:
        """Remove the published files."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _opened(self, modality: Modality, purged: int) -> VectorSet:
        space = self._info.space
        try:
            return VectorSet.open(self.folder / modality, space.fingerprint, space.dim, purged)
        except numbers.CorruptSnapshot as error:
            log.warning("%s; searching the rows exactly and rebuilding", error)
            self._repair_in_background()
            return VectorSet(space.dim)

    def _caught_up(self, modality: Modality, held: VectorSet | None, purged: int) -> VectorSet:
        """Tell a set what it missed; one that missed forgotten deletions is opened anew."""
        if held is None or held.seq < purged:
            held = self._opened(modality, purged)
        changes = self._catalog.changes(self._info.id, modality, held.seq)
        if changes.purged_seq > purged:  # another process compacted in between
            return self._caught_up(modality, None, changes.purged_seq)
        if changes.seq < held.seq:
            return self._started_over(modality, held.seq, changes.seq)
        with meaningful_errors():
            held.apply(
                changes.ids,
                changes.vectors,
                changes.seqs,
                changes.removed,
                changes.removed_seqs,
                changes.seq,
            )
        if _due(len(changes.ids), held.published_count, REBUILD_SHARE, REBUILD_LEAST):
            self._repair_in_background()
        return held

    def _started_over(self, modality: Modality, ahead: int, seq: int) -> VectorSet:
        """Drop files that know commits which the rows do not: the rows were restored."""
        log.warning(
            "the %s index of %s is at commit %d and the rows at %d; it is rebuilt",
            modality,
            self._info.name,
            ahead,
            seq,
        )
        shutil.rmtree(self.folder / modality, ignore_errors=True)
        self._repair_in_background()
        return self._caught_up(modality, VectorSet(self._info.space.dim), seq)

    def _repair_in_background(self) -> None:
        if any(thread.is_alive() for thread in self._repairs):
            return
        thread = threading.Thread(target=self._repair, name=f"rebuild-{self._info.name}")
        self._repairs.append(thread)
        thread.start()

    def _repair(self) -> None:
        try:
            self.rebuild()
        except EmbedStoreError as error:
            log.warning("could not rebuild %s: %s; searches stay exact", self._info.name, error)


def _due(waiting: int, published: int, share: float, least: int) -> bool:
    return waiting > max(least, share * published)
