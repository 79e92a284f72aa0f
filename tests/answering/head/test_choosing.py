"""Which line of a beam is taken: the head's own score, the neighbours' say, the picture's."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedstore.answering.head.beam import Line, Search
from embedstore.answering.head.choosing import ranked
from embedstore.answering.types import Prompt
from embedstore.encoders.toy import ToyEncoder

WORDS = ("a dog", "a cat", "a boat", "a tree", "a hill")
LINES = [Line((at,), -float(at)) for at in range(len(WORDS))]


class Pieces:
    """A vocabulary whose pieces are whole lines."""

    def decode(self, pieces):
        return WORDS[pieces[0]]


def texts(lines):
    return [WORDS[line.pieces[0]] for line in lines]


def liking(word, asked=None):
    def say(said):
        if asked is not None:
            asked.extend(said)
        return np.array([float(text == word) for text in said])

    return say


def test_without_other_opinions_the_lines_stay_as_they_are():
    assert ranked(LINES, Pieces(), Search(), liking("a hill"), liking("a hill")) == LINES
    assert ranked(LINES, Pieces(), Search(trust=9, fit=9), None, None) == LINES


def test_what_the_neighbours_say_comes_first_if_it_is_trusted():
    found = ranked(LINES, Pieces(), Search(trust=3.5), liking("a tree"), None)
    assert texts(found) == ["a tree", "a dog", "a cat", "a boat", "a hill"]
    assert found[0].score == pytest.approx(0.5)


def test_what_fits_the_picture_comes_first_among_the_best():
    asked: list[str] = []
    found = ranked(LINES, Pieces(), Search(fit=9, fitted=3), None, liking("a boat", asked))
    assert texts(found) == ["a boat", "a dog", "a cat", "a tree", "a hill"]
    assert asked == ["a dog", "a cat", "a boat"]  # encoding is dear
    assert [line.fit for line in found] == [1.0, 0.0, 0.0, 0.0, 0.0]
    left = ranked(LINES, Pieces(), Search(fit=9, fitted=3), None, liking("a hill"))
    assert texts(left) == list(WORDS)


@given(st.lists(st.floats(-5, 0), min_size=1, max_size=5), st.floats(0, 9), st.floats(0, 9))
def test_no_line_is_lost_and_scores_only_rise(scores, trust, fit):
    lines = sorted((Line((at,), s) for at, s in enumerate(scores)), key=lambda one: -one.score)
    settings = Search(trust=trust, fit=fit, fitted=2)
    found = ranked(lines, Pieces(), settings, liking("a cat"), liking("a boat"))
    assert sorted(one.pieces for one in found) == sorted(one.pieces for one in lines)
    before = {one.pieces: one.score for one in lines}
    assert all(one.score >= before[one.pieces] for one in found)


def test_a_prompt_scores_texts_with_its_picture():
    encoder = ToyEncoder()
    vector = encoder.encode_texts(["a dog"])[0]
    told = Prompt((), vector=vector, encoder=encoder).fits(["a dog", "a boat"])
    assert told[0] == pytest.approx(1.0)
    assert told[1] < told[0]
    assert not Prompt((), vector=vector).fits(["a dog"]).any()
    assert not Prompt((), encoder=encoder).fits(["a dog"]).any()
