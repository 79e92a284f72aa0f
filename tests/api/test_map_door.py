"""The map over HTTP."""

import numpy as np

from embedstore import Item

MAP = "/v1/collections/words/map"


def test_the_map_is_served(client, store):
    words = store.collection("words")
    vectors = words.encoder.encode_texts(["red", "blue", "green", "red"])
    words.add_vectors([Item(f"p{n}", texts=("<b>",)) for n in range(4)], image=vectors)
    told = client.get(MAP).json()
    assert told["pictures"] == 4
    assert [point["key"] for point in told["points"]] == ["p0", "p1", "p2", "p3"]
    assert np.abs([[point["x"], point["y"]] for point in told["points"]]).max() <= 1
    assert told["groups"][0]["item"]["texts"] == ["<b>"]
    assert sum(group["size"] for group in told["groups"]) == 4
    assert len(client.get(MAP, params={"most": 2}).json()["points"]) == 2


def test_what_has_no_pictures_has_an_empty_map(client):
    assert client.get(MAP).json() == {"pictures": 0, "points": [], "groups": []}


def test_too_many_points_are_refused(client):
    assert client.get(MAP, params={"most": 100_000}).status_code == 422
    assert client.get("/v1/collections/none/map").status_code == 404
