"""What was drawn from items that were deleted since goes with them."""

import logging

import numpy as np
from numpy.typing import NDArray

from embedstore.catalog import Catalog, CollectionInfo
from embedstore.hubness import LEAST_QUERIES
from embedstore.types import Halves

log = logging.getLogger("embedstore")


def forget_captions(catalog: Catalog, info: CollectionInfo) -> None:
    """Take out of a bank of captions those that no item has any more; see `hubness`.

    A bank that is left with too few says too little, and is dropped.

    Raises:
        Corrupt: Stored bytes fail their checksum.
    """
    bank = catalog.bank(info.id)
    if bank is None or not bank.of_captions:
        return
    held = bank.vectors.astype(np.float16)
    left = bank.vectors[_present(held, catalog.scan(info.id, "text")[2])]
    if len(left) == len(held):
        return
    if len(left) < LEAST_QUERIES:
        log.warning(
            "%d captions of the query bank of %r are left, fewer than %d; pictures are not "
            "corrected any more: run `embedstore calibrate --collection %s` again",
            len(left),
            info.name,
            LEAST_QUERIES,
            info.name,
        )
    catalog.shrink_bank(info.id, bank, left if len(left) >= LEAST_QUERIES else None)


def _present(rows: Halves, among: Halves) -> NDArray[np.bool_]:
    """Say which rows `(m, d)` are, to the bit, among others `(n, d)`."""
    wanted = {row.tobytes() for row in rows}
    there = {raw for row in among if (raw := row.tobytes()) in wanted}
    return np.array([row.tobytes() in there for row in rows], dtype=np.bool_)
