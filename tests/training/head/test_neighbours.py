import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from embedstore.training.head.neighbours import (
    SAME,
    near_pictures,
    near_questions,
    nearest,
    sampled,
)


def unit(rng, n, d=6):
    rows = rng.standard_normal((n, d)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10_000), st.integers(2, 30), st.integers(1, 40))
def test_no_picture_is_its_own_neighbour_nor_is_its_twin(seed, n, count):
    rng = np.random.default_rng(seed)
    pictures = unit(rng, n)
    pictures[1] = pictures[0]  # the same photo under two names
    found = near_pictures(pictures, pictures, count, itself=True)
    for place, row in enumerate(found):
        known = row[row >= 0]
        assert place not in known
        assert (pictures[known] @ pictures[place] < SAME).all()
        assert len(set(known.tolist())) == len(known)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10_000), st.integers(2, 25))
def test_no_question_learns_from_its_own_picture(seed, n):
    rng = np.random.default_rng(seed)
    groups = rng.integers(0, 4, n)
    pictures, questions = unit(rng, 4)[groups], unit(rng, n)
    found = near_questions((pictures,) * 2, (questions,) * 2, (groups,) * 2, n)
    for place, row in enumerate(found):
        assert not (groups[row[row >= 0]] == groups[place]).any()


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10_000), st.integers(1, 20))
def test_the_best_that_are_allowed_come_first(seed, count):
    rng = np.random.default_rng(seed)
    scores, forbidden = rng.random((5, 12)).astype(np.float32), rng.random((5, 12)) < 0.3
    for row, allowed, found in zip(
        scores, ~forbidden, nearest(scores, forbidden, count), strict=True
    ):
        oracle = sorted(np.flatnonzero(allowed), key=lambda one: -row[one])[:count]
        assert found[found >= 0].tolist() == oracle


@settings(max_examples=60)
@given(st.integers(0, 10_000), st.integers(0, 20))
def test_neighbours_are_drawn_from_the_best_without_repeats(seed, n):
    row = np.array([*range(n), *[-1] * (20 - n)])
    drawn = sampled(row, np.random.default_rng(seed), pool=10, most=5, least=3)
    assert len(set(drawn)) == len(drawn)
    assert min(n, 3) <= len(drawn) <= 5
    assert all(0 <= one < 10 for one in drawn)
