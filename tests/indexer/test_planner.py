"""The plan is a table; these are its laws."""

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer import BadVectors, IndexSpec, footprint, plan
from indexer.planner import GPU_KINDS, candidates, complete, sub_quantizers
from indexer.types import Kind

COUNTS = st.integers(0, 20_000_000)
DIMS = st.integers(1, 2048)
MEMORY = st.integers(0, 1 << 40)
GPUS = st.integers(0, 2)
LADDER = [
    *((n, 0, None, "flat", "cpu") for n in (0, 1, 50_000)),
    (50_001, 0, None, "ivf_pq", "cpu"),
    (50_000, 0, 50_000 * 1000, "ivf_sq8", "cpu"),
    (50_000, 0, 50_000 * 200, "ivf_pq", "cpu"),
    (50_000, 0, 50_000 * 130, "ivf_pq_small", "cpu"),
    (1_000_000, 0, 1_000_000 * 100, "ivf_pq_small", "cpu"),
    (1_000_000, 1, None, "flat", "gpu"),
    (10_000_000, 1, None, "ivf_flat", "gpu"),
    (1_000_000, 1, 1_000_000 * 600, "ivf_sq8", "gpu"),
    (1_000_000, 1, 1_000_000 * 200, "ivf_pq8", "gpu"),
    (1_000_000, 1, 1_000_000 * 80, "ivf_pq_small", "cpu"),
]


@pytest.mark.parametrize(("n", "gpus", "memory", "kind", "device"), LADDER)
def test_the_table(n: int, gpus: int, memory: int | None, kind: str, device: str) -> None:
    spec = plan(n, 512, memory, gpus)
    assert (spec.kind, spec.device, spec.dim) == (kind, device, 512)


@given(COUNTS, DIMS, MEMORY, GPUS)
def test_it_fits_or_is_the_smallest(n: int, dim: int, memory: int, gpus: int) -> None:
    chosen = footprint(plan(n, dim, memory, gpus), n)
    assert chosen <= memory or chosen == footprint(plan(n, dim, 0, gpus), n)


@given(COUNTS, DIMS, MEMORY, MEMORY, GPUS)
def test_more_memory_never_gives_a_smaller_index(
    n: int, dim: int, one: int, other: int, gpus: int
) -> None:
    less, more = sorted((one, other))
    sizes = [footprint(plan(n, dim, memory, gpus), n) for memory in (less, more)]
    assert sizes[0] <= sizes[1] or sizes[0] > less


@given(COUNTS, COUNTS, DIMS)
def test_more_vectors_take_more_memory(one: int, other: int, dim: int) -> None:
    for kind in get_args(Kind):
        sizes = [footprint(complete(IndexSpec(kind, dim), n), n) for n in sorted((one, other))]
        assert sizes[0] <= sizes[1]


@given(COUNTS, DIMS, GPUS)
def test_a_plan_is_complete_and_lives_where_it_says(n: int, dim: int, gpus: int) -> None:
    spec = plan(n, dim, gpus=gpus)
    assert complete(spec, n) == spec
    assert spec.kind in GPU_KINDS if spec.device == "gpu" else gpus == 0
    assert spec.nprobe <= spec.nlist <= max(1, n)


@given(DIMS)
def test_sub_quantizers_divide_the_dimension(dim: int) -> None:
    kinds: list[tuple[Kind, int]] = [("ivf_pq", 2), ("ivf_pq_small", 4), ("ivf_pq8", 2)]
    for kind, width in kinds:
        assert dim % sub_quantizers(dim, kind) == 0
        assert sub_quantizers(dim, kind) <= max(1, dim // width)


@given(COUNTS, st.sampled_from([256, 512, 768]), MEMORY)
def test_what_is_tried_is_complete_and_holds_the_plan(n: int, dim: int, memory: int) -> None:
    tried = candidates(n, dim)
    assert plan(n, dim, memory) in tried
    assert all(complete(spec, n) == spec for spec in tried)


@pytest.mark.parametrize("spec", [IndexSpec("annoy", 4), IndexSpec("flat", 0)])
def test_an_unknown_kind_or_dimension_is_refused(spec: IndexSpec) -> None:
    with pytest.raises(BadVectors, match="expected one of flat, ivf_flat"):
        complete(spec, 10)
