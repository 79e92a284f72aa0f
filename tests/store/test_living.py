"""A collection that lives on: reading goes on while it is written, rebuilt and compacted."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from embedstore import Item, Query, index_form

DIM = 128


def unit(seed: int, n: int = 1) -> np.ndarray:
    made = np.random.default_rng(seed).normal(size=(n, DIM)).astype(np.float32)
    return made / np.linalg.norm(made, axis=1, keepdims=True)


@pytest.fixture
def made(store):
    collection = store.create("made", "toy")
    items = [Item(f"stays {n}", texts=(), meta={"n": n}) for n in range(150)]
    collection.add_vectors(items, image=unit(1, 150))
    return collection


def stay(hits) -> list[str]:
    return [hit.item.key for hit in hits if hit.item.key.startswith("stays")]


@pytest.mark.parametrize("at_work", ["rebuild", "compact"])
def test_no_reader_and_no_writer_waits_for_a_build(made, monkeypatch, at_work):
    building, may_end = threading.Event(), threading.Event()
    real = index_form.VectorSet.publish

    def slow(self, *parts, **options):
        building.set()
        assert may_end.wait(60)
        return real(self, *parts, **options)

    monkeypatch.setattr(index_form.VectorSet, "publish", slow)
    query = Query(vector=unit(2)[0], k=20)
    first = made.search_page(query)
    with ThreadPoolExecutor(1) as pool:
        try:
            work = pool.submit(getattr(made, at_work))
            assert building.wait(60)
            made.add_vectors([Item("new")], image=query.vector[None])
            made.add_vectors([Item("stays 3")], image=unit(3))
            made.delete(["stays 4"])
            assert made.search(query)[0].item.key == "new"
            assert [hits[0].item.key for hits in made.search_many([query, query])] == ["new"] * 2
            second = made.search_page(query, first.cursor)
            assert len(second.hits) == 20
            assert "new" not in [hit.item.key for hit in second.hits]
            assert max(made.items(limit=1000)) == made.catalog.get(made.info.id, "stays 3")[0]
            assert not work.done()
        finally:
            may_end.set()
        work.result()
    third = made.search_page(query, second.cursor)
    shown = [hit.item.key for page in (first, second, third) for hit in page.hits]
    assert len(set(shown)) == 60
    assert made.search(query)[0].item.key == "new"


def write(made, worker: int, stop: threading.Event) -> None:
    turn = 0
    while not stop.is_set():
        turn += 1
        key = f"{worker} {turn % 5}"
        made.add_vectors([Item(key)], image=unit(1_000 * worker + turn))
        if turn % 3 == 0:
            made.delete([key])


def build(made, stop: threading.Event) -> None:
    while not stop.is_set():
        made.rebuild()
        made.compact()


def read_pages(made, vector: np.ndarray, expected: list[str]) -> None:
    page = made.search_page(Query(vector=vector, k=40))
    found = list(page.hits)
    while page.cursor is not None:
        page = made.search_page(Query(vector=vector, k=40), page.cursor)
        found += page.hits
    keys = [hit.item.key for hit in found]
    assert len(set(keys)) == len(keys)
    assert stay(found) == expected
    scores = [hit.score for hit in found]
    assert scores == sorted(scores, reverse=True)


def test_pages_and_batches_are_whole_while_others_write_rebuild_and_compact(made):
    vectors = unit(4, 8)
    queries = [Query(vector=each, k=200) for each in vectors]
    expected = [stay(made.search(each)) for each in queries]
    stop = threading.Event()
    with ThreadPoolExecutor(6) as pool:
        others = [pool.submit(write, made, worker, stop) for worker in (1, 2)]
        others.append(pool.submit(build, made, stop))
        try:
            pages = [
                pool.submit(read_pages, made, *each) for each in zip(vectors, expected, strict=True)
            ]
            batches = [pool.submit(made.search_many, queries) for _ in range(3)]
            for each in pages:
                each.result(120)
            assert [[stay(hits) for hits in each.result(120)] for each in batches] == [expected] * 3
        finally:
            stop.set()
        for each in others:
            each.result(60)
