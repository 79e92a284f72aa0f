"""Searches by the event loop itself: only short ones, one at a time, with the same answers."""

import asyncio
import threading

import numpy as np
import pytest
from fastapi.testclient import TestClient

import embedstore
from api.app import create_app
from api.loop_searches import SHORT_SECONDS, LoopSearches, takes_little
from api.schemas import Search
from embedstore import Item
from embedstore.errors import NotFound

SEARCH = "/v1/collections/words/search"


def told(searches, seconds, times=60):
    for _ in range(times):
        searches._note("words", seconds)


@pytest.fixture
def where(store, monkeypatch):
    """Give the names of the threads that searched, in order."""
    seen, collection = [], store.collection("words")
    search = collection.search

    def noted(*asked):
        seen.append(threading.current_thread().name)
        return search(*asked)

    monkeypatch.setattr(collection, "search", noted)
    return seen


def vector(store):
    return store.collection("words").encoder.encode_texts(["a red door"])[0].tolist()


def test_nothing_is_known_of_a_collection_that_nobody_searched():
    assert not LoopSearches(database_here=True).are_short("words")


def test_short_searches_are_the_loop_s_and_a_long_one_sends_the_next_to_threads():
    searches = LoopSearches(database_here=True)
    told(searches, SHORT_SECONDS / 2)
    assert searches.are_short("words")
    told(searches, 1.0, times=1)
    assert not searches.are_short("words")
    told(searches, SHORT_SECONDS / 2)
    assert searches.are_short("words")
    assert not searches.are_short("others")


def test_the_loop_waits_for_no_database_elsewhere():
    searches = LoopSearches(database_here=False)
    told(searches, 0.0)
    assert not searches.are_short("words")


@pytest.mark.parametrize(
    "more",
    [
        {"where": "year > 2000"},
        {"min_score": 0.0},
        {"min_probability": 0.0},
        {"diversity": 0.5},
        {"target": "both"},
        {"k": 1000},
    ],
)
def test_searches_that_may_take_long_go_to_threads(more):
    assert takes_little([Search(vector=[1.0])])
    assert not takes_little([Search(vector=[1.0], **more)])
    assert not takes_little([Search(vector=[1.0])] * 2)


def test_the_loop_answers_what_threads_answer(store, where):
    asked = {"vector": vector(store), "k": 2, "target": "text"}
    with TestClient(create_app(store)) as client:
        by_thread = client.post(SEARCH, json=asked)
        told(client.app.state.searching._loop, 0.0)
        by_loop = client.post(SEARCH, json=asked)
        filtered = client.post(SEARCH, json={**asked, "where": "year == 2021"})
        in_words = client.post(SEARCH, json={"text": "a red door"})
    loop = where[1]
    assert by_loop.json() == by_thread.json()
    assert [hit["key"] for hit in filtered.json()] == ["two"]
    assert in_words.status_code == 200
    assert [name == loop for name in where] == [False, True, False, False]


def test_what_was_not_seen_yet_is_read_in_a_thread(store, where):
    asked = {"vector": vector(store), "target": "text"}
    with TestClient(create_app(store)) as client:
        client.post(SEARCH, json=asked)
        told(client.app.state.searching._loop, 0.0)
        client.post(SEARCH, json=asked)
        with embedstore.open(store.folder) as other:
            other.collection("words").add([Item("three", texts=("a red door",))])
        found = client.post(SEARCH, json=asked)
        client.post(SEARCH, json=asked)
        client.post(SEARCH, json={"like": "one", "image_base64": ""})  # asks for the encoder
    assert "three" in {hit["key"] for hit in found.json()}
    assert [name == where[1] for name in where] == [False, True, False, True, False]


def test_a_name_that_moved_on_is_answered_by_whoever_has_it(store):
    asked = {"vector": vector(store), "target": "text"}
    with TestClient(create_app(store)) as client:
        client.post(SEARCH, json=asked)
        told(client.app.state.searching._loop, 0.0)
        with embedstore.open(store.folder) as other:
            other.drop("words")
            assert client.post(SEARCH, json=asked).status_code == 404
            other.create("words", "toy").add([Item("new", texts=("a red door",))])
        found = client.post(SEARCH, json=asked)
    assert [hit["key"] for hit in found.json()] == ["new"]


def test_refusals_tell_nothing_of_how_long_searches_take():
    searches = LoopSearches(database_here=True)
    for number in range(60):
        with pytest.raises(NotFound):
            searches.timed(f"nobody {number}", lambda: (_ for _ in ()).throw(NotFound("no")))
    assert searches._seconds == {}


def test_what_the_loop_refuses_is_told_as_threads_tell_it(store):
    wrong = [{"vector": [1.0]}, {"vector": [0.0] * len(vector(store))}, {"like": "nobody"}]
    with TestClient(create_app(store)) as client:
        by_thread = [client.post(SEARCH, json=asked) for asked in wrong]
        told(client.app.state.searching._loop, 0.0)
        by_loop = [client.post(SEARCH, json=asked) for asked in wrong]
    assert [each.status_code for each in by_loop] == [422, 422, 404]
    for one, other in zip(by_loop, by_thread, strict=True):
        assert one.json()["detail"] == other.json()["detail"]


def test_between_two_searches_the_loop_looks_at_what_came():
    async def order():
        searches, seen = LoopSearches(database_here=True), []

        async def came():
            await asyncio.sleep(0)
            seen.append("came")

        found = [searches.run("words", lambda number=n: seen.append(number)) for n in range(3)]
        await asyncio.gather(*found, came())
        return seen

    seen = asyncio.run(order())
    assert seen.index("came") < seen.index(1)
    assert [each for each in seen if each != "came"] == [0, 1, 2]


def test_a_search_that_fails_leaves_the_turn_to_the_next():
    async def after():
        searches = LoopSearches(database_here=True)
        with pytest.raises(ValueError, match="no"):
            await searches.run("words", lambda: (_ for _ in ()).throw(ValueError("no")))
        return await asyncio.wait_for(searches.run("words", lambda: 7), 5)

    assert asyncio.run(after()) == 7


def test_a_thread_is_not_charged_with_the_time_it_waits():
    searches = LoopSearches(database_here=True)
    for _ in range(60):
        searches.timed("words", lambda: np.zeros(1) if threading.Event().wait(0.006) else None)
    assert searches.are_short("words")
