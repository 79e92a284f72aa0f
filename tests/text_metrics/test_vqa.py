"""Short answers are compared as the VQA challenge compares them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedstore.errors import Invalid
from embedstore.text_metrics import normalise_answer, vqa_accuracy


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The Dog.", "dog"),
        ("a cat and an owl", "cat and owl"),
        ("Two", "2"),
        ("none", "0"),
        ("ten", "10"),
        ("3.5", "3.5"),
        ("1,000", "1000"),
        ("yes!", "yes"),
        ("yes, please", "yes please"),
        ("black/white", "black white"),
        ("t-shirt", "t shirt"),
        ("isnt", "isn't"),
        ("dont know", "don't know"),
        ("couldntve", "couldn't've"),
        ("couldnt've", "couldn't've"),
        ("couldn'tve", "couldn't've"),
        ("whats that", "what's that"),
        ("well", "well"),
        ("hell", "hell"),
        ("its red", "its red"),
        ("shed", "shed"),
        (" lots  of \t space\n", "lots of space"),
        ("", ""),
        ("the", ""),
    ],
)
def test_an_answer_is_normalised(text, expected):
    assert normalise_answer(text) == expected


@given(st.text(alphabet="aTwoh e.,;!?'-_/1230"))
def test_normalising_only_ever_shortens_to_lower_case_words(text):
    words = normalise_answer(text)
    assert words == words.lower()
    assert words == " ".join(words.split())


def test_three_of_ten_who_agree_give_full_marks():
    assert vqa_accuracy("red", ["red"] * 10) == 1
    assert vqa_accuracy("Red.", ["red"] * 4 + ["blue"] * 6) == 1
    # With exactly three, leaving one of them out costs a third: 3 of 10 times
    assert vqa_accuracy("red", ["red"] * 3 + ["blue"] * 7) == pytest.approx(0.9)
    assert vqa_accuracy("red", ["red"] * 2 + ["blue"] * 8) == pytest.approx(0.6)
    assert vqa_accuracy("red", ["red"] + ["blue"] * 9) == pytest.approx(0.3)
    assert vqa_accuracy("green", ["red"] * 10) == 0


def test_one_of_few_who_agrees_is_enough():
    assert vqa_accuracy("Two", ["2"]) == 1
    assert vqa_accuracy("the dog", ["cat", "dog"]) == 1
    assert vqa_accuracy("bird", ["cat", "dog"]) == 0


def test_the_empty_answer_is_never_right():
    assert vqa_accuracy("", [""]) == 0
    assert vqa_accuracy("the", ["the"] * 10) == 0


def test_a_question_without_answers_is_refused():
    with pytest.raises(Invalid, match="one or more"):
        vqa_accuracy("red", [])
    with pytest.raises(Invalid, match="one or more"):
        vqa_accuracy("red", "red")
