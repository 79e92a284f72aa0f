"""One collection, many threads: no search misses what was committed before it began."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from embedstore import Item, Query, indices


def unit(seed: int, n: int, dim: int) -> np.ndarray:
    made = np.random.default_rng(seed).normal(size=(n, dim)).astype(np.float32)
    return made / np.linalg.norm(made, axis=1, keepdims=True)


def test_each_thread_finds_what_it_stored_while_others_store_delete_and_rebuild(store):
    made = store.create("made", "toy")
    dim = made.info.space.dim
    stop = threading.Event()

    def work(worker: int) -> int:
        for turn in range(25):
            key = f"{worker}-{turn}"
            vector = unit(worker * 1000 + turn, 1, dim)
            made.add_vectors([Item(key)], image=vector)
            assert made.search(Query(vector=vector[0], k=1))[0].item.key == key
            if turn % 3 == 0:
                made.delete([key])
                assert key not in [hit.item.key for hit in made.search(Query(vector=vector[0]))]
        return 25

    def rebuild() -> None:
        while not stop.is_set():
            made.rebuild()

    with ThreadPoolExecutor(5) as pool:
        rebuilding = pool.submit(rebuild)
        done = sum(pool.map(work, range(4)))
        stop.set()
        rebuilding.result()
    assert done == 100
    assert made.describe()["items"] == 100 - 4 * 9


def test_rebuilds_that_fall_due_together_are_one(store, monkeypatch):
    monkeypatch.setattr(indices, "REBUILD_LEAST", 0)
    made = store.create("made", "toy")
    dim = made.info.space.dim
    monkeypatch.setattr(made.indices.due.__func__, "__defaults__", (0.0, 0))
    running, most = [], []
    real = made.indices.rebuild

    def watched() -> int:
        running.append(1)
        most.append(len(running))
        try:
            return real()
        finally:
            running.pop()

    monkeypatch.setattr(made.indices, "rebuild", watched)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: made.add_vectors([Item(str(n))], image=unit(n, 1, dim)), range(40)))
    made.indices.close()
    assert max(most) == 1
    assert len(made.search(Query(vector=unit(0, 1, dim)[0], k=50))) == 40


def test_a_rebuild_that_fails_does_not_undo_an_acknowledged_add(store, monkeypatch, caplog):
    from embedstore.errors import StorageFull

    made = store.create("made", "toy")
    dim = made.info.space.dim
    monkeypatch.setattr(made.indices.due.__func__, "__defaults__", (0.0, 0))

    def full() -> int:
        raise StorageFull("no space")

    monkeypatch.setattr(made.indices, "rebuild", full)
    assert made.add_vectors([Item("kept")], image=unit(1, 1, dim)).rows
    made.indices.close()
    assert made.search(Query(vector=unit(1, 1, dim)[0], k=1))[0].item.key == "kept"
    assert "no space" in caplog.text
