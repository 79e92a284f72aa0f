"""One law for a collection that is here and one that a server holds."""

import datetime
import inspect
import io
import json
import socket
import threading
import time
from functools import partial
from pathlib import Path

import httpx
import numpy as np
import pytest
import uvicorn
from fastapi.testclient import TestClient
from PIL import Image

import embedstore
from api.app import create_app
from api.keys import KeyRing
from embedstore import Item, Query, client_collection, client_line, connect, re_embed
from embedstore.answering.answerer import Answerer, Settings
from embedstore.calibration import calibrate
from embedstore.client import RemoteStore
from embedstore.client_collection import RemoteCollection
from embedstore.clusters import clusters
from embedstore.duplicates import duplicates
from embedstore.encoders import load
from embedstore.errors import (
    BadFilter,
    BadQuery,
    Conflict,
    Invalid,
    NotAllowed,
    NotFound,
    OutOfScope,
    Overloaded,
    Unauthorized,
    Unavailable,
)
from embedstore.map import map_of

DOCUMENT = json.loads((Path(__file__).parents[1] / "golden" / "openapi.json").read_text())
OF_ONE = [path for path in DOCUMENT["paths"] if "/collections/{name}" in path]


@pytest.fixture(params=["here", "served"])
def store(request, tmp_path):
    with embedstore.open(tmp_path / "store") as opened:
        if request.param == "here":
            yield opened
            return
        server = uvicorn.Server(
            uvicorn.Config(create_app(opened), port=0, log_level="warning", ws="none")
        )
        thread = threading.Thread(target=server.run)
        thread.start()
        until = time.monotonic() + 60
        while not server.started:
            assert time.monotonic() < until
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        with connect(f"http://127.0.0.1:{port}") as remote:
            yield remote
        server.should_exit = True
        thread.join()


@pytest.fixture
def words(store):
    made = store.create("words", "toy")
    made.add(
        [
            Item("one/red door", texts=("a red door",), meta={"year": 2020}),
            Item("two", texts=("a blue door",), meta={"year": 2021}),
            Item("three", texts=("a green hill",), meta={"year": 2021}),
        ]
    )
    return made


def test_a_store_lists_its_collections_and_opens_one_that_is_there(store, words):
    assert [each.name for each in store.collections()] == ["words"]
    again = store.create("words", "toy", exist_ok=True)
    assert again.get("two") == words.get("two")
    with pytest.raises(Conflict, match="words"):
        store.create("words", "toy")
    with pytest.raises(Conflict, match="words"):
        store.create("words", "mini", exist_ok=True)
    store.drop("words")
    assert store.collections() == []


def picture(colour: str) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (32, 24), colour).save(stream, "PNG")
    return stream.getvalue()


def test_items_go_in_come_back_and_go(words, tmp_path):
    red = picture("red")
    (tmp_path / "blue.png").write_bytes(picture("blue"))
    report = words.add(
        [
            Item("red?", image=red, meta={"deep": {"a": [1, None]}}),
            Item("blue", image=tmp_path / "blue.png", texts=("sky",)),
            Item("bad", image=b"no picture"),
            Item("gone", image=tmp_path / "gone.png"),
            Item("two", texts=("a yellow door",)),
        ]
    )
    assert sorted(report.added) == ["blue", "red?"]
    assert report.replaced == ["two"]
    assert sorted(each.key for each in report.failed) == ["bad", "gone"]
    assert words.get("red?").meta == {"deep": {"a": [1, None]}}
    assert words.get("one/red door").texts == ("a red door",)
    assert words.image_bytes("red?") == red
    assert Image.open(io.BytesIO(words.thumbnail("red?", 16))).size == (16, 12)
    assert words.search(Query(image=red, k=1))[0].item.key == "red?"
    assert words.delete(["two", "never"]) == ["never"]
    with pytest.raises(NotFound):
        words.get("two")
    assert words.describe()["items"] == 4


def test_a_key_that_is_no_part_of_an_address_is_not_found(words):
    for key in ("..", ".", "", "../words", "never"):
        for ask in (words.get, words.image_bytes, lambda key: words.thumbnail(key, 32)):
            with pytest.raises(NotFound):
                ask(key)
    assert [each.key for each in words.add([Item("..", texts=("x",))]).failed] == [".."]


def test_an_item_that_no_collection_can_hold_leaves_its_neighbours_alone(words):
    bad = {
        "nan": Item("nan", texts=("x",), meta={"x": float("nan")}),
        "date": Item("date", texts=("x",), meta={"x": datetime.date(2020, 1, 1)}),
        "int64": Item("int64", texts=("x",), meta={"x": np.int64(3)}),
        "list": Item("list", texts=("x",), meta=["x"]),
        "half \ud800": Item("half \ud800", texts=("x",)),
        "": Item("", texts=("x",)),
        "nothing": Item("nothing"),
        "name": Item("name", image="photo.jpg"),
    }
    report = words.add([Item("good", texts=("y",)), *bad.values(), Item("too", texts=("z",))])
    assert sorted(report.added) == ["good", "too"]
    assert {each.key for each in report.failed} == set(bad)
    (told,) = (each.reason for each in report.failed if each.key == "nan")
    assert told == "item 'nan': metadata field x is nan; expected a finite number or null"
    assert words.get("too").texts == ("z",)


def test_an_item_that_a_server_refuses_leaves_its_neighbours_alone(store, words):
    report = words.add([Item("good", texts=("y",)), Item("long", texts=("x" * 100_001,))])
    assert "good" in report.added
    if isinstance(store, RemoteStore):
        (failed,) = report.failed
        assert failed.key == "long"
        assert "at most 100000 characters" in failed.reason


def test_half_a_surrogate_pair_is_an_odd_letter(words):
    assert words.add([Item("odd", texts=("a \ud800 door",))]).added == ["odd"]
    assert words.get("odd").texts[0] in ("a \ud800 door", "a \\ud800 door")
    assert words.search("a \ud800 door", target="text", k=1)
    for ask in (words.get, lambda key: words.search(like=key), words.image_bytes):
        with pytest.raises(NotFound):
            ask("\ud800")
    with pytest.raises(BadFilter):
        words.items(where="\ud800")


def test_searches_agree_however_they_are_asked(words):
    asked = Query("a red door", target="text", k=2)
    hits = words.search(asked)
    assert [hit.item.key for hit in hits] == ["one/red door", "two"]
    assert [hit.rank for hit in hits] == [1, 2]
    assert hits[0].text == "a red door"
    assert hits[0].score == pytest.approx(1.0, abs=1e-3)
    assert words.search("a red door", target="text", k=2) == hits
    (many,) = words.search_many([asked])
    assert [hit.item for hit in many] == [hit.item for hit in hits]
    filtered = words.search("a red door", target="text", where="year == 2021")
    assert {hit.item.key for hit in filtered} == {"two", "three"}
    like = words.search(Query(like="one/red door", target="text"))
    assert "one/red door" not in {hit.item.key for hit in like}


def test_fields_of_a_query_are_given_by_name_everywhere(words):
    vector = load("toy").encode_texts(["a red door"])[0]
    (hit,) = words.search(vector=vector, target="text", k=1)
    assert hit.item.key == "one/red door"
    assert words.search(vector=vector.tolist(), target="text", k=np.int64(1)) == [hit]
    ((one,), (two,)) = words.search_many(["a red door", Query("hill")], target="text", k=1)
    assert (one.item.key, two.item.key) == ("one/red door", "three")
    page = words.search_page("a red door", target="text", k=2)
    assert [each.rank for each in page.hits] == [1, 2]
    assert words.search_page("a red door", page.cursor, target="text", k=2).hits[0].rank == 3
    assert words.explain(like="two", target="text")[0].modality == "text"
    away = words.search("a door", target="text", k=1, unlike=["one/red door"])
    assert away[0].item.key == "two"


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"k": 2.5}, "k is 2.5; expected a whole number"),
        ({"k": None}, "k is None; expected"),
        ({"k": 0}, "k is 0; expected 1 to 10000"),
        ({"min_score": float("nan")}, "min_score is nan; expected a finite number"),
        ({"text_weight": 2}, "text_weight is 2; expected 0 to 1"),
        ({"where": 5}, "where is 5; expected a filter as text"),
        ({"diversity": "x"}, "diversity is 'x'; expected a number"),
        ({"without": "people"}, "without is 'people'; expected several"),
        ({"unlike": [3]}, "unlike holds 3; expected several"),
        ({"text": None, "vector": "abc"}, "vector is 'abc'; expected numbers"),
        ({"text": None, "image": "a.jpg"}, "image is 'a.jpg'; expected a pathlib.Path"),
        ({"text": None, "vector": np.zeros(128)}, "the query vector is all zeros"),
        ({"limit": 3}, "a query has no limit; expected one of text, image"),
    ],
)
def test_a_field_of_the_wrong_type_is_one_line(words, fields, told):
    with pytest.raises(BadQuery, match=told):
        words.search(**{"text": "x", **fields})


def test_what_is_no_query_is_one_line(words):
    with pytest.raises(BadQuery, match=r"the query is of type ndarray; expected .* vector=\.\.\."):
        words.search(np.ones(128))
    with pytest.raises(BadQuery, match="words are given twice: 'a' and 'b'"):
        words.search("a", text="b")


def test_items_are_listed_and_gone_through(words, monkeypatch):
    monkeypatch.setattr(client_collection, "MOST_LISTED", 2)
    keys = ["one/red door", "two", "three"]
    assert [item.key for item in words] == keys
    listed = words.items()
    assert [item.key for item in listed.values()] == keys
    assert list(listed.values()) == [words.get(key) for key in keys]
    rows = list(listed)
    assert rows == sorted(rows)
    assert list(words.items(rows[0], 1).values()) == [listed[rows[1]]]
    assert list(words.items(where="year == 2021")) == rows[1:]
    assert words.items(rows[-1]) == {}
    for limit in (0, 10_001):
        with pytest.raises(BadQuery, match="expected 1 to 10000"):
            words.items(limit=limit)
    with pytest.raises(BadFilter):
        words.items(where="nope == 1")


def test_long_work_ends_before_the_call_does(store, words):
    words.delete(["two"])
    words.rebuild()
    words.compact()
    words.add([Item(key, image=picture("red")) for key in ("red", "again")])
    words.add([Item("blue", image=picture("blue"))])
    seen = []
    remote = isinstance(store, RemoteStore)
    told = {"read": False, "progress": lambda *steps: seen.append(steps)}
    found = words.duplicates(**told) if remote else duplicates(words, **told)
    (group,) = found.groups
    assert group.keys == ("again", "red")
    assert group.pairs[0].score == pytest.approx(1, abs=1e-3)
    assert (found.pictures, found.unreadable) == (3, ())
    move = store.re_embed if remote else partial(re_embed, store)
    moved = move("words", "mini")
    assert (moved.switched, moved.copied, moved.failed) == (True, 5, [])
    with pytest.raises(Conflict):
        move("words", "toy", keep="words")


def test_findings_are_the_same_here_and_there(store, words):
    words.add(Item(f"red{at}", image=picture("red"), texts=("a red thing",)) for at in range(2))
    words.add(Item(f"blue{at}", image=picture("blue"), texts=("a blue thing",)) for at in range(3))
    remote = isinstance(store, RemoteStore)
    found = words.clusters(2, central=9) if remote else clusters(words, 2, central=9)
    assert [(each.size, set(each.central)) for each in found] == [
        (3, {"blue0", "blue1", "blue2"}),
        (2, {"red0", "red1"}),
    ]
    assert "a blue thing" in found[0].names
    named = {"names": ["sea", "fire"], "n": 1}
    (one,) = words.clusters(**named) if remote else clusters(words, **named)
    assert set(one.names) == {"sea", "fire"}
    drawn = words.map_of(4) if remote else map_of(words, 4)
    assert (len(drawn.points), drawn.pictures, type(drawn.points)) == (4, 5, tuple)
    assert sum(each.size for each in drawn.groups) == 4
    assert words.get(drawn.groups[0].item.key).texts == drawn.groups[0].item.texts
    off = {"hubs": "off", "expand": "off"}
    measured = words.calibrate(**off) if remote else calibrate(words, **off)
    assert (measured.queries, measured.expand, measured.hubs_gain) == (0, False, None)
    with pytest.raises(Invalid, match="expected"):
        words.clusters(99) if remote else clusters(words, 99)


def test_answers_are_the_same_here_and_there(store, words, tmp_path):
    (tmp_path / "asked.png").write_bytes(picture("red"))
    words.add(
        [
            Item("red", image=picture("red"), texts=("a red door",)),
            Item("again", image=picture("red"), texts=("a red door",)),
            Item(
                "q", image=picture("red"), texts=("what colour is it",), meta={"answers": ["red"]}
            ),
        ]
    )
    remote = isinstance(store, RemoteStore)
    held = {"k": 2, "min_score": 0.1}
    answering = words if remote else Answerer(words, "consensus", Settings(**held))
    settings = {"generator": "consensus", **held} if remote else {}
    said = answering.caption(tmp_path / "asked.png", **settings)
    assert (said.text, said.abstained, said.generator) == ("a red door", None, "consensus")
    assert {each.key for each in said.citations} == {"red", "again"}
    assert said.citations[0].score == pytest.approx(1, abs=1e-2)
    told = answering.ask("what colour is it", picture("red"), **settings)
    assert (told.text, told.citations[0].key) == ("red", "q")
    with pytest.raises(Invalid):
        answering.ask("", **settings)
    for asked in (answering.caption, lambda image, **held: answering.ask("what", image, **held)):
        with pytest.raises(Invalid, match=r"asked.png.*; expected a pathlib.Path"):
            asked(str(tmp_path / "asked.png"), **settings)
    if remote:
        with pytest.raises(Invalid, match=r"cannot be sent .* expected texts, finite numbers"):
            words.ask("what", min_score=float("nan"))
        nothing = words.caption(picture("red"), generator="consensus", where="year == 1900")
        assert (nothing.text, nothing.citations) == (None, ())
        assert nothing.abstained
        with pytest.raises(NotFound, match="not allowed"):
            words.ask("what", generator="endpoint:http://x#y")


def test_fields_tell_what_they_hold(words):
    told = words.fields()
    assert (told.items, told.looked_at) == (3, 3)
    (year,) = told.fields
    assert (year.name, year.kind, year.items, year.distinct) == ("year", "number", 3, 2)
    assert (year.values, year.least, year.most) == (((2021, 2), (2020, 1)), 2020, 2021)


def test_pages_follow_each_other(words):
    asked = Query("a red door", target="text", k=2)
    first = words.search_page(asked)
    second = words.search_page(asked, first.cursor)
    assert [hit.rank for hit in first.hits + second.hits] == [1, 2, 3]
    assert second.cursor is None
    (explained,) = words.explain(asked)
    assert (explained.modality, explained.promise) == ("text", "exact")


def test_errors_are_of_the_same_kind(store, words):
    with pytest.raises(BadFilter):
        words.search("x", where="import os")
    with pytest.raises(BadQuery):
        words.search(Query())
    with pytest.raises(NotFound, match="words"):
        store.collection("nothing")
    with pytest.raises(Conflict):
        store.create("words", "toy")
    store.drop("words")
    with pytest.raises(NotFound):
        store.collection("words")


# What a collection here can do and a served one cannot, and why
ONLY_HERE = {
    "add_vectors": "the server encodes, so that no vector of another space gets in",
    "store": "of the indexer of corpora; the server takes items",
    "use": "the server chooses the encoder of a space",
    "encoder": "POST /v1/embeddings encodes; a server's encoder cannot be handed over",
    "kept_thumbnail": "a cache beside the index, which only the server has",
    "info": "what `describe` tells, as the catalog has it",
    "picture_version": "goes over the wire as an ETag",
    "close": "the connections are the store's",
}
ONLY_HERE_OF_STORES = {
    "index_field": "builds an index in the database, which whoever runs the server decides on"
}
ONLY_HERE_OF_ANSWERERS = {
    "captions": "one picture a request",
    "prompt": "evidence stays with the server",
    "decide": "evidence stays with the server",
    "confidence": "goes over the wire with each answer",
}
FUNCTIONS_ONLY_HERE = {
    "index": "reads folders of the machine it runs on",
    "tune": "takes minutes of all cores, which whoever runs the server decides on",
    "summarise": "a command; the server has no route for it yet",
    "reply": "a command; the server has no route for it yet",
    "report": "a command; the server has no route for it yet",
    "translate": "a command; the server has no route for it yet",
}
SERVED_FUNCTIONS = {  # that take the collection
    "duplicates": duplicates,
    "clusters": clusters,
    "calibrate": calibrate,
    "map_of": map_of,
}


def public(kind: type) -> set[str]:
    return {name for name, _ in inspect.getmembers(kind) if not name.startswith("_")}


def test_what_a_served_collection_lacks_is_named_with_its_reason():
    assert public(embedstore.Collection) - public(RemoteCollection) - {"name"} == set(ONLY_HERE)
    assert public(embedstore.Store) - public(RemoteStore) == set(ONLY_HERE_OF_STORES)
    assert public(Answerer) - public(RemoteCollection) == set(ONLY_HERE_OF_ANSWERERS)
    assert not set(FUNCTIONS_ONLY_HERE) & public(RemoteCollection)


def test_every_route_of_a_collection_has_a_method():
    others = {
        "": "describe",
        "map": "map_of",
        "originals": "image_bytes",
        "thumbnails": "thumbnail",
        "re-embed": "re_embed",
    }
    routes = {path.partition("{name}")[2].strip("/").partition("/")[0] for path in OF_ONE}
    asked = public(RemoteCollection) | public(RemoteStore)
    assert {others.get(route, route) for route in routes} <= asked


def test_the_faces_have_the_same_methods_and_parameters():
    def parameters(method) -> list[str]:
        return list(inspect.signature(method).parameters)[1:]

    answers = {"caption": Answerer.caption, "ask": Answerer.ask}  # chosen there before it is asked
    for name, method in inspect.getmembers(RemoteCollection, inspect.isfunction):
        if not name.startswith("_"):
            if name in answers:
                wanted = [*parameters(answers[name]), "generator", "settings"]
                assert parameters(method) == wanted, name
                continue
            here = SERVED_FUNCTIONS.get(name) or getattr(embedstore.Collection, name)
            wanted = [each for each in parameters(here) if each != "workers"]
            assert parameters(method) == wanted, name
    wanted = [each for each in parameters(re_embed) if each != "workers"]
    assert parameters(RemoteStore.re_embed) == wanted


@pytest.mark.parametrize(
    ("scope", "kind", "told"),
    [
        (None, Unauthorized, r"send the API key.*connect\(url, key=KEY\)"),
        ("read", OutOfScope, "needs scope 'write'"),
    ],
)
def test_what_a_key_may_not_is_an_error_of_its_own(tmp_path, scope, kind, told):
    with embedstore.open(tmp_path / "store") as opened:
        opened.create("words", "toy")
        ring = KeyRing(opened.folder)
        made = ring.create("key", "read")
        line = client_line.Line("http://testserver", made if scope else None, 1.0, 0)
        line._client.close()
        headers = dict(line._client.headers)
        with TestClient(create_app(opened), "http://testserver/v1", headers=headers) as client:
            line._client = client
            remote = RemoteCollection(line, "words")
            with pytest.raises(kind, match=told) as refused:
                remote.add([Item("x", texts=("x",))])
            assert isinstance(refused.value, NotAllowed)


def test_what_a_busy_server_did_not_take_is_asked_again(monkeypatch):
    pauses = []
    monkeypatch.setattr(client_line.time, "sleep", pauses.append)
    told = {"title": "Overloaded", "detail": "busy"}
    answers = [
        httpx.Response(503, headers={"retry-after": "1"}, json=told),
        httpx.Response(429, headers={"retry-after": "99"}, json=told),
        httpx.Response(200, json=[{"name": "words", "encoder": "toy", "items": 2}]),
        httpx.Response(503, json=told),  # it may have been taken
    ]
    line = client_line.Line("http://server", "key", 1.0, 3)
    line._client.close()
    line._client = httpx.Client(
        base_url="http://server/v1", transport=httpx.MockTransport(lambda _: answers.pop(0))
    )
    with RemoteStore(line) as remote:
        assert [each.name for each in remote.collections()] == ["words"]
        assert pauses == [1.0, client_line.LONGEST_PAUSE]
        with pytest.raises(Overloaded):
            remote.collections()
    assert answers == []


def lost_once(error: type[httpx.HTTPError], path: str, body: object = None) -> int:
    """Count the requests until an answer comes, where the first one is lost."""
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        if len(asked) == 1:
            raise error("lost")
        return httpx.Response(200, json={})

    line = client_line.Line("http://server", None, 1.0, 2)
    line._client.close()
    transport = httpx.MockTransport(answer)
    with httpx.Client(base_url="http://server/v1", transport=transport) as line._client:
        try:
            line.ask("GET" if body is None else "POST", path, body)
        except Unavailable:
            return -len(asked)
    return len(asked)


@pytest.mark.parametrize("error", [httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError])
def test_what_may_be_sent_twice_is_where_a_connection_broke(error, monkeypatch):
    monkeypatch.setattr(client_line.time, "sleep", lambda _: None)
    assert lost_once(error, "/collections") == 2
    for repeatable in ("search", "search_many", "search_page", "items", "delete", "ask"):
        assert lost_once(error, f"/collections/words/{repeatable}", {}) == 2, repeatable
    for once in ("/collections", "/collections/words/rebuild", "/collections/words/re-embed"):
        assert lost_once(error, once, {}) == -1, once
    assert lost_once(httpx.ReadTimeout, "/collections") == -1


def test_an_idle_connection_is_closed_here_before_the_server_closes_it():
    assert uvicorn.Config("app").timeout_keep_alive > client_line.KEPT_SECONDS


def test_a_server_that_is_silent_is_waited_for_so_long_and_asked_once():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(10)
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        began = time.monotonic()
        told = rf"no answer from {address} \(ReadTimeout\)"
        with connect(address, seconds=0.3) as store, pytest.raises(Unavailable, match=told):
            store.collections()
        assert 0.3 <= time.monotonic() - began < 10
        silent.accept()[0].close()
        silent.settimeout(0)
        with pytest.raises(BlockingIOError):
            silent.accept()


def test_what_is_no_embedstore_is_told():
    line = client_line.Line("http://server", None, 1.0, 0)
    line._client.close()
    page = httpx.Response(200, html="<p>Welcome</p>")
    line._client = httpx.Client(
        base_url="http://server/v1", transport=httpx.MockTransport(lambda _: page)
    )
    with (
        RemoteStore(line) as remote,
        pytest.raises(Unavailable, match=r"text/html.*; expected JSON"),
    ):
        remote.collections()


def test_a_server_that_is_not_there_is_told():
    for url in ("localhost", "http://localhost:port", "http://[::1"):
        with pytest.raises(Invalid, match="http://localhost:8000"):
            connect(url)
    with pytest.raises(Invalid, match="embedstore keys create"):
        connect("http://localhost:8000", key="ключ")
    with (
        connect("http://127.0.0.1:9", retries=1) as nobody,
        pytest.raises(Unavailable, match="embedstore serve"),
    ):
        nobody.collections()


@pytest.mark.parametrize(
    ("method", "path", "repeated"),
    [
        ("GET", "/collections/x", True),
        ("POST", "/collections/x/search", True),
        ("DELETE", "/collections/search", False),
        ("POST", "/collections/items", False),
        ("POST", "/collections/x/re_embed", False),
    ],
)
def test_only_what_may_be_sent_twice_is(method, path, repeated):
    assert client_line._may_repeat(httpx.ReadError("gone"), method, path) is repeated
    assert client_line._may_repeat(httpx.ConnectError("nobody"), method, path)
