"""Lists of a fast scan are searched in their file, with the answers of those in memory."""

import sys
from collections.abc import Callable
from pathlib import Path

import faiss
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from indexer import CorruptSnapshot, IndexSpec, build, mapped_lists, snapshot
from indexer.planner import PQ_KINDS
from indexer.types import Kind

Maker = Callable[..., np.ndarray]
SPACE = "space"


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    kind=st.sampled_from(PQ_KINDS),
    n=st.sampled_from([1, 31, 32, 33, 500, 2000]),
    dim=st.sampled_from([3, 8, 20, 64]),
    cells=st.integers(1, 30),
)
def test_what_is_mapped_answers_as_what_was_built(
    tmp_path: Path, unit_rows: Maker, kind: Kind, n: int, dim: int, cells: int
) -> None:
    built = build(unit_rows(n, dim), IndexSpec(kind, dim, nlist=cells))
    queries = unit_rows(20, dim, seed=1)
    expected = built.search(queries, 10)
    opened = built
    for seq in (1, 2):  # what was opened can be published too, and is then searched as before
        folder = tmp_path / f"{kind}-{n}-{dim}-{cells}"
        snapshot.publish(folder, np.arange(n), opened, seq, SPACE)
        found = snapshot.load(folder, SPACE, dim)
        assert found is not None
        for index in (opened, found.index):
            for got, wanted in zip(index.search(queries, 10), expected, strict=True):
                np.testing.assert_array_equal(got, wanted)
        opened = found.index


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc/self/maps")
@pytest.mark.parametrize("kind", PQ_KINDS)
def test_the_lists_are_mapped_and_not_read(tmp_path: Path, unit_rows: Maker, kind: Kind) -> None:
    built = build(unit_rows(3000, 32), IndexSpec(kind, 32))
    snapshot.publish(tmp_path, np.arange(3000), built, 1, SPACE)
    found = snapshot.load(tmp_path, SPACE, 32)
    assert found is not None
    (file,) = tmp_path.glob("lists-*")
    mapped = [
        line for line in Path("/proc/self/maps").read_text().splitlines() if file.name in line
    ]
    assert [line.split()[1] for line in mapped] == ["r--s"]  # once, shared, not to be written
    (index,) = tmp_path.glob("index-*")
    assert index.stat().st_size + file.stat().st_size > 3000 * 8 > index.stat().st_size
    lists = mapped_lists.cells_of(found.index.parts["index"]).invlists
    assert isinstance(faiss.downcast_InvertedLists(lists), faiss.OnDiskInvertedLists)
    del found, lists
    assert file.name not in Path("/proc/self/maps").read_text()


def test_lists_of_another_index_are_refused(tmp_path: Path, unit_rows: Maker) -> None:
    small, large = (build(unit_rows(n, 8), IndexSpec("ivf_pq", 8)) for n in (300, 301))
    with (tmp_path / "lists").open("wb") as file:
        mapped_lists.write(large.parts["index"], file.write)
    with pytest.raises(CorruptSnapshot, match="301 codes, expected 300 codes"):
        mapped_lists.attach(small.parts["index"], tmp_path / "lists")
    (tmp_path / "lists").write_bytes(b"")
    with pytest.raises(CorruptSnapshot, match="has 0 bytes"):
        mapped_lists.attach(large.parts["index"], tmp_path / "lists")
