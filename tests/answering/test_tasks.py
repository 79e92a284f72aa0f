"""Replies, reports, translations and summaries: the same store, cited."""

import pytest

from embedstore import Item
from embedstore.answering.answerer import Settings
from embedstore.answering.replies import RepliesGenerator
from embedstore.answering.summary import summarise
from embedstore.answering.tasks import reply, report, translate
from embedstore.answering.types import Evidence, Prompt
from embedstore.errors import BadFilter, BadImage, BadQuery


@pytest.fixture
def shop(store, picture):
    made = store.create("shop", "toy")
    told = {
        "how do I return my shoes": "Send them back within 30 days. Use the label in the box.",
        "how do I return my order": "Send it back within 30 days. We pay the parcel.",
        "when does the shop open": "At nine.",
    }
    made.add(Item(f"q{at}", None, (one,), {"answers": [told[one]]}) for at, one in enumerate(told))
    made.add([Item("caption", picture("caption"), ("how do I return my red door",))])
    return made


def test_a_reply_is_put_together_without_repeating_and_cited(shop):
    answer = reply(shop, "how do I return my shoes and order")
    assert answer.abstained is None
    assert answer.text.count("30 days") == 1
    assert "Use the label in the box." in answer.text
    assert "We pay the parcel." in answer.text
    assert {citation.key for citation in answer.citations} == {"q0", "q1"}
    assert reply(shop, "when does the shop open").text == "At nine."


def test_a_message_that_nothing_answers_has_no_reply(shop):
    assert reply(shop, "quantum chromodynamics").abstained.startswith("no neighbours")
    with pytest.raises(BadQuery, match="empty"):
        reply(shop, " ")


def test_every_sentence_of_a_reply_is_in_what_it_cites():
    evidence = tuple(
        Evidence(f"k{at}", ("q",), 0.9 - at / 50, "q", (text,))
        for at, text in enumerate(["One is so. Two is not.", "One is so.", "Three may be."])
    )
    draft = RepliesGenerator().generate([Prompt(evidence, "q")])[0]
    assert draft.text == "One is so. Two is not."
    assert draft.support == pytest.approx((1.0, 0.5, 0.0))


@pytest.fixture
def ward(store, picture):
    made = store.create("ward", "toy")
    made.add(
        Item(
            f"{colour}{at}",
            picture(f"{colour}{at}", colour, at),
            (f"a {colour} thing",),
            {
                "report": f"The {colour} thing is normal.",
                "translations": {"fr": f"une chose {colour}", "de": [f"ein {colour}"]},
            },
        )
        for colour in ("red", "blue")
        for at in range(4)
    )
    made.add([Item("plain", picture("plain", "red", 50), ("a red thing without more",))])
    return made


def test_a_report_comes_from_the_reports_of_similar_pictures(ward, picture):
    answer = report(ward, picture("asked", "red", 70))
    assert answer.text == "The red thing is normal."
    assert answer.citations
    assert all(citation.key.startswith("red") for citation in answer.citations[:3])
    with pytest.raises(BadImage):
        report(ward, b"no picture")


def test_a_translation_is_what_the_nearest_agree_on(ward, picture):
    assert translate(ward, "fr", image=picture("asked", "blue", 70)).text == "une chose blue"
    answer = translate(ward, "de", text="a red thing")
    assert answer.text == "ein red"
    assert all(citation.key.startswith("red") for citation in answer.citations[:4])
    for wrong in (
        {"language": " ", "text": "a"},
        {"language": "fr"},
        {"language": "fr", "text": ""},
    ):
        with pytest.raises(BadQuery):
            translate(ward, **wrong)


def test_what_lacks_is_named_for_each_task(store, picture):
    asked = {
        "a question with answers": lambda of: reply(of, "a door"),
        "a picture with a report or a caption": lambda of: report(of, picture("asked")),
        "a translation into 'xx'": lambda of: translate(of, "xx", text="a door"),
    }
    made = store.create("words", "toy")
    for task in asked.values():
        assert task(made).abstained == "the collection 'words' is empty"
    made.add([Item("one", texts=("a door",))])
    for lacking, task in asked.items():
        told = f"no item of the collection 'words' that may be used has {lacking}"
        assert task(made).abstained == told


def test_a_summary_counts_what_it_describes_and_cites_it(doors, ward):
    answer = summarise(ward, sentences=2)
    assert answer.text.startswith("5 of 9: a red thing")
    assert "4 of 9: a blue thing." in answer.text
    assert {citation.key[:3] for citation in answer.citations} <= {"red", "blu", "pla"}
    assert summarise(ward, sentences=2) == answer
    some = summarise(doors, where="year == 2001")
    assert {citation.key for citation in some.citations} == {"red1", "blue1", "green1"}
    assert "door" in summarise(doors, query="a red door", sentences=1).text


def test_a_summary_of_nothing_says_so(store, doors):
    empty = store.create("empty", "toy")
    for answer in (
        summarise(empty),
        summarise(empty, query="anything"),
        summarise(doors, where="year == 1"),
    ):
        assert (answer.text, answer.citations) == (None, ())
        assert "has words" in answer.abstained
    with pytest.raises(BadQuery, match="sentences is 0"):
        summarise(doors, sentences=0)
    with pytest.raises(BadQuery, match="empty"):
        summarise(doors, query=" ")
    with pytest.raises(BadFilter):
        summarise(doors, where="year ==")


def test_the_own_group_of_a_picture_can_be_left_out(ward, picture):
    from embedstore.answering.evidence import OwnGroup

    held = Settings(leave_out=OwnGroup(["red0", "red1", "red2", "red3"]))
    answer = report(ward, picture("asked", "red", 70), held)
    assert all(not citation.key.startswith("red") for citation in answer.citations)
