"""The vector sets of a collection, one a modality, kept in step with its rows.

Rows are the truth. A set is opened from its published files where they are sound, caught up
with the rows that came later, and published again when its tail has grown. Files that fail
their checks are never read: the set then holds every row in its exact tail and is published
anew in the background.
"""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from embedstore.background import Background
from embedstore.catalog import Catalog, CollectionInfo
from embedstore.errors import EmbedStoreError
from embedstore.hubness import QueryBank, asked
from embedstore.index_faults import meaningful_errors
from embedstore.index_folders import folder_of
from embedstore.index_form import IndexForm
from embedstore.promise import described, promise_of
from embedstore.types import MODALITIES, Halves, Modality, Vectors
from embedstore.watch import Watch
from indexer import Neighbors, VectorSet
from indexer import errors as numbers

REBUILD_SHARE, REBUILD_LEAST = 2.0, 10_000  # each rebuild is paid for by twice as many new rows

log = logging.getLogger("embedstore")


class Indices:
    """One vector set for each modality of a collection; it may be shared by threads."""

    def __init__(self, catalog: Catalog, info: CollectionInfo, folder: Path) -> None:
        self._catalog = catalog
        self.info = info  # as it was at the last commit that the sets have caught up with
        self.folder = folder_of(folder, info)
        self._sets: Mapping[Modality, VectorSet] = {}  # replaced whole, for readers hold no lock
        self._bank: QueryBank | None = None  # the last one read; the sets are made with
        self._made_with: QueryBank | None = None  # this one
        self._telling = threading.Lock()
        self._building = threading.Lock()
        self._rebuilding = Background(self.rebuild_quietly, f"rebuild-{info.name}")
        self._watch = Watch(catalog, info, self._rebuilding.start)

    @property
    def seq(self) -> int:
        """The commit that the sets have caught up with; -1 before they are opened."""
        return min((each.seq for each in self._sets.values()), default=-1)

    def neighbors(
        self,
        modality: Modality,
        vector: Vectors,
        k: int,
        allow: NDArray[np.int64] | None,
        share_of_text: float,
        exact: bool = False,
    ) -> Neighbors:
        """Find the k best rows of one modality for one query vector or for several.

        Args:
            modality: Where to look.
            vector: `(d,)` or `(q, d)`, unit, of the collection's space.
            k: Rows wanted.
            allow: Rows that may be found; None allows all.
            share_of_text: Of the query, 0..1; so much of their bias do the pictures of a
                calibrated collection lose.
            exact: Score every allowed row.
        """
        if not self._sets:
            self.refresh()
        held, queries = self._sets[modality], np.atleast_2d(vector)
        if held.dim > queries.shape[1]:
            queries = asked(queries, share_of_text)
        with meaningful_errors():
            found = held.search(queries, k, allow, exact)
        if share_of_text == 1.0 and not exact:
            self._watch.note(modality, held, np.atleast_2d(vector)[0], queries[:1])
        return found

    def stored(self, modality: Modality, row: int) -> Vectors:
        """Give the vectors `(m, d)` of a row as they are scored; `(m, d + 1)` with their bias."""
        return self._sets[modality].vectors_of(row)

    def vectors_of(self, modality: Modality, rows: Sequence[int]) -> Vectors:
        """Give the unit vectors `(m, d)` of rows that `neighbors` found."""
        held = self._sets[modality]
        found = [held.vectors_of(row)[:, : self.info.space.dim] for row in rows]
        return np.concatenate([np.empty((0, self.info.space.dim), np.float32), *found])

    def refresh(self) -> None:
        """Catch up with what any process has committed."""
        with self._telling:
            seq, purged = self._catalog.seq(self.info.id)
            sets, behind = dict(self._sets), self.seq < seq
            made_with = self._made_with if sets else self._read_options()
            while behind:
                if self._bank is not made_with:
                    sets.pop("image", None)
                    made_with = self._bank
                for modality in MODALITIES:
                    held = sets.get(modality)
                    if held is None or held.seq < seq:
                        sets[modality] = self._caught_up(modality, held, purged)
                # Asked last: whatever bank is kept from here on is a commit after these.
                behind = self._read_options() is not made_with
            self._sets, self._made_with = sets, made_with

    def rebuild(self, modalities: Sequence[Modality] = MODALITIES) -> int:
        """Build and publish indices from their rows; searches go on meanwhile.

        Returns:
            The commit that the published files hold.
        """
        with self._building:
            return min(self._published(modality) for modality in modalities)

    def rows_to_index(self, modality: Modality) -> tuple[Halves, Callable[[Vectors], Vectors]]:
        """Give the rows `(n, d)` of an index, and what gives queries the form it takes."""
        _, _, vectors = self._catalog.scan(self.info.id, modality)
        with self._telling:
            self._read_options()
            form = self._form(modality)
        return form.rows(vectors), form.asked

    def rebuild_quietly(self) -> None:
        """Rebuild; a failure is logged, for the rows are safe and searches stay exact."""
        try:
            self.rebuild()
        except EmbedStoreError as error:
            log.warning("could not rebuild %s: %s; searches stay exact", self.info.name, error)

    def rebuild_in_background(self) -> None:
        """Rebuild in a thread, unless one is at it."""
        self._rebuilding.start()

    def due(self, share: float = REBUILD_SHARE, least: int = REBUILD_LEAST) -> bool:
        """Say whether the rows that are not published outgrow a share of those that are.

        Args:
            share: Unpublished rows allowed, as a share of the published ones.
            least: Unpublished rows that are always allowed.
        """
        if not self._sets:
            with self._telling:
                _, purged = self._catalog.seq(self.info.id)
                self._made_with = self._read_options()
                self._sets = {each: self._opened(each, purged) for each in MODALITIES}
        return any(
            self._catalog.waiting(self.info.id, modality, held.published_seq)
            > max(least, share * held.published_count)
            for modality, held in self._sets.items()
        )

    def describe(self) -> dict[Modality, dict[str, object]]:
        """Say for each modality what is published and what waits in the exact tail."""
        self.refresh()
        sets = self._sets.items()
        return {each: {**described(held), **self._watch.told(each)} for each, held in sets}

    @property
    def bank_name(self) -> str | None:
        """The query bank that pictures are corrected by; None where they are not."""
        return None if self._made_with is None else self._made_with.name

    def bank_size(self) -> int:
        """Count the queries that pictures are corrected by; 0 where they are not."""
        self.refresh()
        return 0 if self._made_with is None else len(self._made_with.vectors)

    def close(self) -> None:
        """Wait for a rebuild that is under way."""
        self._watch.close()
        self._rebuilding.wait()

    def _read_options(self) -> QueryBank | None:
        self.info = self._catalog.renewed(self.info)
        name = None if self._bank is None else self._bank.name
        if self._catalog.bank_name(self.info.id) != name:
            kept = self._catalog.bank(self.info.id)
            made = None if kept is None else QueryBank(kept.name, kept.weight, kept.vectors)
            self._bank = made
        return self._bank

    def _form(self, modality: Modality) -> IndexForm:
        return IndexForm.of(modality, self.info.space, self._bank, self.folder)

    def _published(self, modality: Modality) -> int:
        seq, ids, vectors = self._catalog.scan(self.info.id, modality)
        with self._telling:
            # Asked after the rows: a bank that is kept later is a commit after these.
            changed = self._read_options() is not self._made_with
            form = self._form(modality)
            held = self._sets.get(modality)
        if held is None or (modality == "image" and changed):
            held = form.empty()
        promise = promise_of(self._catalog, self.info.id, modality)
        spec = None if promise is None else promise.spec(len(ids), form.dim)
        keep = None if promise is None else promise.keeper(seq, form.asked)
        with meaningful_errors():
            rows = form.rows(vectors)
            held.publish(form.folder, ids, rows, seq, form.fingerprint, spec=spec, settle=keep)
        form.clear_others(modality)
        return seq

    def _opened(self, modality: Modality, purged: int) -> VectorSet:
        form = self._form(modality)
        try:
            return form.opened(purged)
        except numbers.CorruptSnapshot as error:
            log.warning("%s; nothing is lost: it is built anew, and meanwhile rows are read", error)
            self._rebuilding.start()
            return form.empty()

    def _caught_up(self, modality: Modality, held: VectorSet | None, purged: int) -> VectorSet:
        """Tell a set what it missed; one that missed forgotten deletions is opened anew."""
        if held is None or held.seq < purged:
            held = self._opened(modality, purged)
        told = held.seq
        changes = self._catalog.changes(self.info.id, modality, told)
        if changes.purged_seq > purged:  # another process compacted in between
            return self._caught_up(modality, None, changes.purged_seq)
        if changes.seq < told:
            return self._started_over(modality, told, changes.seq)
        with meaningful_errors():
            held.apply(
                changes.ids,
                self._form(modality).rows(changes.vectors),
                changes.seqs,
                changes.removed,
                changes.removed_seqs,
                changes.seq,
            )
        if len(changes.ids) > max(REBUILD_LEAST, REBUILD_SHARE * held.published_count):
            self._rebuilding.start()
        return held

    def _started_over(self, modality: Modality, ahead: int, seq: int) -> VectorSet:
        """Drop files that know commits which the rows do not: the rows were restored."""
        what = f"the {modality} index of {self.info.name}"
        log.warning("%s is at commit %d and the rows at %d; it is rebuilt", what, ahead, seq)
        form = self._form(modality)
        form.clear()
        self._rebuilding.start()
        return self._caught_up(modality, form.empty(), seq)
