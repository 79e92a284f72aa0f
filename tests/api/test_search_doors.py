"""Diversity, least scores and probabilities at the doors: command line and HTTP."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from fastapi.testclient import TestClient

from api.app import create_app
from api.cli import EXIT_CODES, main
from embedstore import Item, Store
from embedstore.calibration import calibrate

N = 120
SEARCH = "/v1/collections/things/search"


@pytest.fixture
def things(store: Store) -> Store:
    """Pictures near to what their captions say, calibrated."""
    made = store.create("things", "toy")
    texts = [f"thing {number}" for number in range(N)]
    words = made.encoder.encode_texts(texts)
    rows = words + 0.05 * np.random.default_rng(0).standard_normal(words.shape)
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    made.add_vectors(
        [Item(text, texts=(text,)) for text in texts], image=rows.astype(np.float32), text=words
    )
    calibrate(made, hubs="off", expand="off")
    return store


@pytest.fixture
def run(things: Store):
    def call(*words: str, code: int = 0) -> str:
        asked = [*words, "--store", str(things.folder), "-c", "things"]
        done = CliRunner().invoke(main, asked)
        assert done.exit_code == code, done.output
        return done.output

    return call


@pytest.fixture
def served(things: Store):
    with TestClient(create_app(things), raise_server_exceptions=False) as made:
        yield made


def test_hits_show_their_probability(run):
    assert "probability" in run("search", "thing 7")
    hits = json.loads(run("search", "thing 7", "--json"))
    assert hits[0]["key"] == "thing 7"
    assert hits[0]["probability"] > hits[-1]["probability"]
    assert "probability" not in run("search", "thing 7", "--target", "text")


def test_what_is_improbable_is_left_out(run, served):
    hits = json.loads(run("search", "thing 7", "--min-probability", "0.5", "--json"))
    assert [hit["key"] for hit in hits] == ["thing 7"]
    wanted = {"text": "thing 7", "min_probability": 0.5}
    assert [hit["key"] for hit in served.post(SEARCH, json=wanted).json()] == ["thing 7"]


def test_hits_that_may_not_be_all_say_so(run):
    more = "the best 3; there may be more: raise -k"
    assert more in run("search", "thing 7", "--min-score", "-1", "-k", "3")
    assert "there may be more" not in run("search", "thing 7", "--min-score", "0.9", "-k", "3")
    assert "there may be more" not in run("search", "thing 7", "-k", "3")


def test_a_first_page_without_hits_says_why(run):
    told = run("search", "zebra crossing", "--min-score", "0.99", "--page")
    assert "nothing matches: the best is 'thing " in told
    asked = ("search", "zebra crossing", "--min-score", "0.99", "--page", "--json")
    assert json.loads(run(*asked)) == {"hits": [], "cursor": None}


def test_nothing_matches_is_an_answer(run, served):
    told = run("search", "zebra crossing", "--min-probability", "0.5")
    assert "nothing matches: the best is 'thing " in told
    assert "with a probability of 0." in told
    assert "lower --min-probability 0.5 to see it" in told
    assert "nothing matches" in run("search", "zebra", "--target", "text", "--min-score", "0.99")
    assert json.loads(run("search", "zebra", "--min-probability", "0.5", "--json")) == []
    assert served.post(SEARCH, json={"text": "zebra", "min_probability": 0.5}).json() == []


def test_a_least_score_and_diversity_go_through(run, served):
    scores = [hit["score"] for hit in json.loads(run("search", "thing 7", "--json"))]
    least = str(scores[4] - 1e-4)
    found = json.loads(run("search", "thing 7", "-k", "100", "--min-score", least, "--json"))
    assert [hit["score"] for hit in found] == scores[: len(found)]
    assert len(found) >= 5
    answer = served.post(SEARCH, json={"text": "thing 7", "k": 100, "min_score": scores[4] - 1e-4})
    assert len(answer.json()) == len(found)
    plain = served.post(SEARCH, json={"text": "thing 7", "k": 5}).json()
    spread = served.post(SEARCH, json={"text": "thing 7", "k": 5, "diversity": 0.9}).json()
    assert plain[0]["key"] == spread[0]["key"]
    assert {hit["key"] for hit in plain} != {hit["key"] for hit in spread}
    keys = [
        hit["key"]
        for hit in json.loads(run("search", "thing 7", "-k", "5", "--diversity", "0.9", "--json"))
    ]
    assert keys == [hit["key"] for hit in spread]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--diversity", "-1"], "diversity is -1.0; expected 0 to 1"),
        (["--min-score", "nan"], "--min-score is nan"),
        (["--min-probability", "2"], "--min-probability is 2.0"),
        (["--min-probability", "0.5", "--target", "text"], "words that look for pictures"),
        (["-k", "0"], "k is 0"),
    ],
)
def test_the_impossible_is_one_line(run, options, told):
    output = run("search", "thing", *options, code=EXIT_CODES["Invalid"])
    assert told in output
    assert len(output.strip().splitlines()) == 1


@pytest.mark.parametrize(
    "wrong",
    [{"diversity": -0.1}, {"min_probability": 1.1}, {"min_score": "NaN"}, {"min_score": "x"}],
)
def test_the_service_refuses_the_impossible(served, wrong):
    assert served.post(SEARCH, json={"text": "thing", **wrong}).status_code == 422


def test_without_measuring_the_error_says_what_to_type(things, served):
    answer = served.post(
        "/v1/collections/words/search", json={"text": "door", "min_probability": 0.5}
    )
    assert answer.status_code == 422
    assert "embedstore calibrate --collection words" in answer.json()["detail"]


def test_calibrate_tells_what_it_found(run, tmp_path: Path):
    told = " ".join(run("calibrate", "--hubs", "off", "--expand", "off").split())
    assert f"hits of captions among {N} pictures" in told
    assert "expected calibration error 0." in told
    found = json.loads(run("calibrate", "--hubs", "off", "--expand", "off", "--json"))
    assert found["relevance"]["captions"] == N


def test_a_search_tells_how_it_is_done(run, served):
    told = "searched: image index flat, exact"
    assert told in run("search", "thing 7", "--explain")
    assert told in run("search", "thing 7", "--explain", "--page")
    (explained,) = served.post(
        "/v1/collections/things/explain", json={"text": "thing 7", "where": None}
    ).json()
    assert (explained["modality"], explained["kind"], explained["promise"]) == (
        "image",
        "flat",
        "exact",
    )
    assert explained["words"].startswith("image index flat, exact")
    wrong = served.post("/v1/collections/things/explain", json={"text": " "})
    assert wrong.status_code == 422


def test_tuning_prints_what_was_measured_and_draws_it(run, tmp_path: Path):
    drawn = tmp_path / "tune.png"
    told = run("tune", "--recall", "0.8", "-k", "3", "--plot", str(drawn))
    assert "chosen" in told
    assert f"recall@3 against the exact neighbours of {N} queries (captions)" in told
    assert drawn.read_bytes().startswith(b"\x89PNG")
    few = tmp_path / "few.txt"
    few.write_text("one\ntwo\n")
    assert "2 queries; expected at least 100" in run(
        "tune", "--queries", str(few), code=EXIT_CODES["Invalid"]
    )
    assert "no index keeps recall 0.8" in run(
        "tune", "--recall", "0.8", "--memory", "1kB", code=EXIT_CODES["Invalid"]
    )
