"""The items of a collection into its heir: decoded, encoded, stored batch by batch."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import cast

from embedstore.catalog import Catalog, CollectionInfo, Mark, NewRow, Source
from embedstore.corpus import Decoded, Entry, Failure, decode_all
from embedstore.intake import Added, Prepared, encoded
from embedstore.pace import Pace
from embedstore.types import Encoder

BATCH = 64  # items encoded and committed together; a killed run loses no more than these
AHEAD = 64  # pictures in flight; those kept in the catalog are in memory meanwhile
START = Mark(-1, -1)

_READY_MADE = (
    "its vectors were given ready-made, so there is no picture or text to encode; add it again "
    "with one, delete it, or leave it out with --skip-without-source"
)


class Copying:
    """One worker's way through the items of a collection, in the order they were stored.

    Attributes:
        copied: Items stored in the heir.
        truncated: Keys of items with a text longer than the encoder's context.
        failed: Items of the collection that are not in the heir, as `blocked` found them.
    """

    def __init__(
        self,
        catalog: Catalog,
        old: CollectionInfo,
        heir: CollectionInfo,
        encoder: Encoder,
        skip_without_source: bool,
        workers: int | None,
        progress: Callable[[int, int, float], None] | None,
    ) -> None:
        self.old, self.heir = old, heir
        self.copied = 0
        self.truncated: list[str] = []
        self.failed: list[Failure] = []
        self._catalog = catalog
        self._encoder = encoder
        self._skip = skip_without_source
        self._workers = workers
        self._progress = progress
        self._pace = Pace()
        self._before = catalog.size(heir.id)  # of an interrupted run
        self._met = 0
        self._mark = Mark(*heir.options.get("copied", START))
        self._pruned = -1  # the commit up to which deletions are known to be done here, too
        self._noted = {each.key for each in catalog.quarantine(heir.id)}

    def retry(self) -> None:
        """Try again what failed in an interrupted run; its cause may be mended."""
        keys = sorted(self._noted)
        for start in range(0, len(keys), BATCH):
            some = self._catalog.sources_of(self.old.id, keys[start : start + BATCH])
            self._copy(some, moving=False)

    def catch_up(self) -> int:
        """Copy what the collection holds beyond the mark, and delete what it no longer holds.

        Returns:
            A commit of the collection; the heir holds what was there then, or later.
        """
        seq, _ = self._catalog.seq(self.old.id)
        self._copy(self._waiting(), moving=True)
        if self._catalog.removed_since(self.old.id, self._pruned):
            over = self._catalog.held_too_long(self.old.id, self.heir.id)
            if over:
                self._catalog.delete(self.heir.id, over, self.heir.name)
        self._pruned = seq
        return seq

    def blocked(self) -> bool:
        """Say whether items of the collection could not be encoded; they are in `failed`."""
        noted = self._catalog.quarantine(self.heir.id)
        keys = self._catalog.present(self.old.id, [each.key for each in noted])
        gone = [each.key for each in noted if each.key not in keys]
        if gone:
            self._catalog.quarantine_clear(self.heir.id, gone)
        self.failed = [Failure(each.key, each.reason) for each in noted if each.key in keys]
        return bool(self.failed)

    def _waiting(self) -> Iterator[Source]:
        after = self._mark
        while page := self._catalog.sources(self.old.id, after, BATCH):
            yield from page
            after = page[-1].mark

    def _copy(self, sources: Iterable[Source], moving: bool) -> None:
        """Decode, encode and store; `moving` takes the mark along."""
        underway: deque[Source] = deque()

        def entries() -> Iterator[Entry]:
            for source in sources:
                underway.append(source)
                picture = source.picture if source.has_image else None
                # A decoder takes bytes as well, though no corpus gives any
                yield Entry(source.item.key, cast(Path | None, picture), (), {}, "")

        batch: list[tuple[Source, Decoded]] = []
        preprocess = self._encoder.preprocess
        for decoded in decode_all(entries(), preprocess, self._workers, ahead=AHEAD):
            batch.append((underway.popleft(), decoded))
            if len(batch) == BATCH:
                self._store(batch, moving)
                batch = []
        if batch:
            self._store(batch, moving)

    def _store(self, batch: list[tuple[Source, Decoded]], moving: bool) -> None:
        # An item replaced while it was copied may be met twice; the later is the right one
        latest = {source.item.key: (source, decoded) for source, decoded in batch}
        failed: dict[str, str] = {}
        ready: list[Prepared] = []
        for key, (source, decoded) in latest.items():
            if source.is_missing:
                failed[key] = _READY_MADE
            elif decoded.error is not None:
                failed[key] = str(decoded.error)
            else:
                ready.append(_prepared(source, decoded))
        told = Added()
        rows = encoded(
            ready, self._encoder, lambda row: self._catalog.check_row(self.heir.id, row), told
        )
        failed |= {failure.key: failure.reason for failure in told.failed}
        if rows:
            whole = [_whole(row, latest[row.item.key][0]) for row in rows]
            self._catalog.put(self.heir.id, whole, self.heir.name)
        self._note(latest, failed)
        if moving:
            self._mark = batch[-1][0].mark
            self._catalog.mark(self.heir, self._mark)
        self.copied += len(rows)
        self.truncated += told.truncated
        self._step(len(batch))

    def _note(self, latest: dict[str, tuple[Source, Decoded]], failed: dict[str, str]) -> None:
        """Note what failed, and take out what an earlier form of it left in the heir."""
        mended = [key for key in latest if key in self._noted and key not in failed]
        if mended:
            self._catalog.quarantine_clear(self.heir.id, mended)
            self._noted -= set(mended)
        if not failed:
            return
        self._catalog.delete(self.heir.id, list(failed), self.heir.name)
        for key, reason in failed.items():
            source = latest[key][0]
            if source.is_missing and self._skip:
                continue
            # Without its stamp: a lost picture that comes back looks as it did, and is tried again
            self._catalog.quarantine_put(self.heir.id, source.corpus, key, None, reason)
            self._noted.add(key)

    def _step(self, count: int) -> None:
        self._met += count
        if self._progress is not None:
            done = self._before + self._met
            total = max(done, self._catalog.size(self.old.id))
            self._progress(done, total, self._pace.rate(self._met))


def _prepared(source: Source, decoded: Decoded) -> Prepared:
    """Leave out the texts where they had no vectors, as `add_vectors` may have it."""
    item = source.item if source.has_text else replace(source.item, texts=())
    return Prepared(item, decoded.pixels, source.corpus, source.stamp, source.content_hash)


def _whole(row: NewRow, source: Source) -> NewRow:
    return replace(row, item=source.item, original=source.original)
