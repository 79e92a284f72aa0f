"""What an example shows of a photo, and when it hides the picture."""

import numpy as np
import pytest

from embedstore.answering.head.config import HeadConfig
from embedstore.answering.head.vocabulary import Vocabulary
from embedstore.training.head.examples import Examples
from embedstore.training.head.material import Captioned
from embedstore.training.head.neighbours import near_pictures
from embedstore.training.head.recipe import HeadRecipe

DIM, PHOTOS = 8, 12


@pytest.fixture(scope="module")
def made():
    rng = np.random.default_rng(0)
    pictures = rng.standard_normal((PHOTOS, DIM)).astype(np.float32)
    pictures /= np.linalg.norm(pictures, axis=1, keepdims=True)
    said = tuple((f"photo number {n}",) for n in range(PHOTOS))
    vocabulary = Vocabulary.learnt([text for texts in said for text in texts], 300)
    photos = Captioned(said, pictures, tuple(pictures[:, None]))
    near = near_pictures(pictures, pictures, 6, itself=True)

    def examples(**changes):
        recipe = HeadRecipe(least=2, most=3, rename=0.0, **changes)
        return Examples(vocabulary, HeadConfig(vocabulary.pieces, DIM), recipe, photos, near)

    return examples


def shown_of(examples, count=300):
    rng = np.random.default_rng(1)
    return [examples.captions(n % PHOTOS, rng).shown for n in range(count)]


def test_a_neighbour_never_says_a_caption_that_is_to_be_written():
    vocabulary = Vocabulary.learnt(["a dog", "a cat"], 300)
    rows = np.eye(2, dtype=np.float32)
    said = ("a dog",), ("a dog", "a cat")
    photos = Captioned(said, rows, (rows[:1], rows))
    recipe = HeadRecipe(alone=0.0, least=1, most=1, rename=0.0)
    config = HeadConfig(vocabulary.pieces, 2)
    examples = Examples(vocabulary, config, recipe, photos, np.array([[1], [0]]))
    rng = np.random.default_rng(0)
    read = {examples.captions(0, rng).shown.neighbours[0].pieces for _ in range(50)}
    assert read == {tuple(vocabulary.encode("a cat", 24))}


def test_captions_are_written_blind_only_where_neighbours_tell(made):
    shown = shown_of(made(blind=0.5, alone=0.3))
    blind = [one for one in shown if one.vector is None]
    assert all(one.neighbours for one in blind)
    read = [one for one in shown if one.neighbours]
    assert 0.4 < len(blind) / len(read) < 0.6
    assert 0.2 < 1 - len(read) / len(shown) < 0.4


def test_a_picture_is_always_shown_unless_it_is_to_be_hidden(made):
    assert all(one.vector is not None for one in shown_of(made(blind=0.0)))


def test_noise_moves_a_picture_and_keeps_its_length(made):
    calm, moved = shown_of(made(noise=0.0, blind=0.0), 12), shown_of(made(noise=1.0, blind=0.0), 12)
    for one, other in zip(calm, moved, strict=True):
        assert np.linalg.norm(other.vector) == pytest.approx(1.0, abs=1e-5)
        assert 0.2 < float(one.vector @ other.vector) < 1.0


def test_a_neighbour_says_first_what_fits_the_asked_picture():
    rows = np.eye(3, dtype=np.float32)
    photos = Captioned((("a dog", "a cat", "a hen"),), rows[:1], (rows,))
    for best, text in enumerate(photos.captions[0]):
        assert photos.best_first(0, rows[best])[0] == text
