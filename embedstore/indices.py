"""The vector sets of a collection, one a modality, kept in step with its rows.

Rows are the truth. A set is opened from its published files where they are sound, caught up
with the rows that came later, and published again when its tail has grown. Files that fail
their checks are never read: the set then holds every row in its exact tail and is published
anew in the background.
"""

import logging
import shutil
import threading
from collections.abc import Iterator, Mapping
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
    """One vector set for each modality of a collection; it may be shared by threads."""

    def __init__(self, catalog: Catalog, info: CollectionInfo, folder: Path) -> None:
        self._catalog = catalog
        self._info = info
        self.folder = folder / "index" / f"{info.name}-{info.id}"
        self._sets: Mapping[Modality, VectorSet] = {}  # replaced whole, for readers hold no lock
        self._telling = threading.Lock()
        self._building = threading.Lock()
        self._background: threading.Thread | None = None

    @property
    def seq(self) -> int:
        """The commit that the sets have caught up with; -1 before they are opened."""
        return min((each.seq for each in self._sets.values()), default=-1)

    def neighbors(
        self, modality: Modality, vector: Vectors, k: int, allow: NDArray[np.int64] | None
    ) -> Neighbors:
        """Find the k best rows of one modality for one query vector `(d,)`."""
        if not self._sets:
            self.refresh()
        with meaningful_errors():
            return self._sets[modality].search(vector[None, :], k, allow)

    def refresh(self) -> None:
        """Catch up with what any process has committed."""
        with self._telling:
            seq, purged = self._catalog.seq(self._info.id)
            sets = dict(self._sets)
            for modality in MODALITIES:
                held = sets.get(modality)
                if held is None or held.seq < seq:
                    sets[modality] = self._caught_up(modality, held, purged)
            self._sets = sets

    def rebuild(self) -> int:
        """Build and publish every modality's index from its rows; searches go on meanwhile.

        Returns:
            The commit that the published files hold.
        """
        with self._building:
            return min(self._published(modality) for modality in MODALITIES)

    def rebuild_quietly(self) -> None:
        """Rebuild; a failure is logged, for the rows are safe and searches stay exact."""
        try:
            self.rebuild()
        except EmbedStoreError as error:
            log.warning("could not rebuild %s: %s; searches stay exact", self._info.name, error)

    def rebuild_in_background(self) -> None:
        """Rebuild in a thread, unless one is at it."""
        with self._telling:
            self._start_building()

    def due(self, share: float = REBUILD_SHARE, least: int = REBUILD_LEAST) -> bool:
        """Say whether the rows that are not published outgrow a share of those that are.

        Args:
            share: Unpublished rows allowed, as a share of the published ones.
            least: Unpublished rows that are always allowed.
        """
        if not self._sets:
            with self._telling:
                _, purged = self._catalog.seq(self._info.id)
                self._sets = {each: self._opened(each, purged) for each in MODALITIES}
        return any(
            self._catalog.waiting(self._info.id, modality, held.published_seq)
            > max(least, share * held.published_count)
            for modality, held in self._sets.items()
        )

    def describe(self) -> dict[Modality, dict[str, object]]:
        """Say for each modality what is published and what waits in the exact tail."""
        self.refresh()
        return {modality: held.describe() for modality, held in self._sets.items()}

    def close(self) -> None:
        """Wait for a rebuild that is under way."""
        if self._background is not None:
            self._background.join()

    def erase_files(self) -> None:
        """Remove the published files."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _published(self, modality: Modality) -> int:
        seq, ids, vectors = self._catalog.scan(self._info.id, modality)
        space = self._info.space
        held = self._sets.get(modality, VectorSet(space.dim))
        with meaningful_errors():
            held.publish(self.folder / modality, ids, vectors, seq, space.fingerprint)
        return seq

    def _opened(self, modality: Modality, purged: int) -> VectorSet:
        space = self._info.space
        try:
            return VectorSet.open(self.folder / modality, space.fingerprint, space.dim, purged)
        except numbers.CorruptSnapshot as error:
            log.warning("%s; searching the rows exactly and rebuilding", error)
            self._start_building()
            return VectorSet(space.dim)

    def _caught_up(self, modality: Modality, held: VectorSet | None, purged: int) -> VectorSet:
        """Tell a set what it missed; one that missed forgotten deletions is opened anew."""
        if held is None or held.seq < purged:
            held = self._opened(modality, purged)
        told = held.seq
        changes = self._catalog.changes(self._info.id, modality, told)
        if changes.purged_seq > purged:  # another process compacted in between
            return self._caught_up(modality, None, changes.purged_seq)
        if changes.seq < told:
            return self._started_over(modality, told, changes.seq)
        with meaningful_errors():
            held.apply(
                changes.ids,
                changes.vectors,
                changes.seqs,
                changes.removed,
                changes.removed_seqs,
                changes.seq,
            )
        if len(changes.ids) > max(REBUILD_LEAST, REBUILD_SHARE * held.published_count):
            self._start_building()
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
        self._start_building()
        return self._caught_up(modality, VectorSet(self._info.space.dim), seq)

    def _start_building(self) -> None:
        if self._background is None or not self._background.is_alive():
            name = f"rebuild-{self._info.name}"
            self._background = threading.Thread(target=self.rebuild_quietly, name=name)
            self._background.start()
