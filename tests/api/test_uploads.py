"""Pictures by forms: stored, searched with, given back, kept by clients."""

import io
import json
import threading
from pathlib import Path

import pytest
from PIL import Image

from embedstore.corpus import images
from embedstore.thumbnails import PAGE_SIDE

ITEMS = "/v1/collections/words/items"
UPLOAD = f"{ITEMS}/upload"


def jpeg(colour: str) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (64, 48), colour).save(buffer, "JPEG")
    return buffer.getvalue()


@pytest.fixture
def sent(client):
    files = [("files", (f"{colour}.jpg", jpeg(colour))) for colour in ("red", "blue")]
    told = [{"file": "red.jpg", "key": "a/red", "texts": ["a wall"], "meta": {"year": 1}}]
    answer = client.post(UPLOAD, files=files, data={"items": json.dumps(told)})
    assert answer.json()["added"] == ["a/red", "blue.jpg"], answer.text


def test_uploaded_pictures_are_items(client, sent):
    assert client.get(f"{ITEMS}/a/red").json()["meta"] == {"year": 1}
    again = client.post(UPLOAD, files=[("files", ("blue.jpg", jpeg("green")))])
    assert again.json()["replaced"] == ["blue.jpg"]


@pytest.mark.parametrize(
    ("names", "items", "told"),
    [
        (["x.jpg"], "{", "body.items"),
        (["x.jpg"], '[{"file": "x.jpg", "surprise": 1}]', "body.items.0.surprise"),
        (["x.jpg"], '[{"file": "y.jpg"}]', "'y.jpg', which was not sent"),
        (["x.jpg", "x.jpg"], "[]", "each of one file"),
        ([], "[]", "body.files"),
    ],
)
def test_what_does_not_fit_is_refused_whole(client, names, items, told):
    files = [("files", (name, jpeg("red"))) for name in names] or [("other", ("x", b"x"))]
    answer = client.post(UPLOAD, files=files, data={"items": items})
    assert answer.status_code == 422
    assert told in answer.json()["detail"]
    assert len(client.get(ITEMS).json()["items"]) == 2


def test_a_search_takes_a_picture_and_words(client, sent):
    search = "/v1/collections/words/search/upload"
    asked = {"query": json.dumps({"k": 1, "text": "blue", "text_weight": 0.1})}
    found = client.post(search, files={"image": ("x", jpeg("red"))}, data=asked)
    assert [hit["key"] for hit in found.json()] == ["a/red"]
    wrong = client.post(search, files={"image": ("x", jpeg("red"))}, data={"query": '{"k": 0}'})
    assert wrong.json()["errors"][0]["field"] == "body.query.k"
    assert client.post(search, files={"image": ("x", b"no picture")}).status_code == 422


def test_an_item_is_steered_away_from(client, sent):
    client.post(UPLOAD, files=[("files", ("purple", jpeg("purple")))])
    search = "/v1/collections/words/search"
    plain = client.post(search, json={"like": "purple"}).json()
    steered = client.post(search, json={"like": "purple", "unlike": ["a/red"]}).json()
    scores = [{hit["key"]: hit["score"] for hit in each} for each in (plain, steered)]
    gap = [each["a/red"] - each["blue.jpg"] for each in scores]
    assert gap[1] < gap[0] - 0.1
    assert client.post(search, json={"like": "purple", "unlike": ["none"]}).status_code == 404


def test_clients_keep_pictures(client, sent):
    for path in ("originals/a/red", "thumbnails/a/red"):
        first = client.get(f"/v1/collections/words/{path}")
        assert first.headers["content-type"] == "image/jpeg"
        assert first.headers["cache-control"].startswith("private")
        known = {"If-None-Match": f'"other", W/{first.headers["etag"]}'}
        again = client.get(f"/v1/collections/words/{path}", headers=known)
        assert (again.status_code, again.content) == (304, b"")
        client.post(UPLOAD, files=[("files", ("a/red", jpeg("green")))])
        assert client.get(f"/v1/collections/words/{path}", headers=known).status_code == 200
    small = client.get("/v1/collections/words/thumbnails/a/red", params={"side": 16})
    assert small.headers["etag"] != again.headers["etag"]
    assert client.get("/v1/collections/words/originals/a/red").content == jpeg("green")
    assert client.get("/v1/collections/words/originals/one").status_code == 404


def test_a_thumbnail_that_is_kept_waits_for_no_turn_to_decode(client, sent):
    path = "/v1/collections/words/thumbnails/a/red"
    made = client.get(path).content
    client.app.state.decoding = threading.BoundedSemaphore(1)
    with client.app.state.decoding:  # some other request decodes, for as long as it likes
        assert client.get(path).content == made


def test_the_first_visit_finds_thumbnails_of_what_was_uploaded(client, sent, monkeypatch):
    monkeypatch.setattr(images, "thumbnail", lambda *_: pytest.fail("was made on demand"))
    found = client.get("/v1/collections/words/thumbnails/a/red", params={"side": PAGE_SIDE})
    with Image.open(io.BytesIO(found.content)) as image:
        assert (image.format, image.size) == ("JPEG", (64, 48))


def test_thumbnails_follow_a_name_to_another_collection(client, sent, store):
    path = "/v1/collections/words/thumbnails/a/red"
    first = client.get(path)
    store.drop("words")
    gone = client.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert gone.status_code == 404
    assert "no collection 'words'" in gone.json()["detail"]
    store.create("words", "toy")
    assert "no item 'a/red'" in client.get(path).json()["detail"]
    client.post(UPLOAD, files=[("files", ("a/red", jpeg("green")))])
    assert client.get(path).headers["etag"] != first.headers["etag"]


def test_names_that_would_climb_are_refused_and_reach_no_file(client, store):
    before = sorted(path.name for path in store.folder.parent.iterdir())
    sent = [("files", (name, jpeg("red"))) for name in ("../../climbed.jpg", "fine.jpg")]
    told = client.post(UPLOAD, files=sent).json()
    assert told["added"] == ["fine.jpg"]
    assert [each["key"] for each in told["failed"]] == ["../../climbed.jpg"]
    assert sorted(path.name for path in store.folder.parent.iterdir()) == before


def test_every_bad_picture_is_refused_and_its_neighbours_stay(client, shared_data: Path):
    paths = sorted((shared_data / "bad-images").iterdir())
    for begin in range(0, len(paths), 24):
        some = [(path.name, path.read_bytes()) for path in paths[begin : begin + 24]]
        files = [("files", each) for each in [*some, (f"good {begin}", jpeg("red"))]]
        answer = client.post(UPLOAD, files=files)
        assert answer.status_code == 200, answer.text
        assert f"good {begin}" in answer.json()["added"]
        assert answer.json()["failed"]
