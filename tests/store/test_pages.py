"""Pages of a search: each item once, in exact order, whatever happens between two pages."""

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from PIL import Image

import embedstore
from embedstore import Item, Query
from embedstore.cursor import Place, _unpacked, read
from embedstore.errors import BadQuery, NotFound
from embedstore.paging import exact_scores

DIM = 128


def unit(seed: int, n: int = 1) -> np.ndarray:
    made = np.random.default_rng(seed).normal(size=(n, DIM)).astype(np.float32)
    return made / np.linalg.norm(made, axis=1, keepdims=True)


def stored(vectors: np.ndarray) -> np.ndarray:
    return vectors.astype(np.float16).astype(np.float32)


def pages(collection, query, cursor=None, between=lambda: None) -> list:
    found = []
    while True:
        page = collection.search_page(query, cursor)
        found += page.hits
        if page.cursor is None:
            return found
        cursor = page.cursor
        between()


class Pages(RuleBasedStateMachine):
    """One search in pages among adds, deletes, replacements, rebuilds and compactions.

    Vectors come from a small pool, so that scores tie; the oracle ranks the rows of the first
    page's commit by exact score and row, less those that are gone when a page is asked for.
    """

    POOL = unit(7, 6)

    @initialize(k=st.integers(1, 4), text=st.booleans(), n=st.integers(0, 12))
    def begin(self, k: int, text: bool, n: int) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.store = embedstore.open(self.folder.name)
        self.made = self.store.create("made", "toy")
        self.query = Query(vector=unit(8)[0], k=k, target="text" if text else "image", where=None)
        self.now: dict[str, tuple[int, int]] = {}  # key: row, number of its vector
        self.at_first: dict[str, tuple[int, int]] | None = None
        self.given: list[str] = []
        self.cursor: str | None = None
        self.done = False
        for number in range(n):
            self.put(number, number % len(self.POOL))

    @rule(key=st.integers(0, 15), vector=st.integers(0, 5))
    def put(self, key: int, vector: int) -> None:
        """Add an item, or replace it."""
        rows = self.POOL[vector : vector + 1]
        modality = "text" if self.query.target == "text" else "image"
        written = self.made.add_vectors([Item(str(key))], **{modality: rows})
        self.now[str(key)] = (written.rows[0], vector)

    @rule(key=st.integers(0, 15))
    def delete(self, key: int) -> None:
        self.made.delete([str(key)])
        self.now.pop(str(key), None)

    @rule()
    def rebuild(self) -> None:
        self.made.rebuild()

    @rule()
    def compact(self) -> None:
        self.made.compact()

    @rule()
    def open_anew(self) -> None:
        self.store.close()
        self.store = embedstore.open(self.folder.name)
        self.made = self.store.collection("made")

    @precondition(lambda self: not self.done)
    @rule(k=st.none() | st.integers(1, 4))
    def page(self, k: int | None) -> None:
        if self.at_first is None:
            self.at_first = dict(self.now)
        size = k or self.query.k
        expected = self.expected()
        page = self.made.search_page(
            Query(vector=self.query.vector, target=self.query.target, k=size), self.cursor
        )
        keys = [hit.item.key for hit in page.hits]
        assert keys == expected[:size]
        first = len(self.given) + 1
        assert [hit.rank for hit in page.hits] == list(range(first, first + len(keys)))
        assert (page.cursor is None) == (len(expected) <= size)
        self.given += keys
        self.cursor, self.done = page.cursor, page.cursor is None

    def expected(self) -> list[str]:
        """What is left of the exact ranking at the first page."""
        left = {
            key: place
            for key, place in self.at_first.items()
            if self.now.get(key) == place and key not in self.given
        }
        scores = exact_scores(self.query.vector, stored(self.POOL))
        return sorted(left, key=lambda key: (-scores[left[key][1]], left[key][0]))

    @invariant()
    def nothing_twice(self) -> None:
        assert len(set(self.given)) == len(self.given)

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.store.close()
            self.folder.cleanup()


def test_pages_give_each_item_once_whatever_happens_between_them():
    run_state_machine_as_test(
        Pages,
        settings=settings(
            max_examples=12,
            stateful_step_count=16,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.fixture
def made(store):
    collection = store.create("made", "toy")
    items = [Item(str(n), meta={"n": n}, texts=()) for n in range(200)]
    collection.add_vectors(items, image=unit(1, 200), text=unit(2, 200))
    return collection


@pytest.mark.parametrize("target", ["image", "text"])
def test_pages_are_the_search_in_parts(made, target):
    query = Query(vector=unit(3)[0], k=7, target=target, where="n >= 20")
    whole = made.search(Query(vector=query.vector, k=200, target=target, where="n >= 20"))
    found = pages(made, query, between=made.rebuild)
    assert [hit.item.key for hit in found] == [hit.item.key for hit in whole]
    assert [hit.rank for hit in found] == list(range(1, 181))
    assert [hit.score for hit in found] == pytest.approx([hit.score for hit in whole], abs=1e-5)


def test_pages_do_not_depend_on_an_approximate_index(made, monkeypatch):
    from embedstore import index_form
    from indexer import IndexSpec

    query = Query(vector=unit(3)[0], k=9)
    before = [(hit.item.key, hit.score) for hit in pages(made, query)]
    spec = IndexSpec("ivf_sq8", DIM, nlist=16, nprobe=1)
    real = index_form.VectorSet.publish
    monkeypatch.setattr(
        index_form.VectorSet,
        "publish",
        lambda self, *parts, **options: real(self, *parts, **{**options, "spec": spec}),
    )
    made.rebuild()
    assert made.describe()["index"]["image"]["kind"] == "ivf_sq8"
    assert [(hit.item.key, hit.score) for hit in pages(made, query)] == before


def test_pages_of_more_like_this_leave_the_item_out(made):
    found = pages(made, Query(like="5", k=50))
    assert len(found) == 199
    assert "5" not in [hit.item.key for hit in found]


def test_pages_end_where_scores_are_too_low(made):
    vector = unit(3)[0]
    expected = [hit for hit in made.search(Query(vector=vector, k=200)) if hit.score >= 0.05]
    found = pages(made, Query(vector=vector, k=6, min_score=0.05))
    assert [hit.item.key for hit in found] == [hit.item.key for hit in expected]


def test_pages_follow_the_calibration_and_end_with_it(made):
    query = Query("sea", k=20)
    first = made.search_page(query)
    made.catalog.set_bank(made.info.id, unit(9, 30), 0.5)
    with pytest.raises(BadQuery, match="calibration"):
        made.search_page(query, first.cursor)
    found = pages(made, query)
    assert [hit.item.key for hit in found] == [hit.item.key for hit in made.search("sea", k=200)]


def test_a_replaced_item_is_not_given_again_in_its_new_form(made):
    query = Query(vector=unit(3)[0], k=5)
    first = made.search_page(query)
    shown, coming = first.hits[0].item.key, made.search_page(query, first.cursor).hits[0].item.key
    made.add_vectors([Item(shown), Item(coming)], image=unit(3, 1).repeat(2, 0))
    rest = [hit.item.key for hit in pages(made, query, first.cursor)]
    assert len(rest) == 194
    assert not {shown, coming} & set(rest)
    assert {hit.item.key for hit in made.search_page(query).hits} >= {shown, coming}


def test_a_cursor_of_something_else_is_refused(made, store):
    query = Query(vector=unit(3)[0], k=5)
    cursor = made.search_page(query).cursor
    assert cursor == "".join(c for c in cursor if c.isalnum() or c in "-_")
    other = store.create("other", "toy")
    for collection, asked, told in (
        (other, query, "another collection"),
        (made, Query(vector=unit(4)[0]), "another query"),
        (made, Query(vector=query.vector, where="n > 1"), "another query; .* where .* stay"),
        (made, Query(vector=query.vector, target="text"), "another query"),
    ):
        with pytest.raises(BadQuery, match=f"{told}.*leave it out to begin"):
            collection.search_page(asked, cursor)


@settings(max_examples=60, deadline=None)
@given(garbage=st.text(max_size=100) | st.text("ABCabc-_09=", min_size=70, max_size=90))
def test_garbage_is_no_cursor(garbage):
    with pytest.raises(BadQuery, match="damaged or no cursor"):
        read(garbage, 1, DIM)


@given(st.data())
def test_a_cursor_with_any_letter_changed_is_refused(data):
    place = Place(1, "ab" * 16, 5, 0.25, 9, 3, unit(1)[0].tobytes())
    cursor = place.cursor()
    assert read(cursor, 1, DIM) == place
    at = data.draw(st.integers(0, len(cursor) - 2))  # the last letter has unused bits
    letter = data.draw(st.sampled_from("ABCabc-_09").filter(lambda one: one != cursor[at]))
    with pytest.raises(BadQuery, match="damaged"):
        read(cursor[:at] + letter + cursor[at + 1 :], 1, DIM)


@pytest.mark.parametrize("scale", [0.0, 2.0, np.nan, np.inf])
def test_a_made_up_vector_is_refused(scale):
    with np.errstate(invalid="ignore"):
        forged = Place(1, "ab" * 16, 5, 0.25, 9, 3, (unit(1)[0] * np.float32(scale)).tobytes())
    with pytest.raises(BadQuery, match="damaged"):
        read(forged.cursor(), 1, DIM)
    with pytest.raises(BadQuery, match="damaged"):
        read(replace(forged, vector=unit(1)[0].tobytes()).cursor(), 1, DIM + 1)


def test_pages_go_on_though_an_encoder_gives_other_bits_each_time(made):
    class Wavering:
        """The toy encoder, with a rounding of its own in every call."""

        def __init__(self, inner):
            self.inner, self.space, self.calls = inner, inner.space, 0

        def overlong(self, texts):
            return [False] * len(texts)

        def encode_texts(self, texts):
            self.calls += 1
            moved = self.inner.encode_texts(texts) + np.float32(self.calls * 1e-7)
            return moved / np.linalg.norm(moved, axis=1, keepdims=True)

    wavering = Wavering(made.encoder)
    made.use(wavering)
    found = [hit.item.key for hit in pages(made, Query("the sea", k=7))]
    assert len(found) == len(set(found)) == 200
    assert wavering.calls == 1  # later pages have its vector


def test_a_cursor_from_after_a_restored_backup_is_refused(made, monkeypatch):
    query = Query(vector=unit(3)[0], k=5)
    made.delete(["1"])
    cursor = made.search_page(query).cursor
    monkeypatch.setattr(type(made.indices), "seq", 1)
    with pytest.raises(BadQuery, match="backup"):
        made.search_page(query, cursor)


def test_a_made_up_cursor_takes_no_more_memory_than_the_collection(made):
    query = Query(vector=unit(3)[0], k=5)
    first = made.search_page(query)
    known = _unpacked(first.cursor)
    second = made.search_page(query, first.cursor)
    forged = made.search_page(query, replace(known, given=2**62).cursor())
    assert [hit.item.key for hit in forged.hits] == [hit.item.key for hit in second.hits]
    nowhere = replace(known, score=-1e300, row=2**62).cursor()
    assert made.search_page(query, nowhere).hits == []


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"target": "both"}, "fuses ranks"),
        ({"diversity": 0.5}, "diversity is 0.5"),
        ({"k": 0}, "k"),
    ],
)
def test_what_cannot_be_paged_is_refused(made, changes, told):
    with pytest.raises(BadQuery, match=told):
        made.search_page(Query("x", **changes))


def test_an_expanding_collection_is_not_paged(made, store):
    made.catalog.change_options(made.info, lambda kept: {**kept, "expand": True})
    with embedstore.open(store.folder) as again, pytest.raises(BadQuery, match="--expand off"):
        again.collection("made").search_page("x")


def test_like_an_item_that_is_gone_is_not_found(made):
    cursor = made.search_page(Query(like="5", k=3)).cursor
    made.delete(["5"])
    with pytest.raises(NotFound):
        made.search_page(Query(like="5", k=3), cursor)


def test_an_empty_collection_has_one_empty_page(store):
    page = store.create("empty", "toy").search_page("x")
    assert (page.hits, page.cursor) == ([], None)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 1000), order=st.randoms(use_true_random=False))
def test_exact_scores_do_not_depend_on_the_order_of_summation(seed, order):
    query, rows = unit(seed)[0], stored(unit(seed + 1, 3))
    shuffled = list(range(DIM))
    order.shuffle(shuffled)
    assert (exact_scores(query, rows) == exact_scores(query[shuffled], rows[:, shuffled])).all()
    assert exact_scores(query, rows) == pytest.approx(rows @ query, abs=1e-5)


def test_items_are_listed_in_the_order_they_were_stored(made):
    listed, after = [], 0
    while page := made.items(after, limit=70):
        listed += [item.key for item in page.values()]
        after = max(page)
    assert listed == [str(n) for n in range(200)]
    assert [item.key for item in made.items(where="n == 7").values()] == ["7"]
    made.add_vectors([Item("3")], image=unit(5))
    assert [item.key for item in made.items(after).values()] == ["3"]
    for limit in (0, -1, 10_001):
        with pytest.raises(BadQuery, match="limit"):
            made.items(limit=limit)


def test_a_cursor_is_good_in_another_process_on_the_same_store(tmp_path: Path):
    with embedstore.open(tmp_path) as one, embedstore.open(tmp_path) as two:
        here = one.create("made", "toy")
        here.add_vectors([Item(str(n)) for n in range(20)], image=unit(1, 20))
        query = Query(vector=unit(3)[0], k=8)
        first = here.search_page(query)
        here.add_vectors([Item("late")], image=unit(3))
        rest = pages(two.collection("made"), query, first.cursor)
        assert len({hit.item.key for hit in first.hits + rest}) == 20


def test_whatever_can_be_searched_for_can_be_paged(made, tmp_path):
    odd = tmp_path / "odd\udcff.png"
    Image.new("RGB", (8, 8), "red").save(odd)
    for query in (
        Query("a \udcff b", k=3),
        Query(image=odd, k=3),
        Query("x", image=odd, k=3, text_weight=np.float32(0.3), min_score=np.float32(-1)),
        Query(vector=unit(3)[0].tolist(), k=3),
        Query("x", k=3, without=("\ud800",)),
    ):
        found = [hit.item.key for hit in pages(made, query)]
        assert len(found) == len(set(found)) == 200
