"""Keep a collection in step with a folder while it changes.

Each pass is a whole `index` of the folder: it opens only what changed, so it is cheap, and it is
right whatever the system did not tell about.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from watchfiles import watch

from embedstore.corpus import Failure
from embedstore.errors import EmbedStoreError, Invalid, Moved, StoreLocked, Unavailable
from embedstore.indexing import Indexed, Progress, index
from embedstore.store import Store

EVERY = 300.0  # seconds; network drives tell of no change
_SETTLED_MS, _LONGEST_MS = 300, 2_000  # quiet that ends a burst of changes; no burst is longer
_TICK_MS = 500
_PASSING = (Moved, StoreLocked, Unavailable)  # the same pass may succeed a little later


@dataclass(frozen=True)
class Pass:
    """What a look at the folder came to.

    Attributes:
        report: What was done, its failures only those that were not told before; None if nothing.
        trouble: Why nothing was done; the folder is looked at again.
    """

    report: Indexed | None = None
    trouble: EmbedStoreError | None = None


def watch_folder(
    store: Store,
    name: str,
    folder: str | Path,
    *,
    prefix: str | None = None,
    workers: int | None = None,
    every: float = EVERY,
    progress: Progress | None = None,
) -> Iterator[Pass]:
    """Index a folder, and again whenever something in it changes; it never ends by itself.

    Args:
        store: Holds the collection, which is opened anew for each pass: it may be re-embedded.
        name: The collection.
        folder: Of photos.
        prefix: Start of every key, in place of the folder's name.
        workers: Decoding processes; None takes one a core, 0 decodes in this process.
        every: Seconds after which to look though no change was told of.
        progress: As `index` calls it, in the first pass, which may be long.

    Yields:
        The first pass, and each that did something or could not.

    Raises:
        NotFound: The folder or the collection is not there any more.
        Conflict: The prefix belongs to a corpus in another place.
        StorageFull: The disk is full.
    """
    own = store.folder.resolve()
    told = _Told()
    due = 0.0
    ticks = watch(
        Path(folder).expanduser().resolve(),
        watch_filter=lambda _, path: not Path(path).is_relative_to(own),
        debounce=_LONGEST_MS,
        step=_SETTLED_MS,
        rust_timeout=_TICK_MS,
        yield_on_timeout=True,
        ignore_permission_denied=True,
    )
    for changes in ticks:  # the first tick comes when watching has begun, so no change is missed
        if not changes and time.monotonic() < due:
            continue
        due = time.monotonic() + every
        try:
            report = index(
                store.collection(name),
                folder,
                prefix=prefix,
                workers=workers,
                progress=None if told.begun else progress,
            )
            news = told.news(Pass(report=report))
        except _PASSING as error:
            due = 0.0
            news = told.news(Pass(trouble=error))
        except Invalid as error:  # the folder is empty: perhaps a disk that is not mounted
            news = told.news(Pass(trouble=error))
        if news is not None:
            yield news


@dataclass
class _Told:
    """What was told, so that it is not told again."""

    trouble: str | None = None
    failed: set[Failure] = field(default_factory=set)
    begun: bool = False

    def news(self, found: Pass) -> Pass | None:
        """Leave out what was told before; None if that is all."""
        if found.report is None:
            trouble, self.trouble = self.trouble, str(found.trouble)
            return None if trouble == self.trouble else found
        self.trouble = None
        report, first, self.begun = found.report, not self.begun, True
        failed = [each for each in report.failed if each not in self.failed]
        self.failed = set(report.failed)
        if first or failed or report.added or report.replaced or report.removed:
            return Pass(report=replace(report, failed=failed))
        return None
