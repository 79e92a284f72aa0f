"""recall@k by its definition, counted by hand and against a slow reading of the definition."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedstore import metrics
from embedstore.errors import Invalid
from embedstore.metrics import image_to_text, text_to_image


def vectors(*rows):
    return np.array(rows, np.float32)


def test_counted_by_hand():
    # Scores are the second matrix itself, for the pictures are the axes.
    images = np.eye(3, dtype=np.float32)
    texts = vectors(
        [0.9, 0.1, 0.0],  # of picture 0: ranked 1st
        [0.2, 0.3, 0.8],  # of picture 0: ranked 3rd
        [0.5, 0.4, 0.1],  # of picture 1: ranked 2nd
        [0.1, 0.2, 0.7],  # of picture 2: ranked 1st
    )
    image_of = [0, 0, 1, 2]
    found = text_to_image(images, texts, image_of)
    assert found.ranks.tolist() == [1, 3, 2, 1]
    assert (found.at(1), found.at(2), found.at(3)) == (0.5, 0.75, 1.0)
    assert found.median_rank == 1.5
    # Picture 0 sees .9 .2 .5 .1: own caption first. Picture 1 sees .1 .3 .4 .2: own first.
    # Picture 2 sees 0 .8 .1 .7: the caption of picture 0 comes before its own.
    back = image_to_text(images, texts, image_of)
    assert back.ranks.tolist() == [1, 1, 2]
    assert back.at(1) == pytest.approx(2 / 3)
    assert back.at(5) == 1.0


def test_any_caption_is_a_hit_and_own_captions_do_not_push_each_other_down():
    images = vectors([1, 0], [0, 1])
    texts = vectors([0.9, 0], [0.8, 0], [0.1, 0.5], [0.7, 0.4])
    assert image_to_text(images, texts, [0, 0, 0, 1]).ranks.tolist() == [1, 2]
    assert image_to_text(images, texts, [0, 0, 1, 1]).ranks.tolist() == [1, 1]


def test_vectors_that_are_all_alike_earn_nothing():
    same = np.full((10, 4), 0.5, np.float32)
    image_of = list(range(10))
    assert text_to_image(same, same, image_of).at(5) == 0.0
    assert image_to_text(same, same, image_of).at(5) == 0.0


def test_picture_without_caption_is_a_distractor_and_no_query():
    images = vectors([1, 0], [0, 1])
    texts = vectors([0.2, 0.9])
    assert text_to_image(images, texts, [0]).ranks.tolist() == [2]
    assert image_to_text(images, texts, [0]).ranks.tolist() == [1]


@given(st.integers(0, 2**32 - 1), st.integers(1, 9), st.integers(1, 20), st.integers(1, 40))
def test_equals_sorting_whatever_the_block(seed, n, m, block):
    rng = np.random.default_rng(seed)
    images = rng.integers(-2, 3, (n, 3)).astype(np.float32)  # small integers: exact, many ties
    texts = rng.integers(-2, 3, (m, 3)).astype(np.float32)
    owner = rng.integers(0, n, m)
    whole, metrics._BLOCK = metrics._BLOCK, block
    try:
        forth, back = text_to_image(images, texts, owner), image_to_text(images, texts, owner)
    finally:
        metrics._BLOCK = whole
    for text, rank in enumerate(forth.ranks):
        order = sorted(range(n), key=lambda i: (-float(texts[text] @ images[i]), i == owner[text]))
        assert order.index(owner[text]) + 1 == rank
    for image, rank in zip(sorted(set(owner)), back.ranks, strict=True):
        order = sorted(
            range(m), key=lambda t: (-float(texts[t] @ images[image]), owner[t] == image)
        )
        assert next(place for place, t in enumerate(order, 1) if owner[t] == image) == rank


@pytest.mark.parametrize(
    ("images", "texts", "image_of", "message"),
    [
        (np.eye(2), np.eye(3), [0, 1, 1], "expected .n, d. and .m, d."),
        (np.eye(2), np.eye(2), [0], "1 owners for 2 captions"),
        (np.eye(2), np.eye(2), [0, 2], "expected 0 to 1"),
        (np.eye(2), np.full((1, 2), np.nan), [0], "NaN"),
        (np.eye(2), np.empty((0, 2)), [], "at least 1"),
    ],
)
def test_contradictions_are_refused(images, texts, image_of, message):
    for direction in (text_to_image, image_to_text):
        with pytest.raises(Invalid, match=message):
            direction(images.astype(np.float32), texts.astype(np.float32), image_of)
