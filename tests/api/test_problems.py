"""Every error is a problem, whatever made it, and names what is wrong."""

import pytest

FIELDS = {"type", "title", "status", "detail", "instance", "request_id"}


@pytest.mark.parametrize(
    ("method", "path", "sent", "status"),
    [
        ("GET", "/v1/nowhere", {}, 404),
        ("PUT", "/v1/collections", {}, 405),
        ("GET", "/v1/collections/none", {}, 404),
        ("POST", "/v1/collections", {"content": b"\xff{"}, 422),
        ("POST", "/v1/collections", {"content": b"name=x"}, 422),
        ("GET", "/v1/collections/words/items", {"params": {"limit": 0}}, 422),
        ("GET", "/v1/collections/words/items", {"params": {"cursor": "AAAA"}}, 422),
    ],
)
def test_every_error_is_a_problem(client, method, path, sent, status):
    answer = client.request(method, path, **sent)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    told = answer.json()
    assert told.keys() - {"errors"} == FIELDS
    assert (told["status"], told["instance"]) == (status, path)
    assert told["request_id"] == answer.headers["x-request-id"]
    assert told["type"].startswith("urn:embedstore:problem:")


def test_a_wrong_field_is_named(client):
    answer = client.post("/v1/collections/words/search", json={"text": "x", "k": 0, "y" * 500: 1})
    fields = [each["field"] for each in answer.json()["errors"]]
    assert fields == ["body.k", "body." + "y" * 100]


@pytest.mark.parametrize(
    ("path", "sent", "expected"),
    [
        ("search", "text/plain", "application/json"),
        ("search", "multipart/form-data; boundary=x", "application/json"),
        ("search", None, "application/json"),
        ("items/upload", "application/json", "multipart/form-data"),
    ],
)
def test_another_content_type_is_told_the_one_that_is_read(client, path, sent, expected):
    headers = {} if sent is None else {"content-type": sent}
    answer = client.post(f"/v1/collections/words/{path}", content=b'{"text": "x"}', headers=headers)
    told = "not said" if sent is None else repr(sent)
    assert answer.status_code in {400, 422}
    if answer.status_code == 422:
        assert answer.json()["detail"] == (
            f"the content type of the body is {told}; expected {expected}"
        )


def test_a_field_that_is_not_there_is_told_where_all_are_named(client):
    answer = client.post("/v1/collections/words/search", json={"words": "x"})
    assert answer.json()["detail"] == (
        "body.words: no such field; /openapi.json names those that there are"
    )


def test_a_picture_that_is_not_there_is_told_plainly(client):
    answer = client.post("/v1/collections/words/caption", json={})
    assert answer.json()["detail"].startswith("body: no picture is given; expected image_base64")


def test_a_route_that_is_not_there_is_named(client):
    answer = client.get("/v1/nowhere")
    assert answer.json()["detail"] == "GET /v1/nowhere is no route; /openapi.json names all"


def test_an_empty_query_is_told_the_fields_that_there_are(client):
    fields = "text, image_base64, image_url, like (an item's key) or vector"
    for path in ("search", "search_page", "explain"):
        answer = client.post(f"/v1/collections/words/{path}", json={"k": 3})
        assert answer.json()["detail"] == f"the query is empty; give {fields}"


def test_a_method_that_is_not_there_is_told_what_is(client):
    assert client.put("/v1/collections/words").headers["allow"]


def test_a_collection_is_deleted(client):
    assert client.delete("/v1/collections/words").status_code == 204
    assert client.delete("/v1/collections/words").status_code == 404
    assert client.get("/v1/collections").json() == []


def test_one_item_is_deleted(client):
    assert client.delete("/v1/collections/words/items/one").status_code == 204
    again = client.delete("/v1/collections/words/items/one")
    assert (again.status_code, again.json()["title"]) == (404, "NotFound")
    assert [item["key"] for item in client.get("/v1/collections/words/items").json()["items"]] == [
        "two"
    ]


def test_a_cursor_of_another_collection_is_refused(client):
    cursor = client.get("/v1/collections/words/items", params={"limit": 1}).json()["cursor"]
    client.post("/v1/collections", json={"name": "more", "encoder": "toy"})
    answer = client.get("/v1/collections/more/items", params={"cursor": cursor})
    assert answer.status_code == 422
    assert "another collection" in answer.json()["detail"]
