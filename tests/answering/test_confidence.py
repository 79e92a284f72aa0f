"""Confidence: fitted, measured on answers it never saw, kept and found again."""

import json

import numpy as np
import pytest

from embedstore.answering import confidence
from embedstore.answering.features import features
from embedstore.answering.types import Draft, Evidence, Prompt
from embedstore.errors import Corrupt, Invalid


def answers(count=1_000, seed=0):
    rng = np.random.default_rng(seed)
    told = rng.standard_normal((count, 2))
    right = rng.random(count) < 1 / (1 + np.exp(-(2.0 * told[:, 0] - 0.5)))
    named = [{"useful": float(one), "noise": float(other)} for one, other in told]
    return named, right


def test_the_weights_of_a_known_law_are_found_again():
    named, right = answers(20_000)
    rows = [[each["useful"], each["noise"]] for each in named]
    found = confidence.fit(rows, right, ("useful", "noise"))
    assert found.weights[0] == pytest.approx(2.0, abs=0.1)
    assert found.weights[1] == pytest.approx(0.0, abs=0.1)
    assert found.bias == pytest.approx(-0.5, abs=0.1)


@pytest.mark.parametrize("right", [0, 1])
def test_answers_that_are_all_right_or_all_wrong_can_be_fitted(right):
    rows = np.random.default_rng(0).standard_normal((200, 3))
    stated = confidence.fit(rows, np.full(200, right), "abc").probability(rows)
    assert np.abs(stated - right).max() < 0.1


def test_what_is_measured_is_calibrated_and_keeps_its_risk(tmp_path, monkeypatch):
    named, right = answers(4_000)
    found = confidence.measure(named, right, space="here", stated=0.25, about={"data": "made"})
    assert found.error < 0.05
    assert found.n == 2_000
    fresh, true = answers(4_000, seed=1)
    stated = np.array([found.of(each) for each in fresh])
    told = stated >= found.threshold
    assert told.mean() > 0.2
    assert 1.0 - true[told].mean() <= 0.25
    assert found.threshold_for(0.1) > found.threshold_for(0.25) == found.threshold
    assert found.threshold_for(0.0) > 1.0
    monkeypatch.setattr(confidence, "FOLDER", tmp_path)
    confidence.save(found, "consensus", "ask")
    assert confidence.load("consensus", "ask", "here") == found
    assert confidence.load("consensus", "ask", "elsewhere") is None
    assert confidence.load("consensus", "caption", "here") is None
    assert confidence.place("endpoint:http://host/v1#m", "ask").parent == tmp_path


def test_a_group_stays_in_one_half():
    named, right = answers(400)
    one = confidence.measure(named, right, groups=[0] * 200 + [1] * 200)
    assert one.n == 200
    assert confidence.measure(named, right, groups=["a"] * 100 + ["b"] * 300).n in (100, 300)


def test_a_generators_own_folder_keeps_its_confidence(tmp_path):
    named, right = answers(200)
    kept = confidence.save(confidence.measure(named, right), "head:away", "ask", tmp_path)
    assert kept == tmp_path / "confidence-head-ask.json"


def test_too_few_answers_and_damaged_files_say_so(tmp_path, monkeypatch):
    with pytest.raises(Invalid, match="3 answers of which 3 are judged; expected as many of both"):
        confidence.measure([{"a": 1.0}] * 3, [1, 0, 1])
    monkeypatch.setattr(confidence, "FOLDER", tmp_path)
    for text in ("{", json.dumps({"names": 3}), json.dumps([])):
        confidence.place("consensus", "ask").write_text(text)
        with pytest.raises(Corrupt, match="remove it or measure again"):
            confidence.load("consensus", "ask", "")


def test_features_tell_how_alike_the_neighbours_are():
    def prompt(*vectors):
        rows = [np.array(each, np.float32) for each in vectors]
        return Prompt(tuple(Evidence("k", ("t",), 0.5, vector=row) for row in rows))

    draft = Draft("t", (0.4, 0.6), -0.1, {"margin": 0.3})
    same = features(prompt((1, 0), (1, 0)), draft)
    assert same["disagreement"] == pytest.approx(0.0)
    assert same["signal.margin"] == 0.3
    assert same["most_support"] == 0.6
    apart = features(prompt((1, 0), (0, 1)), draft)
    assert apart["disagreement"] == pytest.approx(1.0)
    alone = Prompt((Evidence("k", ("t",), 0.5),))
    assert features(alone, draft).keys() == same.keys()
