"""Many searches, pages, lists and field indexes, through HTTP and the command line."""

import json

import pytest
from click.testing import CliRunner

from api.cli import EXIT_CODES, main
from embedstore import Item


@pytest.fixture
def many(store):
    store.collection("words").add(
        Item(f"n{n}", texts=(f"door {n}",), meta={"year": n}) for n in range(20)
    )


@pytest.fixture
def call(store):
    def run(*words: str, code: int = 0) -> str:
        done = CliRunner().invoke(main, [*words, "--store", str(store.folder)])
        assert done.exit_code == code, done.output
        return done.output

    return run


def test_many_searches_are_one_request(client, many):
    queries = [{"text": "red", "target": "text", "k": 2}, {"text": "door", "target": "text"}]
    found = client.post("/v1/collections/words/search_many", json={"queries": queries}).json()
    alone = [client.post("/v1/collections/words/search", json=each).json() for each in queries]
    assert [[hit["key"] for hit in one] for one in found] == [
        [hit["key"] for hit in one] for one in alone
    ]
    wrong = client.post(
        "/v1/collections/words/search_many", json={"queries": [{"text": "a"}, {"text": ""}]}
    )
    assert wrong.status_code == 422
    assert "query 2 of 2" in wrong.text
    too_many = {"queries": [{"text": "a"}] * 257}
    assert client.post("/v1/collections/words/search_many", json=too_many).status_code == 422


def test_pages_follow_their_cursor(client, many):
    asked = {"text": "door", "target": "text", "k": 8}
    keys, cursor, sizes = [], None, []
    while True:
        page = client.post(
            "/v1/collections/words/search_page", json={**asked, "cursor": cursor}
        ).json()
        keys += [hit["key"] for hit in page["hits"]]
        sizes.append(len(page["hits"]))
        client.post(
            "/v1/collections/words/items",
            json={"items": [{"key": f"late{len(keys)}", "texts": ["door"]}]},
        )
        cursor = page["cursor"]
        if cursor is None:
            break
    assert sizes == [8, 8, 6]
    assert len(set(keys)) == 22
    assert not any(key.startswith("late") for key in keys)
    for wrong in ("x", "ä" * 30, "A" * 201):
        answer = client.post("/v1/collections/words/search_page", json={**asked, "cursor": wrong})
        assert answer.status_code == 422


def test_items_are_listed_with_a_filter(client, many):
    listed, asked = [], {"limit": 9}
    while asked.get("cursor", "") is not None:
        page = client.get("/v1/collections/words/items", params=asked).json()
        listed += [item["key"] for item in page["items"]]
        asked["cursor"] = page["cursor"]
    assert listed == ["one", "two", *(f"n{n}" for n in range(20))]
    few = client.get("/v1/collections/words/items", params={"where": "year < 3"}).json()
    assert [item["key"] for item in few["items"]] == ["n0", "n1", "n2"]
    for wrong in (
        {"cursor": "x"},
        {"cursor": "ä"},
        {"limit": 0},
        {"limit": 1001},
        {"where": "nope == 1"},
    ):
        assert client.get("/v1/collections/words/items", params=wrong).status_code == 422


def test_a_field_is_indexed_shown_and_dropped(call, many):
    assert "year: indexed" in call("index-field", "year")
    told = json.loads(call("info", "-c", "words", "--json"))
    assert told["indexed_fields"] == ["year"]
    assert json.loads(call("index-field", "meta.year", "--drop", "--json")) == {
        "field": "year",
        "indexed": False,
    }
    assert "has no index" in call("index-field", "year", "--drop", code=EXIT_CODES["NotFound"])
    assert "position" in call("index-field", "a b", code=EXIT_CODES["Invalid"])


def test_the_command_line_gives_page_after_page(call, many):
    asked = ("search", "door", "--target", "text", "-c", "words", "-k", "12")
    first = json.loads(call(*asked, "--page", "--json"))
    assert f"next: --cursor={first['cursor']}" in call(*asked, "--page")
    second = json.loads(call(*asked, f"--cursor={first['cursor']}", "--json"))
    assert second["cursor"] is None
    assert len({hit["key"] for hit in first["hits"] + second["hits"]}) == 22
    assert "the last page" in call(*asked, f"--cursor={first['cursor']}")
    told = call(*asked, "--cursor", "x", code=EXIT_CODES["Invalid"])
    assert "leave it out" in told
