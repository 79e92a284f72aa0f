"""`embedstore re-embed` and `index --encoder PATH`; a service that runs while a collection moves."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from fastapi.testclient import TestClient
from PIL import Image

import embedstore
from api.app import create_app
from api.cli import EXIT_CODES, main
from embedstore import encoders, reading
from embedstore import store as store_room
from embedstore.catalog import StoredPromise
from embedstore.encoders.toy import ToyEncoder


class Other(ToyEncoder):
    """Toy in another space."""

    def __init__(self) -> None:
        super().__init__()
        self.space = replace(self.space, encoder="other", weights="other")

    def encode_texts(self, texts):
        return np.roll(super().encode_texts(texts), 1, axis=1)

    def encode_images(self, images):
        return np.roll(super().encode_images(images), 1, axis=1)


@pytest.fixture
def other(monkeypatch):
    real = encoders.load

    def load(name, *more):
        return Other() if name == "other" else real(name, *more)

    monkeypatch.setattr(encoders, "load", load)
    monkeypatch.setattr(store_room, "load_encoder", load)


@pytest.fixture
def run(tmp_path):
    def call(*words: object, code: int = 0):
        spoken = [str(word) for word in words]
        done = CliRunner().invoke(main, spoken, env={"EMBEDSTORE_STORE": str(tmp_path / "store")})
        assert done.exit_code == code, done.output
        return done

    return call


@pytest.fixture
def album(tmp_path) -> Path:
    folder = tmp_path / "album"
    folder.mkdir()
    for colour in ("red", "blue"):
        Image.new("RGB", (32, 32), colour).save(folder / f"{colour}.jpg")
    return folder


def test_a_collection_moves_and_says_so(run, album, other):
    run("index", album, "--encoder", "toy", "--workers", "0")
    told = run("re-embed", "photos", "--encoder", "other", "--workers", "0").stdout
    assert "2 items re-embedded" in told
    assert "in the space of other now" in told
    assert json.loads(run("search", "red", "--json").stdout)[0]["key"] == "album/red.jpg"
    assert "nothing to do" in run("re-embed", "photos", "--encoder", "other").stdout
    assert "2 unchanged" in run("index", album, "--workers", "0").stdout


def test_a_tuned_promise_is_not_lost_in_silence(run, album, other, tmp_path):
    run("index", album, "--encoder", "toy", "--workers", "0")
    with embedstore.open(tmp_path / "store") as store:
        made = store.collection("photos")
        row = np.eye(1, made.info.space.dim, dtype=np.float32)
        terms = {"recall": 0.8, "k": 5, "memory_bytes": None, "source": "captions", "kind": None}
        store.catalog.set_promise(made.info, "image", StoredPromise(terms, row))
        terms |= {"memory_bytes": 1 << 20, "source": "log.txt"}
        store.catalog.set_promise(made.info, "text", StoredPromise(terms, row))
    told = run("re-embed", "photos", "--encoder", "other", "--workers", "0").stdout
    assert "`embedstore tune --collection photos --recall 0.8 -k 5`" in told
    assert "-k 5 --memory 1048576 --target text --queries log.txt`" in told
    told = run("re-embed", "photos", "--encoder", "toy", "--workers", "0").stdout
    assert "tune" not in told


def test_programs_are_told_all(run, album, other):
    run("index", album, "--encoder", "toy", "--workers", "0")
    words = ("re-embed", "photos", "--encoder", "other", "--workers", "0", "--json")
    told = json.loads(run(*words, "--keep", "before").stdout)
    assert (told["switched"], told["copied"], told["kept"]) == (True, 2, "before")
    names = [each["name"] for each in json.loads(run("info", "--json").stdout)]
    assert names == ["before", "photos"]
    assert json.loads(run(*words).stdout)["needless"]


def test_a_lost_picture_stops_the_switch(run, album, other):
    run("index", album, "--encoder", "toy", "--workers", "0")
    (album / "red.jpg").unlink()
    words = ("re-embed", "photos", "--encoder", "other", "--workers", "0")
    done = run(*words, code=EXIT_CODES["Conflict"])
    assert "album/red.jpg" in done.stdout
    assert "stays in the space of toy" in done.stderr
    assert "--allow-missing" in done.stderr
    assert "in the space of other now" in run(*words, "--allow-missing").stdout


def test_mistakes_are_one_line(run, album, other):
    run("index", album, "--encoder", "toy", "--workers", "0")
    told = run("re-embed", "photo", "--encoder", "other", code=EXIT_CODES["NotFound"]).stderr
    assert "there is 'photos'" in told
    words = ("re-embed", "photos", "--encoder", "other", "--keep", "a/b")
    assert "not allowed" in run(*words, code=EXIT_CODES["Invalid"]).stderr
    told = run("index", album, "--encoder", "other", code=EXIT_CODES["Conflict"]).stderr
    assert "`embedstore re-embed photos --encoder other`" in told


def test_an_encoder_folder_is_indexed_with_and_moved_to(run, album, tmp_path):
    weights = Path(encoders.__file__).parent / "mini_weights"
    mine = tmp_path / "mine"
    shutil.copytree(weights, mine)
    run("index", album, "--encoder", "toy", "--workers", "0")
    run("re-embed", "photos", "--encoder", mine, "--workers", "0")
    told = json.loads(run("info", "--collection", "photos", "--json").stdout)
    assert (told["encoder"], told["items"]) == (str(mine), 2)
    assert "2 added" in run("index", album, "-c", "more", "--encoder", mine).stdout
    assert json.loads(run("search", "blue", "-c", "more", "--json").stdout)


def test_a_running_service_follows(store, client, tmp_path, other):
    asked = {"text": "red", "target": "text", "k": 1}
    before = client.post("/v1/collections/words/search", json=asked).json()
    assert before[0]["key"] == "one"
    with embedstore.open(store.folder) as elsewhere:
        assert embedstore.re_embed(elsewhere, "words", "other", keep="old").switched
    after = client.post("/v1/collections/words/search", json=asked).json()
    assert (after[0]["key"], after[0]["score"]) == ("one", pytest.approx(before[0]["score"], 1e-2))
    assert client.get("/v1/collections/words").json()["encoder"] == "other"
    item = {"items": [{"key": "three", "texts": ["a green door"]}]}
    assert client.post("/v1/collections/words/items", json=item).json()["added"] == ["three"]
    assert client.get("/v1/collections/words/items/three").status_code == 200
    assert client.get("/v1/collections/old/items/three").status_code == 404
    names = {each["name"] for each in client.get("/v1/collections").json()}
    assert names == {"words", "old"}


@pytest.mark.parametrize("keep", [None, "old"])
def test_a_request_that_meets_the_switch_is_answered_from_the_new_space(
    store, monkeypatch, other, keep
):
    real = reading.search
    turns = []

    def meeting(*arguments):
        if not turns:
            turns.append(1)
            with embedstore.open(store.folder) as elsewhere:
                assert embedstore.re_embed(elsewhere, "words", "other", keep=keep).switched
        turns.append(arguments[2].space.encoder)
        return real(*arguments)

    monkeypatch.setattr(reading, "search", meeting)
    with TestClient(create_app(store)) as client:
        asked = {"text": "red", "target": "text", "k": 1}
        answer = client.post("/v1/collections/words/search", json=asked)
    assert answer.status_code == 200
    assert answer.json()[0]["key"] == "one"
    assert turns == [1, "toy", "other"]
