"""The map: a few principal directions, the same ones each time, of the items that are there."""

import numpy as np
import pytest

from embedstore import Item
from embedstore.errors import Invalid
from embedstore.map import map_of, plane

COLOURS = {"red": 30, "blue": 20, "green": 10}


@pytest.fixture
def coloured(photos):
    """Pictures of three colours, and a text."""
    rng = np.random.default_rng(0)
    for colour, count in COLOURS.items():
        rows = photos.encoder.encode_texts([colour] * count)
        rows = rows + 0.02 * rng.standard_normal(rows.shape)
        rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
        photos.add_vectors([Item(f"{colour}{n}") for n in range(count)], image=rows)
    photos.add([Item("words", texts=("no picture",))])
    return photos


def test_the_plane_is_that_of_the_widest_directions():
    rng = np.random.default_rng(3)
    made = rng.standard_normal((300, 8)).astype(np.float32)
    made *= np.array([9, 5, 1, 1, 1, 1, 1, 1], np.float32)
    places = plane(made)
    assert places.shape == (300, 2)
    assert np.abs(places).max() == pytest.approx(1)
    for axis in (0, 1):
        assert np.corrcoef(places[:, axis], made[:, axis])[0, 1] > 0.98  # not mirrored either
    assert (plane(made) == places).all()
    assert np.isfinite(plane(made[:1])).all()
    assert np.isfinite(plane(np.repeat(made[:1], 5, axis=0))).all()
    assert np.isfinite(plane(made[:, :1])).all()


def test_like_lies_near_like_and_every_time_at_the_same_place(coloured):
    drawn = map_of(coloured)
    assert drawn.pictures == len(drawn.points) == sum(COLOURS.values())
    assert sum(group.size for group in drawn.groups) == drawn.pictures
    sizes = [group.size for group in drawn.groups]
    assert sizes == sorted(sizes, reverse=True)
    for colour in COLOURS:
        here = [(each.x, each.y) for each in drawn.points if each.key.startswith(colour)]
        middle = np.mean(here, axis=0)
        assert np.abs(np.array(here) - middle).max() < 0.3
    for number, group in enumerate(drawn.groups):
        members = [each.key for each in drawn.points if each.group == number]
        assert len({key.rstrip("0123456789") for key in members}) == 1
        assert group.item.key in members
    assert map_of(coloured) == drawn


def test_a_sample_stays_when_the_collection_grows_and_loses_what_is_deleted(coloured):
    some = [point.key for point in map_of(coloured, 12).points]
    assert len(some) == 12
    assert len({key.rstrip("0123456789") for key in some}) == 3
    vector = coloured.encoder.encode_texts(["white"])
    coloured.add_vectors([Item("white")], image=vector)
    after = {point.key for point in map_of(coloured, 12).points}
    assert len(after - {*some}) <= 1
    coloured.delete([some[0]])
    assert some[0] not in {point.key for point in map_of(coloured).points}


def test_nothing_to_draw_and_wrong_numbers(photos):
    assert map_of(photos).points == ()
    photos.add([Item("words", texts=("no picture",))])
    assert map_of(photos).groups == ()
    for wrong in (0, 4_001):
        with pytest.raises(Invalid, match="expected 1 to 4,000"):
            map_of(photos, wrong)
