"""Searches with vectors that are ready, by both ways that a request is read."""

import base64
import json

import numpy as np
import pytest

from embedstore import Query, encoders

WHERE = "/v1/collections/words/search"


@pytest.fixture
def red() -> np.ndarray:
    return encoders.load("toy").encode_texts(["a red door"])[0]


def in_base64(vector: np.ndarray) -> str:
    return base64.b64encode(vector.astype("<f4").tobytes()).decode()


def test_both_forms_of_a_vector_find_what_the_collection_finds(client, store, red):
    found = store.collection("words").search(Query(vector=red, target="text", k=2))
    for form in ([float(number) for number in red], in_base64(red)):
        told = client.post(WHERE, json={"vector": form, "target": "text", "k": 2})
        assert told.status_code == 200
        assert [each["key"] for each in told.json()] == [each.item.key for each in found]
        assert [each["score"] for each in told.json()] == [each.score for each in found]


def test_only_the_direction_of_a_vector_counts(client, red):
    told = [
        client.post(WHERE, json={"vector": in_base64(red * length), "target": "text"}).json()
        for length in (np.float32(1), np.float32(1e30))
    ]
    assert [each["key"] for each in told[0]] == [each["key"] for each in told[1]]
    for one, other in zip(*told, strict=True):
        assert one["score"] == pytest.approx(other["score"], abs=1e-6)


def test_what_openai_clients_are_given_can_be_searched_with(client):
    asked = {"model": "toy", "input": "a blue door", "encoding_format": "base64"}
    vector = client.post("/v1/embeddings", json=asked).json()["data"][0]["embedding"]
    told = client.post(WHERE, json={"vector": vector, "target": "text", "k": 1}).json()
    assert told[0]["key"] == "two"


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"vector": [1.0, 2.0]}, "expected"),
        ({"vector": [1e300] * 64}, "expected"),
        ({"vector": []}, "expected"),
        ({"vector": "AAAA"}, "4 bytes each"),
        ({"vector": "?"}, "vector"),
        ({"vector": ["one"]}, "vector"),
        ({"vector": [1.0], "text": "a door"}, "both text and vector"),
        ({"vector": [1.0], "k": 0}, "k"),
        ({"strange": 1}, "strange"),
    ],
)
def test_a_vector_that_is_none_is_refused_and_says_why(client, asked, says):
    told = client.post(WHERE, json=asked)
    assert told.status_code == 422
    assert says in told.json()["detail"]


def test_the_short_way_and_the_long_one_answer_alike(client, red):
    body = json.dumps({"vector": in_base64(red), "target": "text"}).encode()
    short, long = (
        client.post(WHERE, content=body, headers={"content-type": kind})
        for kind in ("application/json", "application/json; charset=utf-8")
    )
    assert short.status_code == long.status_code == 200
    assert short.content == long.content
    assert short.headers["content-type"] == long.headers["content-type"]
    for content in (b"{", b"[]", b'{"k": "\xff"}'):
        refused = [
            client.post(WHERE, content=content, headers={"content-type": kind})
            for kind in ("application/json", "application/json; charset=utf-8")
        ]
        assert refused[0].status_code == refused[1].status_code
        assert refused[0].json()["detail"] == refused[1].json()["detail"]


def test_a_collection_that_was_dropped_is_not_searched_again(client, store, red):
    asked = {"vector": in_base64(red), "target": "text"}
    assert len(client.post(WHERE, json=asked).json()) == 2
    store.drop("words")
    assert client.post(WHERE, json=asked).status_code == 404
    store.create("words", "toy")
    assert client.post(WHERE, json=asked).json() == []
