"""Thumbnails of items as they are stored, for then their pictures are decoded anyway.

The page asks for sixty at once when it is first opened; made then, each takes a decoding.
"""

import logging
from collections.abc import Iterator, Sequence

from embedstore.catalog import Catalog, NewRow, Written
from embedstore.errors import EmbedStoreError
from embedstore.intake import Prepared
from embedstore.thumbnails import PAGE_SIDE, Thumbnails, version_at

log = logging.getLogger("embedstore")


def keep_early(
    thumbnails: Thumbnails,
    catalog: Catalog,
    collection_id: int,
    batch: Sequence[Prepared],
    rows: Sequence[NewRow],
    written: Written,
) -> None:
    """Keep the small pictures of a batch that was committed, and forget those it replaced.

    It raises nothing: the batch is stored, and thumbnails are but a cache.

    Args:
        thumbnails: Of the collection.
        catalog: Holds the collection.
        collection_id: Where the batch went.
        batch: What was decoded.
        rows: What of it was stored, in the same order.
        written: The commit.
    """
    thumbnails.forget(sorted(written.replaced))
    stored = dict(_stored(batch, rows, written))
    small = {
        key: (version_at(collection_id, row, each.small.sign), each.small.jpeg)
        for key, (row, each) in stored.items()
        if each.small is not None
    }
    kept = thumbnails.add(PAGE_SIDE, small)
    if not kept:
        return
    try:
        there = catalog.rows_there(collection_id, [stored[key][0] for key in kept])
    except EmbedStoreError as error:
        log.info("thumbnails are not kept: it is not known what was deleted meanwhile: %s", error)
        there = set()
    thumbnails.forget([key for key in kept if stored[key][0] not in there])


def _stored(
    batch: Sequence[Prepared], rows: Sequence[NewRow], written: Written
) -> Iterator[tuple[str, tuple[int, Prepared]]]:
    """Pair what was stored with its row, by key; of two with the same key the last is stored."""
    waiting = iter(batch)
    for row, number in zip(rows, written.rows, strict=True):
        yield row.item.key, (number, next(each for each in waiting if each.item is row.item))
