"""Captions and answers at the doors: command line and HTTP."""

import base64
import json

import pytest
from click.testing import CliRunner
from fastapi.testclient import TestClient
from PIL import Image

import embedstore
from api.allowed import Allowed
from api.app import create_app
from api.cli import EXIT_CODES, main
from embedstore import Item
from embedstore.answering import generators
from embedstore.answering.head import generator

CAPTION, ASK = "/v1/collections/doors/caption", "/v1/collections/doors/ask"


@pytest.fixture
def doors(tmp_path):
    """A store of coloured doors, a question about each, and translations; closed again."""
    items = []
    for colour in ("red", "blue"):
        for at in range(3):
            path = tmp_path / f"{colour}{at}.png"
            Image.new("RGB", (48 + at, 48), colour).save(path)
            meta = {
                "year": 2000 + at,
                "report": f"The {colour} door is sound.",
                "translations": {"de": f"{colour} Tor"},
            }
            items.append(Item(f"{colour}{at}", path, (f"a {colour} door",), meta))
        items.append(Item(f"q{colour}", path, ("what colour is it",), {"answers": [colour]}))
    with embedstore.open(tmp_path / "store") as store:
        made = store.create("doors", "toy")
        assert len(made.add(items).added) == 8
        yield store


@pytest.fixture
def run(doors):
    def call(*words: str, code: int = 0) -> str:
        asked = [*words, "--store", str(doors.folder), "-c", "doors"]
        done = CliRunner().invoke(main, asked)
        assert done.exit_code == code, done.output
        return done.output

    return call


@pytest.fixture
def served(doors):
    with TestClient(create_app(doors), raise_server_exceptions=False) as made:
        yield made


@pytest.fixture
def asked(tmp_path):
    path = tmp_path / "asked.png"
    Image.new("RGB", (99, 80), "red").save(path)
    return path


def test_a_caption_is_printed_with_its_citations(run, asked):
    told = run("caption", str(asked))
    assert told.startswith("a red door\nconfidence: not measured   generator: consensus\n")
    assert "[1]" in told
    assert "red0" in told
    told = json.loads(run("caption", str(asked), "--json", "-k", "2"))
    assert told["answer"] == "a red door"
    assert told["abstained"] is None
    assert {cited["key"] for cited in told["citations"]} < {"red0", "red1", "red2"}
    assert told["citations"][0].keys() == {"number", "key", "text", "score", "support"}


def test_a_question_is_answered(run, asked):
    assert run("ask", "what colour is it", "--image", str(asked)).startswith("red\n")
    told = json.loads(run("ask", "a blue door", "--where", "year >= 2001", "--json"))
    assert told["answer"] == "a blue door"


def test_a_picture_is_no_evidence_for_itself_where_asked(run, served, asked):
    apart = ("--leave-out-own", "--min-score", "-1", "--json")
    for words in (("caption", str(asked)), ("ask", "a door", "--image", str(asked))):
        assert "red" in json.loads(run(*words, "--json"))["citations"][0]["key"]
        assert "red" not in run(*words, *apart)
    assert "The red door" not in run("report", str(asked), *apart)
    picture = base64.b64encode(asked.read_bytes()).decode()
    body = {"image_base64": picture, "leave_out_own": True, "min_score": -1}
    assert "red" not in served.post(CAPTION, json=body).text
    assert "red" not in served.post(ASK, json=body | {"question": "a door"}).text


def test_an_abstention_says_why_and_is_no_failure(run):
    told = run("ask", "quantum chromodynamics")
    assert told.startswith("not found: no neighbours: the best scores ")
    told = json.loads(run("ask", "quantum chromodynamics", "--json"))
    assert (told["answer"], told["citations"]) == (None, [])
    assert told["abstained"]


def test_further_tasks_have_their_commands(run, asked):
    assert run("reply", "what colour is it").startswith(("red", "blue"))
    told = run("report", str(asked))
    assert told.startswith("draft from similar images, to be checked by a person\nThe red door")
    assert json.loads(run("report", str(asked), "--json"))["note"].startswith("draft")
    assert run("translate", str(asked), "--language", "de").startswith("red Tor\n")
    assert run("translate", "a blue door", "--language", "de").startswith("blue Tor\n")
    assert "not found: no item" in run("translate", "a blue door", "--language", "xx")
    told = run("summarise", "-n", "2")
    assert told.startswith("3 of 6: a ")
    assert "a blue door" in run("summarise", "--query", "a blue door", "-k", "3")


@pytest.mark.parametrize(
    ("words", "kind", "told"),
    [
        (("ask", " "), "Invalid", "the question is empty"),
        (("ask", "x" * 10_001), "Invalid", "expected 10,000 at most"),
        (("ask", "x", "--generator", "oracle"), "NotFound", "no generator is called 'oracle'"),
        (("ask", "x", "--risk", "2"), "Invalid", "risk is 2.0; expected 0 to 1"),
        (("ask", "x", "--where", "year =="), "Invalid", "year"),
        (("caption", "nowhere.jpg"), "NotFound", "nowhere.jpg"),
        (("summarise", "-n", "0"), "Invalid", "sentences is 0"),
        (("summarise", "-k", "0"), "Invalid", "the items to look at are 0; expected 1 to 10,000"),
        (("summarise", "-k", "-1", "--query", "x"), "Invalid", "the items to look at are -1"),
    ],
)
def test_bad_input_is_one_line(run, words, kind, told):
    said = run(*words, code=EXIT_CODES[kind])
    assert told in said
    assert said.count("\n") == 1


def test_http_answers_with_citations_or_a_reason(served, asked):
    image = base64.b64encode(asked.read_bytes()).decode()
    told = served.post(CAPTION, json={"image_base64": image}).json()
    assert told["answer"] == "a red door"
    assert told["citations"][0]["key"].startswith("red")
    told = served.post(
        ASK, json={"question": "what colour is it", "image_base64": image, "k": 3}
    ).json()
    assert told["answer"] == "red"
    told = served.post(ASK, json={"question": "quantum chromodynamics"}).json()
    assert (told["answer"], told["citations"], told["confidence"]) == (None, [], None)
    assert told["abstained"].startswith("no neighbours")


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        (ASK, {"question": ""}, 422),
        (ASK, {"question": "x" * 10_001}, 422),
        (ASK, {"question": "x", "risk": 2}, 422),
        (ASK, {"question": "x", "generator": "hf:/etc"}, 404),
        (ASK, {"question": "x", "where": "year =="}, 422),
        (CAPTION, {"image_base64": base64.b64encode(b"none").decode()}, 422),
        (CAPTION, {}, 422),
        ("/v1/collections/none/ask", {"question": "x"}, 404),
    ],
)
def test_http_refuses_what_cannot_be_answered(served, path, body, status):
    answer = served.post(path, json=body)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_server_allows_what_it_was_started_with(doors):
    app = create_app(doors, allowed=Allowed(("consensus",)))
    with TestClient(app, raise_server_exceptions=False) as made:
        asked = {"question": "a red door"}
        assert made.post(ASK, json=asked).json()["generator"] == "consensus"
        refused = made.post(ASK, json={**asked, "generator": "head"})
        assert refused.status_code == 404
        assert "expected one of: consensus" in refused.json()["detail"]
    kept = Allowed()
    assert kept.of(None, "no space") == kept.of("consensus", "no space")


def test_a_head_that_is_not_there_is_no_choice_and_no_path_is_told(
    served, doors, tmp_path, monkeypatch
):
    monkeypatch.setattr(generators, "BUNDLED_HEAD", tmp_path / "config.json")
    monkeypatch.setattr(generator, "BUNDLED", tmp_path)  # where the weights are not
    assert generators.bundled() == ("consensus",)
    refused = served.post(ASK, json={"question": "x", "generator": "head"})
    assert refused.status_code == 404
    told = "generator 'head' is not allowed by this server; expected one of: consensus"
    assert refused.json()["detail"] == told
    named = create_app(doors, allowed=Allowed((f"head:{tmp_path}",)))
    with TestClient(named, raise_server_exceptions=False) as made:
        gone = made.post(ASK, json={"question": "a red door"})
    assert gone.status_code == 503
    assert str(tmp_path) not in refused.text + gone.text


def test_the_demo_answers_from_other_photos(tmp_path):
    done = CliRunner().invoke(main, ["demo", "--out", str(tmp_path / "demo"), "--json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)["answers"]
    assert [each["question"] is None for each in told] == [True] * 3 + [False] * 3
    for each in told:
        assert (each["answer"] is None) == (each["abstained"] is not None)
        assert bool(each["citations"]) == (each["answer"] is not None)
        assert each["photo"] not in {cited["key"] for cited in each["citations"]}
    assert sum(each["answer"] is not None for each in told) >= 3
    done = CliRunner().invoke(main, ["demo", "--out", str(tmp_path / "demo")])
    assert "nasa3.jpg, what is on the launch pad: " in done.output
    assert "no photo is evidence for itself" in done.output
