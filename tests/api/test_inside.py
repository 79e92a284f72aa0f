"""No answer tells where anything lies on the server's machine, whatever the key may do."""

import base64
import io
import logging
from dataclasses import replace

import pytest
from click.testing import CliRunner
from fastapi.testclient import TestClient
from PIL import Image

from api.allowed import Allowed
from api.app import create_app
from api.cli import main
from api.encoder_names import model_name
from api.generator_names import public_names
from api.jobs import Jobs
from embedstore import Item
from embedstore.answering import generators
from embedstore.answering.consensus import ConsensusGenerator
from embedstore.answering.endpoint_http import Limits
from embedstore.answering.generators import EndpointSettings
from embedstore.errors import NotFound
from embedstore.types import Space

DOWN = "endpoint:http://127.0.0.1:9/v1#parrot"


class Elsewhere(ConsensusGenerator):
    """A generator that lies in a folder, perhaps one for another space."""

    def __init__(self, name: str, space: str | None) -> None:
        self.name = name
        if space is not None:
            self.space = space


@pytest.fixture
def folder(store, tmp_path, monkeypatch):
    """A folder that the store's encoders, pictures and generators lie in."""
    held = tmp_path / "secret"
    held.mkdir()
    for name in ("there", "gone"):
        Image.new("RGB", (32, 24), "red").save(held / f"{name}.png")
    words = store.collection("words")
    words.add([Item(name, held / f"{name}.png", ("a red door",)) for name in ("there", "gone")])
    (held / "gone.png").unlink()
    space: Space = replace(words.info.space, encoder=f"local-dir:{held}", weights="other")
    store.catalog.create("moved", space, {"prompts": ["{}"]})
    pictures = [Item(f"moved{at}", held / "there.png", ("a door",)) for at in range(3)]
    made = words.encoder.encode_texts([each.key for each in pictures])
    store.collection("moved").add_vectors(pictures, image=made, text=made)
    real = generators.load

    def load(name: str, **more: object):
        spaces = {f"head:{held}/own": None, f"head:{held}/other": "feedfacecafebeef"}
        return Elsewhere(name, spaces[name]) if name in spaces else real(name, **more)

    monkeypatch.setattr(generators, "load", load)
    return held


@pytest.fixture
def served(store, folder):
    names = [f"head:{folder}/{name}" for name in ("own", "other", "broken")]
    app = create_app(store, allowed=Allowed((*names, f"hf:{folder}/model", DOWN)))
    with TestClient(app, raise_server_exceptions=False) as made:
        yield made


def answers(client: TestClient, collection: str):
    """Ask what a key with `read` may ask, and what writes."""
    at = f"/v1/collections/{collection}"
    yield client.get("/v1/collections")
    yield client.get("/v1/models")
    yield client.get("/health/ready")
    yield client.get("/metrics")
    for path in ("", "/fields", "/items", "/map", "/items/there", "/items/none"):
        yield client.get(at + path)
    for path in ("originals", "thumbnails"):
        yield client.get(f"{at}/{path}/gone")
    for name in (None, "head:own", "head:other", "head:broken", "hf:model", "nobody"):
        yield client.post(f"{at}/ask", json={"question": "a red door", "generator": name})
    for path in ("search", "search_page", "explain"):
        yield client.post(f"{at}/{path}", json={"text": "a red door"})
    yield client.post(f"{at}/items", json={"items": [{"key": "x", "texts": ["x"]}]})
    long = {"rebuild": None, "calibrate": {}, "duplicates": {}, "clusters": {}, "re-embed": {}}
    for kind, body in (*long.items(), ("clusters", {"names": ["a door"]})):
        started = client.post(f"{at}/{kind}", json=body)
        yield started
        if started.status_code == 202:
            jobs: Jobs = client.app.state.jobs
            jobs._works[started.json()["id"]].result(60)
            yield client.get(f"/v1/jobs/{started.json()['id']}")


@pytest.mark.parametrize("collection", ["words", "moved"])
def test_no_answer_holds_a_path_of_the_server(served, folder, collection):
    seen = set()
    for answer in answers(served, collection):
        assert "secret" not in answer.text, (answer.request.url, answer.text)
        assert str(folder.parent) not in answer.text, (answer.request.url, answer.text)
        seen.add(answer.status_code)
    assert seen >= {200, 202, 404, 503}


def test_a_generator_is_called_at_the_door_by_its_last_name(served, folder):
    ask = "/v1/collections/words/ask"
    for name in (None, "head:own", f"head:{folder}/own"):
        answer = served.post(ask, json={"question": "a red door", "generator": name})
        assert answer.json()["generator"] == "head:own"
    other = served.post(ask, json={"question": "a red door", "generator": "head:other"})
    assert (other.status_code, other.json()["title"]) == (409, "SpaceMismatch")
    assert "choose another generator" in other.json()["detail"]
    told = served.post(ask, json={"question": "x", "generator": "nobody"}).json()["detail"]
    assert told.endswith(": head:own, head:other, head:broken, hf:model, endpoint:parrot")


def test_public_names_are_told_apart():
    given = ("head", "consensus", "head:/a/run", "head:/b/run", "head:/b/run", "head:run/..")
    names = public_names(given)
    assert list(names)[:4] == ["head", "consensus", "head:run", "head:run-2"]
    assert names["head:run-2"] == "head:/b/run"
    assert len(names) == 5


def test_an_endpoint_that_is_down_is_told_as_that(served, caplog, monkeypatch):
    monkeypatch.setattr("embedstore.answering.endpoint_http.time.sleep", lambda _: None)
    picture = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(picture, "PNG")
    shown = {"image_base64": base64.b64encode(picture.getvalue()).decode()}
    for path, body in (("ask", {"question": "a red door"}), ("caption", shown)):
        asked = {**body, "generator": "endpoint:parrot", "min_score": -1}
        with caplog.at_level(logging.ERROR):
            answer = served.post(f"/v1/collections/words/{path}", json=asked)
        assert (answer.status_code, answer.json()["title"]) == (503, "NoGenerator")
        told = "the generator endpoint:parrot cannot be reached or does not work now"
        assert answer.json()["detail"].startswith(told)
        assert "127.0.0.1" not in answer.text


def test_how_an_endpoint_is_asked_is_set_outside(store, monkeypatch):
    told = []

    def load(name: str, *, endpoint: EndpointSettings):
        told.append(endpoint)
        raise NotFound(name)

    monkeypatch.setattr(generators, "load", load)
    where = ["--store", str(store.folder), "--generator", DOWN]
    flags = ["--endpoint-timeout", "3", "--endpoint-budget", "9", "--endpoint-text-only"]
    CliRunner().invoke(main, ["ask", "x", "-c", "words", *where, *flags])
    CliRunner().invoke(
        main,
        ["serve", "--max-seconds", "10", *where],
        env={"EMBEDSTORE_ENDPOINT_RETRIES": "0", "EMBEDSTORE_ENDPOINT_KEY": "hidden"},
    )
    assert told == [
        EndpointSettings(None, 3.0, 2, 9.0, images=False),
        EndpointSettings("hidden", 30.0, 0, 9.0, images=True),
    ]
    monkeypatch.undo()
    made = generators.load(DOWN, endpoint=told[0])
    assert (made._limits, made._images) == (Limits(3.0, 2, 9.0), False)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("consensu", "no generator is called 'consensu'; expected one of"),
        ("head:nowhere", "nowhere"),
        ("hf:nowhere", ""),
        ("endpoint:http://127.0.0.1:9", "the endpoint's model is ''"),
    ],
)
def test_a_generator_that_is_none_is_refused_before_anybody_is_served(store, name, told):
    done = CliRunner().invoke(main, ["serve", "--store", str(store.folder), "--generator", name])
    assert done.exit_code == 2, done.output
    assert "Error: --generator: " in done.output
    assert told in done.output


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("mini", True),
        ("openclip:ViT-B-32/laion2b_s34b_b79k", True),
        ("hf-hub:timm/ViT-B-16-SigLIP", True),
        ("local-dir:/home/alice/model", False),
        ("openclip:ViT-B-32//home/alice/model.pt", False),
        ("runs/mine", False),
        ("/home/alice/run", False),
        ("..", False),
    ],
)
def test_encoders_have_their_own_names_unless_these_are_paths(name, plain):
    space = Space(name, "weights", "preprocessing", 8)
    assert model_name(space) == (name if plain else f"space-{space.fingerprint}")
