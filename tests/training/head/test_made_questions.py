import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedstore.training.head.made_questions import made
from embedstore.training.head.renaming import made_up, renamed, replaced


@pytest.mark.parametrize(
    ("caption", "pair"),
    [
        ("a brown dog runs", ("what color is the dog", "brown")),
        ("two dogs play", ("how many dogs are there", "two")),
        ("a man wearing a blue hat is standing", ("what is the man wearing", "blue hat")),
        ("a girl is jumping in the pool", ("what is the girl doing", "jumping")),
        ("a dog runs on the beach", ("where is the dog", "on the beach")),
        ("a dog runs", ("is there a dog", "yes")),
        ("a dog runs", ("is there a boat", "no")),
        ("a dog runs", ("what is in the picture", "a dog runs")),
    ],
)
def test_questions_are_made_by_patterns(caption, pair):
    assert pair in made(caption, (), "boat")


def test_what_another_caption_mentions_is_not_absent():
    assert ("is there a boat", "no") not in made("a dog runs", ("A dog near a boat",), "boat")


def test_of_two_colours_neither_is_the_answer():
    assert not [
        q for q, _ in made("a black and white dog", (), "dog") if q.startswith("what color")
    ]


@given(st.text(max_size=60))
def test_any_text_has_at_least_the_plain_question(text):
    assert ("what is in the picture", text) in made(text, (), "boat")


@given(st.integers(0, 10_000))
def test_a_shared_word_becomes_a_made_up_one_in_both(seed):
    rng = np.random.default_rng(seed)
    target, other = "A dalmatian runs", "the dalmatian sleeps"
    change = renamed([target], [other], rng)
    assert change is not None
    assert change[0] == "dalmatian"
    assert replaced(target, change) == f"a {change[1]} runs"
    assert replaced(other, change) == f"the {change[1]} sleeps"


def test_without_a_shared_word_nothing_is_renamed():
    rng = np.random.default_rng(0)
    assert renamed(["a dog"], ["the cat"], rng) is None
    assert replaced("A Dog", None) == "A Dog"
    assert made_up(rng).isalpha()
