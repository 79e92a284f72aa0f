"""The isotonic fit behind probabilities of relevance, as laws."""

import json
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedstore.relevance import Relevance, calibration_error, curve, isotonic

values = st.lists(st.floats(-5, 5, width=32), min_size=1, max_size=40)


def weighed(made, seed):
    return np.random.default_rng(seed).uniform(0.1, 3, len(made))


def by_brute_force(made, weights):
    """The best of all ways to cut into stretches whose means never fall."""
    n, best, least = len(made), None, np.inf
    for cuts in (cut for m in range(n) for cut in combinations(range(1, n), m)):
        parts = list(zip((0, *cuts), (*cuts, n), strict=True))
        means = [np.average(made[a:b], weights=weights[a:b]) for a, b in parts]
        fitted = np.repeat(means, [b - a for a, b in parts])
        error = float(weights @ (fitted - made) ** 2)
        if (np.diff(fitted) >= 0).all() and error < least:
            best, least = fitted, error
    return best


@given(values, st.integers(0, 99))
def test_a_fit_never_falls_keeps_the_mean_and_fits_itself(made, seed):
    weights = weighed(made, seed)
    fitted = isotonic(np.array(made), weights)
    assert (np.diff(fitted) >= 0).all()
    assert weights @ fitted == pytest.approx(weights @ np.array(made), abs=1e-6)
    assert isotonic(fitted, weights) == pytest.approx(fitted, abs=1e-9)
    assert min(made) - 1e-9 <= fitted[0] <= fitted[-1] <= max(made) + 1e-9


@given(st.lists(st.floats(-5, 5, width=32), min_size=1, max_size=7), st.integers(0, 99))
def test_a_fit_is_the_best_of_all(made, seed):
    weights = weighed(made, seed)
    found = isotonic(np.array(made), weights)
    assert found == pytest.approx(by_brute_force(np.array(made), weights), abs=1e-5)


@given(st.lists(st.tuples(st.integers(0, 9), st.booleans()), min_size=1, max_size=60))
def test_a_curve_is_the_fit_at_every_score(pairs):
    scores, relevant = np.array([one for one, _ in pairs], float), np.array([b for _, b in pairs])
    known, probabilities = curve(scores, relevant)
    assert (np.diff(known) > 0).all()
    assert (np.diff(probabilities) >= 0).all()
    assert ((probabilities >= 0) & (probabilities <= 1)).all()
    told = np.interp(scores, known, probabilities)
    assert told.mean() == pytest.approx(relevant.mean())
    alike, place = np.unique(scores, return_inverse=True)
    shares = np.array([relevant[place == row].mean() for row in range(len(alike))])
    fitted = isotonic(shares, np.bincount(place).astype(float))
    assert told == pytest.approx(fitted[place])


def test_the_error_is_how_far_off_the_probabilities_are():
    relevant = np.arange(1000) % 4 == 0
    assert calibration_error(np.full(1000, 0.25), relevant) == pytest.approx(0.0, abs=1e-9)
    assert calibration_error(np.full(1000, 0.75), relevant) == pytest.approx(0.5)


def test_probabilities_between_known_scores_lie_on_a_line():
    made = Relevance("f", None, (0.1, 0.3), (0.0, 1.0), 10, 0.5, 0.01, 4, 5)
    assert made.of([0.0, 0.1, 0.2, 0.3, 9.0]) == pytest.approx([0, 0, 0.5, 1, 1])
    assert made.of([]) == []
    assert Relevance.from_option(json.loads(json.dumps(made.as_option()))) == made
