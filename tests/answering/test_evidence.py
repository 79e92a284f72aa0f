"""Evidence: neighbours with words, best first, without the query's own group."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from embedstore import Item
from embedstore.answering.evidence import LONGEST_QUESTION, OwnGroup, gather
from embedstore.answering.reading import anything, captions, replies, reports, translations
from embedstore.errors import BadFilter, BadImage, BadQuery


def keys(prompt):
    return [each.key for each in prompt.evidence]


def test_a_picture_finds_neighbours_with_captions_past_those_without(doors, picture):
    prompt = gather(doors, captions, image=picture("asked", "red", 99), k=5)
    assert sorted(keys(prompt)) == ["red0", "red1", "red2", "red3", "red4"]
    assert [each.score for each in prompt.evidence] == sorted(
        (each.score for each in prompt.evidence), reverse=True
    )
    assert all(each.answers == () and each.question is None for each in prompt.evidence)
    assert np.linalg.norm(prompt.vector) == pytest.approx(1.0, abs=1e-5)
    assert len(gather(doors, captions, image=picture("asked", "red", 99), k=50).evidence) == 10


def test_scores_are_exact_and_vectors_are_of_pictures(doors, picture):
    prompt = gather(doors, captions, image=picture("asked", "blue", 99), k=3)
    for each in prompt.evidence:
        assert each.score == pytest.approx(float(each.vector @ prompt.vector), abs=1e-5)


def test_a_neighbour_says_first_what_fits_the_asked_picture_best(doors, picture):
    prompt = gather(doors, captions, image=picture("asked", "red", 99), k=10)
    assert any(len(each.texts) > 1 for each in prompt.evidence)
    for each in prompt.evidence:
        fits = doors.encoder.encode_texts(each.texts) @ prompt.vector
        assert fits[0] == pytest.approx(fits.max(), abs=1e-3)  # rows are kept in float16


def test_a_question_looks_among_texts_and_the_one_that_matched_comes_first(doors):
    prompt = gather(doors, anything, "the green door of house 1", k=2)
    assert prompt.evidence[0].texts == ("the green door of house 1", "a green door")
    assert prompt.vector is None
    assert gather(doors, anything, "when does the shop open", k=1).evidence[0].key == "fact"


def test_a_question_about_a_picture_weighs_both(doors, picture):
    asked = gather(doors, anything, "what colour is the door", picture("asked", "blue", 99), k=3)
    assert {each.answers for each in asked.evidence} == {("blue",)}
    assert asked.evidence[0].question == "what colour is the door"


def test_the_own_group_is_left_out(doors, picture):
    asked = picture("red0", "red", 0)  # the very picture
    assert keys(gather(doors, captions, image=asked, k=3))[0] == "red0"
    rest = gather(doors, captions, image=asked, k=3, leave_out=OwnGroup())
    assert "red0" not in keys(rest)
    # Every red door has the caption of the one that is left out, so they go with it
    assert not any(key.startswith("red") for key in keys(rest))
    bytes_ = gather(doors, captions, image=asked.read_bytes(), k=3, leave_out=OwnGroup())
    assert keys(bytes_) == keys(rest)
    named = gather(doors, anything, "a green door", k=3, leave_out=OwnGroup(["green0", "green1"]))
    assert not any(key.startswith("green") for key in keys(named))


def test_pictures_of_which_the_same_is_asked_stay_evidence_for_each_other(doors, picture):
    asked = picture("qred0", "red", 50)
    found = gather(
        doors, replies, "what colour is the door", asked, k=9, leave_out=OwnGroup(["qred0"])
    )
    assert len(found.evidence) >= 6
    assert "qred0" not in keys(found)


def test_filters_decide_what_is_evidence(doors, picture):
    asked = picture("asked", "red", 99)
    assert keys(gather(doors, captions, image=asked, where="year == 2001", k=2))[0] == "red1"
    assert gather(doors, captions, image=asked, where="year == 1", k=2).evidence == ()
    with pytest.raises(BadFilter):
        gather(doors, captions, image=asked, where="year ==")


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({}, "nothing is asked"),
        ({"question": " \n"}, "the question is empty"),
        ({"question": "x" * (LONGEST_QUESTION + 1)}, "10,001 characters; expected 10,000 at most"),
        ({"question": "x", "k": 0}, "k is 0; expected 1 to"),
    ],
)
def test_what_cannot_be_asked_says_so(doors, asked, told):
    with pytest.raises(BadQuery, match=told):
        gather(doors, anything, **asked)


def test_long_and_foreign_questions_have_evidence(doors):
    assert gather(doors, anything, "welche Farbe hat die Tür?", k=3).evidence
    assert gather(doors, anything, "ドアは何色" * 2_000, k=3).evidence


def test_an_unreadable_picture_is_a_bad_image(doors, tmp_path):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no picture")
    for image in (broken, b"no picture", tmp_path / "nowhere.jpg"):
        with pytest.raises(BadImage):
            gather(doors, captions, image=image)


def test_an_empty_collection_has_no_evidence(store, picture):
    empty = store.create("empty", "toy")
    assert gather(empty, captions, image=picture("one")).evidence == ()
    assert gather(empty, anything, "what is it").evidence == ()


ODD = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=6,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.fixed_dictionaries({"answers": ODD, "answer": ODD, "report": ODD, "translations": ODD}))
def test_whatever_metadata_holds_an_item_is_read(meta):
    item = Item("one", texts=("words", " "), meta=meta)
    said = anything(item)
    assert said.texts == ("words",)
    assert all(isinstance(each, str) and each.strip() for each in said.answers)
    assert captions(item) is None or not said.answers
    assert (replies(item) is None) == (not said.answers)
    reports(item), translations("fr")(item)
    assert anything(replace(item, texts=())) is None


def test_words_of_reports_and_translations():
    item = Item(
        "one", texts=("a dog",), meta={"report": "All well.", "translations": {"fr": "chien"}}
    )
    assert reports(item).texts == ("All well.",)
    assert translations("fr")(item).answers == ("chien",)
    assert translations("de")(item) is None
    assert anything(Item("q", texts=("who",), meta={"answer": "me"})).answers == ("me",)
    assert anything(Item("q", texts=("who",), meta={"answers": ["me", 3]})).answers == ()


def test_a_store_of_words_alone_answers_about_a_picture_by_its_words(store, picture):
    made = store.create("words", "toy")
    made.add([Item("fact", None, ("the shop opens at nine",)), Item("other", None, ("a cat",))])
    asked = gather(made, anything, "the shop opens at nine", picture("shop"), k=2)
    assert asked.evidence[0].key == "fact"
    assert asked.evidence[0].score == pytest.approx(1.0, abs=1e-3)
    assert gather(made, captions, image=picture("shop")).evidence == ()
