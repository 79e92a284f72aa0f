"""What building borrows, and how it fills many cells."""

import gc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from indexer import IndexSpec, VectorSet, build, planner
from indexer.lazy import load_faiss

Maker = Callable[..., np.ndarray]

DIM = 16


def test_mapped_float16_rows_are_published_where_they_lie(tmp_path: Path, unit_rows: Maker) -> None:
    np.save(tmp_path / "rows.npy", unit_rows(3000, DIM).astype(np.float16))
    mapped = np.load(tmp_path / "rows.npy", mmap_mode="r")
    built = build(mapped, IndexSpec("ivf_pq", DIM))
    assert not built.parts["vectors"].codes.is_owned
    held = VectorSet(DIM)
    assert held.publish(tmp_path / "index", np.arange(3000), mapped, 1, "space", built.spec)
    found = held.search(mapped[:5], 1, exact=True)
    np.testing.assert_array_equal(found.ids[:, 0], np.arange(5))


def test_a_built_index_keeps_the_rows_it_borrowed(unit_rows: Maker) -> None:
    rows = unit_rows(200, DIM)
    built = build(rows.astype(np.float16), IndexSpec("ivf_sq8", DIM))
    gc.collect()
    np.testing.assert_array_equal(built.rows(np.arange(200)), rows)


def test_a_graph_fills_the_cells_that_a_scan_fills(
    unit_rows: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, spec = unit_rows(6000, DIM), IndexSpec("ivf_flat", DIM, nlist=100)
    faiss = load_faiss()
    scanned = build(rows, spec).parts["index"]
    monkeypatch.setattr(planner, "GRAPH_OF_CELLS", 100)
    graph = build(rows, spec).parts["index"]
    assert isinstance(faiss.downcast_index(graph.quantizer), faiss.IndexHNSW)
    same = 0
    for cell in range(100):
        one, other = (
            faiss.rev_swig_ptr(each.invlists.get_ids(cell), each.get_list_size(cell))
            for each in (scanned, graph)
        )
        same += len(np.intersect1d(one, other))
    assert same >= 0.9 * len(rows)
