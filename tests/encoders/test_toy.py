"""The toy encoder finds red things by the word red."""

import numpy as np
import pytest

from embedstore import encoders

COLOURS = {
    "red": (210, 30, 30),
    "green": (30, 150, 30),
    "blue": (30, 30, 210),
    "white": (250, 250, 250),
    "black": (5, 5, 5),
    "yellow": (235, 225, 40),
}


@pytest.mark.parametrize("word", COLOURS)
def test_a_colour_word_finds_the_picture_of_that_colour(word):
    toy = encoders.load("toy")
    pictures = [np.full((32, 32, 3), colour, np.uint8) for colour in COLOURS.values()]
    scores = toy.encode_images(pictures) @ toy.encode_texts([f"a {word} picture"])[0]
    assert list(COLOURS)[int(scores.argmax())] == word


def test_same_colours_elsewhere_are_near_but_not_the_same():
    toy = encoders.load("toy")
    upper = np.zeros((32, 32, 3), np.uint8)
    upper[:16] = COLOURS["red"]
    first, second = toy.encode_images([upper, upper[::-1].copy()])
    assert 0.7 < first @ second < 0.999


def test_words_count_and_case_and_punctuation_do_not():
    toy = encoders.load("toy")
    rows = toy.encode_texts(["Red dog!", "dog, RED", "red dog cat"])
    assert rows[0] @ rows[1] == pytest.approx(1.0, abs=1e-6)
    assert rows[0] @ rows[2] < 0.95
