"""Reliability, risk by coverage, and thresholds that keep a stated risk."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedstore.answering import risk

ANSWERS = st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60)


@given(ANSWERS)
def test_bins_hold_every_answer_once_and_the_error_is_a_share(answers):
    stated, right = zip(*answers, strict=True)
    found = risk.reliability(stated, right)
    assert sum(each.count for each in found) == len(answers)
    assert 0.0 <= risk.calibration_error(stated, right) <= 1.0
    total = sum(each.right * each.count for each in found)
    assert total == pytest.approx(sum(right))


@given(ANSWERS)
def test_risk_by_coverage_is_what_withholding_leaves(answers):
    stated, right = (np.array(each) for each in zip(*answers, strict=True))
    points = risk.risk_coverage(stated, right)
    assert points[-1].coverage == pytest.approx(1.0)
    for point in points:  # the oracle: answer from the threshold on
        given_ = stated >= point.threshold
        assert point.coverage == pytest.approx(given_.mean())
        assert point.risk == pytest.approx(1.0 - right[given_].mean())


def test_what_is_always_true_as_stated_has_no_error():
    assert risk.calibration_error([1.0, 1.0, 0.0], [1, 1, 0]) == 0.0
    assert risk.brier([1.0, 0.0], [0, 1]) == 1.0
    assert risk.calibration_error([], []) == risk.brier([], []) == 0.0
    assert risk.risk_coverage([], []) == ()
    assert risk.accuracy_at(0.5, [0.9, 0.1], [1, 0]) == 1.0


@pytest.mark.parametrize(
    ("wrong", "count", "bound"),  # Clopper and Pearson, one-sided 95%: 1 - .05**(1/n) for none
    [
        (0, 10, 1 - 0.05**0.1),
        (0, 100, 1 - 0.05**0.01),
        (5, 20, 0.45558),
        (10, 10, 1.0),
        (0, 0, 1.0),
    ],
)
def test_the_bound_is_clopper_and_pearsons(wrong, count, bound):
    assert risk.upper_bound(wrong, count) == pytest.approx(bound, abs=1e-4)


def test_a_threshold_keeps_the_risk_it_was_chosen_for():
    kept, tried = 0, 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        stated = rng.random(800)
        right = rng.random(800) < stated
        limit = risk.threshold(stated, right, 0.3)
        fresh = rng.random(20_000)
        true = rng.random(20_000) < fresh
        if limit is not None:
            tried += 1
            kept += 1.0 - true[fresh >= limit].mean() <= 0.3
    assert tried == 40
    assert kept >= 38  # surely at 95%


def test_no_threshold_where_none_surely_keeps_the_risk():
    assert risk.threshold(np.linspace(0, 1, 200), np.zeros(200), 0.5) is None
    assert risk.threshold([0.9], [1], 0.1) is None
