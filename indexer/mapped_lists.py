"""The lists of a fast scan in a file of their own, searched where they lie.

faiss maps other lists itself, but those of a fast scan it would read into memory. Its lists on
disk have no idea what a code is: a list is room for codes, then as much room for ids. So a list
of whole blocks of codes serves a fast scan as it is.

The file: the sizes of the lists, little-endian 64-bit, padded to a whole number of `ALIGNED`
bytes; then for each list its blocks and its ids. All blocks begin where vector instructions may
load them.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.errors import CorruptSnapshot
from indexer.lazy import load_faiss

ALIGNED = 64
ID = np.dtype("<i8")


def cells_of(index: Any) -> Any:
    """Give the inverted file of a fast scan, whatever is wrapped around it."""
    faiss = load_faiss()
    return faiss.downcast_index(faiss.extract_index_ivf(index))


def write(index: Any, sink: Callable[[bytes], object]) -> None:
    """Write the lists of a fast scan through a function that takes bytes."""
    faiss = load_faiss()
    cells = cells_of(index)
    lists = cells.invlists
    sizes = np.array([lists.list_size(cell) for cell in range(cells.nlist)], ID)
    rooms = _rooms(sizes, cells)
    sink(sizes.tobytes().ljust(_head(len(sizes)), b"\0"))
    for cell in np.flatnonzero(sizes).tolist():
        size, room = int(sizes[cell]), int(rooms[cell])
        sink(faiss.rev_swig_ptr(lists.get_codes(cell), room * cells.code_size).tobytes())
        ids = np.zeros(room, ID)
        ids[:size] = faiss.rev_swig_ptr(lists.get_ids(cell), size)
        sink(ids.tobytes())


@contextmanager
def left_out(index: Any) -> Iterator[None]:
    """Leave the lists out of what is written of an index; nobody may search it meanwhile."""
    faiss = load_faiss()
    cells = cells_of(index)
    full = cells.invlists
    empty = faiss.BlockInvertedLists(cells.nlist, cells.bbs, cells.bbs * cells.code_size)
    cells.invlists = empty
    try:
        yield
    finally:
        cells.invlists = full
        empty.thisown = True


def attach(index: Any, path: Path) -> None:
    """Let an index that was written without its lists search those of a file.

    Raises:
        CorruptSnapshot: The file has another length than its lists.
        RuntimeError: It cannot be mapped.
    """
    faiss = load_faiss()
    cells = cells_of(index)
    sizes = np.fromfile(path, ID, cells.nlist)
    rooms = _rooms(sizes, cells)
    ends = _head(cells.nlist) + np.cumsum(rooms * (cells.code_size + ID.itemsize))
    length = path.stat().st_size
    if len(sizes) != cells.nlist or sizes.sum() != cells.ntotal or ends[-1] != length:
        raise CorruptSnapshot(
            f"{path} has {length} bytes for {sizes.sum()} codes, expected {cells.ntotal} codes "
            f"in {cells.nlist} lists"
        )
    lists = faiss.OnDiskInvertedLists()
    lists.nlist, lists.code_size = cells.nlist, cells.code_size
    lists.filename, lists.totsize, lists.read_only = str(path), length, True
    lists.prefetch_nthread = 0
    starts = ends - rooms * (cells.code_size + ID.itemsize)
    one = faiss.OnDiskOneList()
    for one.size, one.capacity, one.offset in zip(
        sizes.tolist(), rooms.tolist(), starts.tolist(), strict=True
    ):
        lists.lists.push_back(one)
    lists.do_mmap()
    cells.replace_invlists(lists, True)
    lists.thisown = False


def _head(cells: int) -> int:
    return -(-cells * ID.itemsize // ALIGNED) * ALIGNED


def _rooms(sizes: NDArray[np.int64], cells: Any) -> NDArray[np.int64]:
    """Say how many codes each list has room for: whole blocks."""
    rooms: NDArray[np.int64] = -(-sizes // cells.bbs) * cells.bbs
    return rooms
