"""The HTTP API: what it takes, what it gives, what it refuses."""

import base64
import io
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from api.app import create_app
from api.problems import STATUS, status_of
from api.settings import LOOPBACK, MAX_BODY_BYTES
from embedstore import Item, errors
from embedstore.catalog import NewRow
from embedstore.errors import StoreLocked


def jpeg(colour: str) -> str:
    buffer = io.BytesIO()
    Image.new("RGB", (64, 48), colour).save(buffer, "JPEG")
    return base64.b64encode(buffer.getvalue()).decode()


def test_items_are_added_found_shown_and_deleted(client):
    sent = [
        {"key": f"photos/{colour}.jpg", "image_base64": jpeg(colour)} for colour in ("red", "blue")
    ]
    answer = client.post("/v1/collections/words/items", json={"items": sent})
    assert answer.json()["added"] == ["photos/red.jpg", "photos/blue.jpg"]
    hit = client.post("/v1/collections/words/search", json={"text": "blue", "k": 1}).json()[0]
    assert (hit["key"], hit["rank"]) == ("photos/blue.jpg", 1)
    thumbnail = client.get(hit["image"], params={"side": 32})
    assert Image.open(io.BytesIO(thumbnail.content)).size == (32, 24)
    same = client.post(
        "/v1/collections/words/search", json={"image_base64": jpeg("red"), "k": 1}
    ).json()
    assert same[0]["key"] == "photos/red.jpg"
    assert client.get("/v1/collections/words/items/photos/red.jpg").json()["image"]
    gone = client.post(
        "/v1/collections/words/delete", json={"keys": ["photos/red.jpg", "no"]}
    ).json()
    assert gone == {"deleted": 1, "missing": ["no"]}
    assert client.get("/v1/collections/words/items/photos/red.jpg").status_code == 404


def test_collections_are_made_listed_and_described(client):
    assert (
        client.post("/v1/collections", json={"name": "more", "encoder": "toy"}).status_code == 201
    )
    asked = {"name": "told", "encoder": "toy", "prompts": ["a photo of {}"]}
    assert client.post("/v1/collections", json=asked).status_code == 201
    assert client.get("/v1/collections/told").json()["prompts"] == ["a photo of {}"]
    assert {each["name"] for each in client.get("/v1/collections").json()} == {
        "words",
        "more",
        "told",
    }
    assert client.get("/v1/collections/words").json()["items"] == 2
    assert client.get("/v1/health").json() == {"status": "ok"}


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/v1/collections/none/search", {"text": "x"}, 404),
        ("/v1/collections/words/search", {}, 422),
        ("/v1/collections/words/search", {"text": "x", "k": 0}, 422),
        ("/v1/collections/words/search", {"text": "x", "surprise": 1}, 422),
        ("/v1/collections/words/search", {"text": "x", "where": "nope == 1"}, 422),
        ("/v1/collections/words/search", {"text": "x", "where": "__import__('os')"}, 422),
        ("/v1/collections/words/search", {"image_base64": "bm90IGEgcGljdHVyZQ=="}, 422),
        ("/v1/collections/words/search", {"like": "none"}, 404),
        ("/v1/collections", {"name": "words", "encoder": "toy"}, 409),
        ("/v1/collections", {"name": "x", "encoder": "local-dir:/etc"}, 422),
        ("/v1/collections", {"name": "../x", "encoder": "toy"}, 422),
        ("/v1/collections", {"name": "x", "encoder": "toy", "prompts": ["no place"]}, 422),
    ],
)
def test_bad_requests_get_problem_details(client, path, body, status):
    answer = client.post(path, json=body)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"]


def test_one_bad_picture_leaves_its_neighbours(client):
    items = [{"key": "bad", "image_base64": "AAAA"}, {"key": "good", "image_base64": jpeg("green")}]
    answer = client.post("/v1/collections/words/items", json={"items": items}).json()
    assert (answer["added"], [each["key"] for each in answer["failed"]]) == (["good"], ["bad"])


def test_every_bad_picture_of_the_shared_set_is_refused_politely(client, shared_data: Path):
    for path in sorted((shared_data / "bad-images").iterdir()):
        item = {"key": path.name, "image_base64": base64.b64encode(path.read_bytes()).decode()}
        answer = client.post("/v1/collections/words/items", json={"items": [item]})
        assert answer.status_code == 200, (path.name, answer.text)


def test_a_key_is_asked_for_where_one_is_set(store):
    with TestClient(create_app(store, api_key="secret")) as client:
        assert client.get("/v1/health").status_code == 200
        assert client.get("/").status_code == 200
        for headers in ({}, {"Authorization": "Bearer wrong"}):
            assert client.get("/v1/collections", headers=headers).status_code == 401
        right = {"Authorization": "Bearer secret"}
        assert client.get("/v1/collections", headers=right).status_code == 200


def test_other_hosts_and_large_bodies_are_refused(store):
    with TestClient(create_app(store, hosts=LOOPBACK), base_url="http://localhost") as client:
        assert client.get("/v1/health").status_code == 200
        assert client.get("/v1/health", headers={"Host": "evil.example"}).status_code == 421
        too_large = {"Content-Length": str(MAX_BODY_BYTES + 1)}
        assert client.post("/v1/collections", headers=too_large, content=b"{}").status_code == 413

        def endless():
            for _ in range(MAX_BODY_BYTES // 2**20 + 2):
                yield b" " * 2**20

        assert client.post("/v1/collections", content=endless()).status_code == 413


@pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1:8000", "[::1]:8000", "[::1]"])
def test_pages_of_other_sites_cannot_use_a_server_on_loopback(store, host):
    with TestClient(create_app(store, hosts=LOOPBACK), base_url=f"http://{host}") as client:

        def search(origin: str | None) -> int:
            headers = {"Host": host} | ({} if origin is None else {"Origin": origin})
            return client.post(
                "/v1/collections/words/search", json={"text": "x"}, headers=headers
            ).status_code

        assert search(None) == search(f"http://{host}") == 200
        for foreign in ("http://evil.example", "http://localhost:9999", "null", f"http://{host}.x"):
            assert search(foreign) == 403


def test_pages_of_other_sites_cannot_show_what_is_on_loopback_but_may_link_to_it(store):
    here = {"base_url": "http://localhost:8000"}
    picture = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}
    link = picture | {"Sec-Fetch-Mode": "navigate"}
    with TestClient(create_app(store, hosts=LOOPBACK), **here) as client:
        asked = "/v1/collections"
        told = client.get(asked, headers=picture)
        assert (told.status_code, told.json()["title"]) == (403, "ForeignOrigin")
        assert client.get("/", headers=link).status_code == 200
        assert client.post(asked, headers=link, json={}).status_code == 403
        for site in ("same-origin", "none"):
            assert client.get(asked, headers=picture | {"Sec-Fetch-Site": site}).status_code == 200
    app = create_app(store, hosts=LOOPBACK, origins=["https://photos.example"])
    with TestClient(app, **here) as client:
        fetched = picture | {"Sec-Fetch-Mode": "cors", "Origin": "https://photos.example"}
        assert client.get("/v1/collections", headers=fetched).status_code == 200
        assert client.get("/v1/collections", headers=picture).status_code == 403
    with TestClient(create_app(store, hosts=LOOPBACK, api_key="secret"), **here) as client:
        keyed = picture | {"Authorization": "Bearer secret"}
        assert client.get("/v1/collections", headers=keyed).status_code == 200


def test_machines_that_probe_know_the_service_by_its_address_alone(store):
    app = create_app(store, hosts=LOOPBACK)
    with TestClient(app, base_url="http://10.0.0.7:8000") as client:
        for path in ("/health/live", "/health/ready", "/metrics"):
            assert client.get(path).status_code == 200
        assert client.get("/v1/collections").status_code == 421
        assert client.post("/health/live").status_code == 421


def test_a_key_lets_pages_behind_a_proxy_in(store):
    with TestClient(create_app(store, api_key="secret", hosts={"testserver"})) as client:
        headers = {"Authorization": "Bearer secret", "Origin": "https://photos.example"}
        assert client.get("/v1/collections", headers=headers).status_code == 200


def test_no_answer_holds_a_path_of_the_server(client, store, tmp_path):
    odd = tmp_path / "gone\udcff.jpg"
    unit = np.eye(1, store.collection("words").info.space.dim, dtype=np.float32)
    store.collection("words").add_vectors([Item("gone", odd)], image=unit)
    answer = client.get("/v1/collections/words/thumbnails/gone")
    assert answer.status_code == 404
    assert "'gone'" in answer.json()["detail"]
    locked = problems_of(client, store, StoreLocked(f"the catalog {tmp_path} is locked"))
    assert locked.status_code == 409
    for told in (answer.text, locked.text):
        assert str(tmp_path) not in told


def test_a_message_with_half_a_letter_is_told(client, store):
    answer = problems_of(client, store, errors.NotFound("no picture at cli\udcff"))
    assert answer.json()["detail"] == r"no picture at cli\xff"


def problems_of(client, store, error):
    def broken(*_: object, **__: object) -> None:
        raise error

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store.collection("words"), "search", broken)
        return client.post("/v1/collections/words/search", json={"text": "x"})


def test_a_text_with_half_a_letter_is_given(client, store):
    store.collection("words").add([Item("half", texts=("half \ud800",))])
    told = client.get("/v1/collections/words/items/half").json()["texts"]
    assert told == [r"half \xed\xa0\x80"]


def test_no_more_pictures_are_decoded_at_once_than_there_are_cores(client, store, monkeypatch):
    lock, inside, most = threading.Lock(), 0, 0

    def slow(*_: object, **__: object) -> bytes:
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
        time.sleep(0.05)
        with lock:
            inside -= 1
        return b""

    store.collection("words").add([Item("x", base64.b64decode(jpeg("red")))])
    monkeypatch.setattr(store.collection("words"), "thumbnail", slow)
    client.app.state.decoding = threading.BoundedSemaphore(2)
    with ThreadPoolExecutor(8) as many:
        answers = many.map(client.get, ["/v1/collections/words/thumbnails/x"] * 8)
        assert {answer.status_code for answer in answers} == {200}
    assert most == 2


def test_server_errors_tell_nothing_of_the_inside(client, store, monkeypatch):
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("/secret/path")

    monkeypatch.setattr(store.collection("words"), "search", broken)
    answer = client.post("/v1/collections/words/search", json={"text": "x"})
    assert answer.status_code == 500
    assert "secret" not in answer.text


def test_every_error_has_a_status():
    def leaves(kind):
        yield kind
        for each in kind.__subclasses__():
            yield from leaves(each)

    for kind in leaves(errors.EmbedStoreError):
        if kind is not errors.EmbedStoreError:
            assert status_of(kind("x")) in STATUS.values()


def test_a_picture_whose_key_has_dots_for_a_part_has_a_link_that_leads_to_it(client, store):
    words = store.collection("words")
    unit = np.eye(1, words.info.space.dim, dtype=np.float32)
    picture = base64.b64decode(jpeg("red"))
    words.catalog.put(words.info.id, [NewRow(Item("a/../b", picture), unit)])  # as older ones did
    (link,) = [each["image"] for each in client.get("/v1/collections/words/items").json()["items"]][
        2:
    ]
    assert client.get(link).status_code == 200
    sent = {"items": [{"key": "a/../b", "texts": ["x"]}, {"key": "fine", "texts": ["x"]}]}
    told = client.post("/v1/collections/words/items", json=sent).json()
    assert (told["added"], [each["key"] for each in told["failed"]]) == (["fine"], ["a/../b"])
