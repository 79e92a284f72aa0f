"""A GPU that is there is used; one that is not is said to be missing."""

from collections.abc import Callable

import numpy as np
import pytest

from indexer import IndexSpec, NoDevice, build, explain, gpu_count
from indexer.gpu import GPU_KINDS, to_cpu, to_gpu, usable
from indexer.lazy import load_faiss

Maker = Callable[..., np.ndarray]

without_gpu = pytest.mark.skipif(gpu_count() > 0, reason="faiss sees a GPU here")
with_gpu = pytest.mark.skipif(gpu_count() == 0, reason=f"no GPU: {explain()}")


@without_gpu
def test_a_missing_gpu_is_said_and_refused(unit_rows: Maker) -> None:
    assert explain() == "cpu: faiss sees no GPU (faiss.get_num_gpus() == 0)"
    with pytest.raises(NoDevice, match="no GPU"):
        build(unit_rows(50, 8), IndexSpec("flat", 8, device="gpu"))


@without_gpu
def test_files_made_for_a_gpu_open_without_one() -> None:
    spec = IndexSpec("flat", 8, device="gpu")
    assert usable(spec).device == "cpu"
    assert "its spec says gpu" in explain(spec)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (None, "gpu: faiss sees 2"),
        (IndexSpec("flat", 8, device="gpu"), "gpu: flat is searched on the first of 2"),
        (IndexSpec("ivf_pq", 8), "cpu: ivf_pq cannot live on a GPU"),
        (IndexSpec("flat", 8), "cpu: the spec says cpu; faiss sees 2"),
    ],
)
def test_every_choice_is_explained(
    spec: IndexSpec | None, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load_faiss(), "get_num_gpus", lambda: 2)
    assert explain(spec).startswith(words)


@pytest.mark.parametrize("kind", ["ivf_pq", "hnsw"])
def test_kinds_that_cannot_live_there_are_refused(
    kind: str, unit_rows: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load_faiss(), "get_num_gpus", lambda: 1)
    with pytest.raises(NoDevice, match=f"{kind} cannot live on a GPU"):
        build(unit_rows(50, 8), IndexSpec(kind, 8, device="gpu"))


def test_a_gpu_too_small_is_said(unit_rows: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    faiss = load_faiss()

    def full(*args: object) -> None:
        raise RuntimeError("out of memory")

    monkeypatch.setattr(faiss, "get_num_gpus", lambda: 1)
    monkeypatch.setattr(faiss, "StandardGpuResources", object)
    monkeypatch.setattr(faiss, "index_cpu_to_gpu", full)
    with pytest.raises(NoDevice, match="cannot hold this flat index: out of memory"):
        build(unit_rows(50, 8), IndexSpec("flat", 8, device="gpu"))


@with_gpu
@pytest.mark.parametrize("kind", GPU_KINDS)
def test_a_gpu_answers_as_the_cpu_does(kind: str, unit_rows: Maker) -> None:
    rows, queries = unit_rows(5000, 32), unit_rows(40, 32, seed=1)
    for k, allow in ((10, None), (3000, None), (10, np.arange(5000) % 3 == 0)):
        here = build(rows, IndexSpec(kind, 32)).search(queries, k, allow)
        there = build(rows, IndexSpec(kind, 32, device="gpu")).search(queries, k, allow)
        np.testing.assert_allclose(there[1], here[1], atol=1e-4)
        assert np.mean(there[0] == here[0]) > 0.99


@with_gpu
def test_an_index_moves_there_and_back(unit_rows: Maker) -> None:
    spec = IndexSpec("flat", 8)
    index = build(unit_rows(50, 8), spec).parts["index"]
    back = to_cpu(to_gpu(index, spec))
    np.testing.assert_array_equal(back.reconstruct_n(0, 50), index.reconstruct_n(0, 50))
