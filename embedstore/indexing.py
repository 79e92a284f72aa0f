"""Keep a collection in step with a corpus: decode in processes, encode and write in batches."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from embedstore.collection import Collection
from embedstore.corpus import Corpus, Decoded, Entry, Failure, decode_all, printable, read
from embedstore.corpus.decoder import keepable
from embedstore.errors import Conflict, Invalid
from embedstore.intake import Added, Prepared
from embedstore.pace import Pace
from embedstore.thumbnails import PAGE_SIDE
from embedstore.types import Item, digest

BATCH = 64  # items encoded and committed together; an interrupted run loses no more than these
REBUILD_SHARE, REBUILD_LEAST = 0.05, 1_000  # after a run few rows should wait in the exact tail

Progress = Callable[[int, int, float], None]


@dataclass
class Indexed:
    """What an indexing run did.

    Attributes:
        added: Items that are new.
        unchanged: Items skipped, most without opening their file.
        replaced: Items whose picture, texts or metadata changed.
        removed: Items whose source is gone from the corpus.
        kept: Items that were not met, but not removed: part of the corpus could not be read.
        failed: Items left out, and why; they are remembered and skipped until they change.
        truncated: Keys of items with a text longer than the encoder's context.
        skipped: Files that are no pictures, counted by suffix.
        seconds: Wall time of the run.
    """

    added: int = 0
    unchanged: int = 0
    replaced: int = 0
    removed: int = 0
    kept: int = 0
    failed: list[Failure] = field(default_factory=list)
    truncated: list[str] = field(default_factory=list)
    skipped: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0


def index(
    collection: Collection,
    source: str | Path,
    *,
    prefix: str | None = None,
    images: str | Path | None = None,
    split: str | None = None,
    workers: int | None = None,
    retry: bool = False,
    moved: bool = False,
    progress: Progress | None = None,
) -> Indexed:
    """Add what is new in a corpus, replace what changed, remove what is gone, skip the rest.

    Every batch is committed on its own, so an interrupted run goes on where it stopped.

    Args:
        collection: Where the items go.
        source: A folder of photos, a .jsonl, .csv or Karpathy .json file, or webdataset shards.
        prefix: Start of every key, in place of the folder's name.
        images: Folder that a caption file's relative image names start from.
        split: Keep only this split of a Karpathy json.
        workers: Decoding processes; None takes one a core, 0 decodes in this process.
        retry: Try again what failed before and has not changed.
        moved: The corpus was indexed before from another place, and this is it.
        progress: Called with items done, items in all, and items a second (0: not known).

    Returns:
        What was done.

    Raises:
        NotFound: The source is not there.
        Invalid: It is of no known kind, or holds nothing to index.
        Conflict: The prefix belongs to a corpus in another place.
        StorageFull: The disk is full; what was committed stays.
    """
    place = Path(source).expanduser().resolve()
    counted = read(place, prefix, images, split)
    if not (total := sum(1 for _ in counted.entries)):
        raise Invalid(
            f"nothing to index in {place}: no pictures or captions"
            f"{f', other files: {sum(counted.skipped.values())}' if counted.skipped else ''}; "
            "nothing was removed either"
        )
    _claim(collection, counted.root, printable(str(place)), moved)
    corpus = read(place, prefix, images, split)
    # A split is a corpus of its own: the items of another split are not gone from it.
    origin = corpus.root if split is None else f"{corpus.root}#{split}"
    return _Run(collection, corpus, origin, total, retry, progress).go(workers)


def _claim(collection: Collection, root: str, mine: str, moved: bool) -> None:
    """Note which place a prefix belongs to: two with one would replace each other's items."""

    def claimed(options: dict[str, Any]) -> dict[str, Any]:
        corpora = options.get("corpora", {})
        if corpora.get(root, mine) != mine and not moved:
            raise Conflict(
                f"keys that start with {root!r} belong to {corpora[root]} in collection "
                f"{collection.name!r}; if that moved to {mine} run again with --moved, "
                "else give this corpus keys of its own with --prefix NAME"
            )
        return {**options, "corpora": {**corpora, root: mine}}

    with collection.catalog.as_opened(collection.info):
        collection.catalog.change_options(collection.info, claimed)


class _Run:
    """One pass over a corpus."""

    def __init__(
        self,
        collection: Collection,
        corpus: Corpus,
        origin: str,
        total: int,
        retry: bool,
        progress: Progress | None,
    ) -> None:
        self._collection = collection
        self._corpus = corpus
        self._origin = origin
        self._total, self._progress = total, progress
        self._started = time.perf_counter()
        self._report, self._added = Indexed(), Added()
        self._done, self._pace = 0, Pace()
        self._blind = False
        self._touched: list[tuple[str, str]] = []
        catalog, number = collection.catalog, collection.info.id
        # Keys are taken out as they are met; what is left at the end is gone from the corpus.
        self._known = catalog.stamps(number, origin)
        self._noted = {each.key: each for each in catalog.quarantine(number)}
        self._retry = retry

    def go(self, workers: int | None) -> Indexed:
        """Run, and say what was done."""
        collection, number = self._collection, self._collection.info.id
        batch: list[Prepared] = []
        preprocess = collection.encoder.preprocess
        for each in decode_all(self._changed(), preprocess, workers, side=PAGE_SIDE):
            prepared = self._prepared(each)
            if prepared is not None:
                batch.append(prepared)
            if len(batch) == BATCH:
                self._store(batch)
                batch = []
        self._store(batch)
        collection.catalog.touch(number, self._touched)
        if not self._blind:
            if self._known:
                collection.delete(list(self._known))
            failed = {each.key for each in self._report.failed}
            collection.catalog.quarantine_keep(number, self._origin, failed)
        if collection.indices.due(REBUILD_SHARE, REBUILD_LEAST):
            collection.indices.rebuild_quietly()
        return self._finished()

    def _changed(self) -> Iterator[Entry]:
        """Pass on the entries that must be opened."""
        for entry in self._corpus.entries:
            if isinstance(entry, Failure):
                self._known.pop(entry.key, None)
                self._blind |= entry.blind
                self._fail(entry)
                continue
            known = self._known.get(entry.key)
            before = None if self._retry else self._noted.get(entry.key)
            if known is not None and known.stamp == entry.stamp:
                self._known.pop(entry.key)
                self._skip()
            elif before and (before.corpus, before.stamp) == (self._origin, entry.stamp):
                self._known.pop(entry.key, None)
                self._fail(Failure(entry.key, before.reason))
            else:
                yield entry

    def _prepared(self, decoded: Decoded) -> Prepared | None:
        """Make an item of a decoded entry, or note why there is none."""
        entry = decoded.entry
        known = self._known.pop(entry.key, None)
        image, error = keepable(decoded)
        if error is not None:
            self._quarantine(Failure(entry.key, str(error)), entry.stamp)
            return None
        place = printable(str(entry.image)) if isinstance(entry.image, Path) else None
        content = digest([decoded.content_hash, place, list(entry.texts), dict(entry.meta)])
        if known is not None and known.content_hash == content:
            self._touched.append((entry.key, entry.stamp))
            self._skip()
            return None
        item = Item(entry.key, image, entry.texts, entry.meta)
        return Prepared(item, decoded.pixels, self._origin, entry.stamp, content, decoded.small)

    def _store(self, batch: list[Prepared]) -> None:
        if not batch:
            return
        told = Added()
        self._collection.store(batch, told)
        self._added.add(told)
        failed = {failure.key for failure in told.failed}
        stored = [each.item.key for each in batch if each.item.key not in failed]
        mended = [key for key in stored if key in self._noted]
        if mended:  # most batches have none, and each clearing is a commit
            self._collection.catalog.quarantine_clear(self._collection.info.id, mended)
        self._step(len(stored))
        stamps = {each.item.key: each.stamp or "" for each in batch}
        for failure in told.failed:
            self._quarantine(failure, stamps[failure.key])

    def _quarantine(self, failure: Failure, stamp: str) -> None:
        """Remember a failure, so that it is not tried again until its source changes."""
        number = self._collection.info.id
        self._collection.catalog.quarantine_put(
            number, self._origin, failure.key, stamp, failure.reason
        )
        self._fail(failure)

    def _skip(self) -> None:
        self._report.unchanged += 1
        self._step(1)

    def _fail(self, failure: Failure) -> None:
        self._report.failed.append(failure)
        self._step(1)

    def _step(self, count: int) -> None:
        self._done += count
        if self._progress is not None:
            self._progress(self._done, self._total, self._pace.rate(self._done))

    def _finished(self) -> Indexed:
        report = self._report
        report.added, report.replaced = len(self._added.added), len(self._added.replaced)
        gone = len(self._known)
        report.removed, report.kept = (0, gone) if self._blind else (gone, 0)
        report.truncated = self._added.truncated
        report.skipped = dict(self._corpus.skipped)
        report.seconds = time.perf_counter() - self._started
        return report
