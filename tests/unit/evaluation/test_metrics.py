import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, log_loss, roc_auc_score

from smartaccounts.evaluation import metrics

# ten customers; the ranking finds key accounts at places 1, 3 and 8
Y = [1, 0, 1, 0, 0, 0, 0, 1, 0, 0]
SCORE = [10, 9, 8, 7, 6, 5, 4, 3, 2, 1]
SPEND = [50, 5, 30, 0, 0, 0, -10, 15, 0, 0]


def random_list(seed, rows=300, levels=20):
    random = np.random.default_rng(seed)
    return (random.random(rows) < 0.1).astype(int), random.integers(0, levels, rows) / levels, random


def test_a_list_that_can_be_checked_by_hand():
    assert metrics.base_rate(Y).value == 0.3
    assert metrics.average_precision(Y, SCORE).value == pytest.approx((1 + 2 / 3 + 3 / 8) / 3)
    assert metrics.auc(Y, SCORE).value == pytest.approx((7 + 6 + 2) / 21)
    assert metrics.precision_at(Y, SCORE, 4).value == 0.5
    assert metrics.lift_at(Y, SCORE, 4).value == pytest.approx(0.5 / 0.3)
    assert metrics.lift_at(Y, SCORE, 0.4).value == pytest.approx(0.5 / 0.3)
    assert metrics.found_at(Y, SCORE, 3).value == pytest.approx(2 / 3)
    assert metrics.spend_captured_at(SPEND, SCORE, 2).value == pytest.approx(0.55)
    assert metrics.spend_captured_at(np.multiply(SPEND, Y), SCORE, 3).value == pytest.approx(80 / 95)


def test_equal_scores_keep_the_order_of_the_rows_at_a_cut_but_not_in_average_precision():
    assert metrics.precision_at([1, 0, 1], [5, 5, 5], 1).value == 1
    assert metrics.precision_at([0, 1, 1], [5, 5, 5], 1).value == 0
    for y in ([1, 0, 1], [0, 1, 1]):
        assert metrics.average_precision(y, [5, 5, 5]).value == pytest.approx(2 / 3)
        assert metrics.auc(y, [5, 5, 5]).value == 0.5


@pytest.mark.parametrize("seed", range(5))
def test_weighted_average_precision_and_auc_are_those_of_scikit_learn(seed):
    y, score, random = random_list(seed)
    weight = random.poisson(1, len(y))
    expected = average_precision_score(y, score, sample_weight=weight)
    assert metrics.average_precision(y, score, weight=weight).value == pytest.approx(expected, abs=1e-12)
    expected = roc_auc_score(y, score, sample_weight=weight)
    assert metrics.auc(y, score, weight=weight).value == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_a_weight_is_as_many_rows_one_behind_the_other(seed):
    y, score, random = random_list(seed)
    weight, p, spend = random.poisson(1, len(y)), random.random(len(y)), random.normal(size=len(y))
    again = np.repeat(np.arange(len(y)), weight)
    weighted = [
        metrics.base_rate(y, weight=weight),
        metrics.average_precision(y, score, weight=weight),
        metrics.precision_at(y, score, 17, weight=weight),
        metrics.lift_at(y, score, 0.05, weight=weight),
        metrics.found_at(y, score, 0.1, weight=weight),
        metrics.spend_captured_at(spend, score, 17, weight=weight),
        metrics.expected_calibration_error(y, p, weight=weight),
        metrics.expected_over_observed(y, p, weight=weight),
        metrics.skill(y, p, 0.1, weight=weight),
    ]
    y, score, p, spend = y[again], score[again], p[again], spend[again]
    repeated = [
        metrics.base_rate(y),
        metrics.average_precision(y, score),
        metrics.precision_at(y, score, 17),
        metrics.lift_at(y, score, 0.05),
        metrics.found_at(y, score, 0.1),
        metrics.spend_captured_at(spend, score, 17),
        metrics.expected_calibration_error(y, p),
        metrics.expected_over_observed(y, p),
        metrics.skill(y, p, 0.1),
    ]
    assert [m.value for m in weighted] == pytest.approx([m.value for m in repeated], abs=1e-12)


@pytest.mark.slow
@given(st.lists(st.tuples(st.integers(0, 1), st.integers(-3, 3)), min_size=1, max_size=30))
def test_a_monotone_transform_of_the_scores_changes_no_measure(rows):
    y, score = np.array(rows).T
    for other in (np.exp(score / 2.0), 7.0 * score - 3, score**3):
        for of in (metrics.average_precision, metrics.auc):
            np.testing.assert_equal(of(y, other), of(y, score))
        for of in (metrics.precision_at, metrics.lift_at, metrics.found_at):
            np.testing.assert_equal(of(y, other, 3), of(y, score, 3))


@pytest.mark.slow
@given(st.lists(st.tuples(st.integers(0, 1), st.floats(0, 1)), min_size=1, max_size=30), st.randoms())
def test_the_order_of_rows_matters_only_between_equal_scores(rows, random):
    rows = list({p: (y, p) for y, p in rows}.values())
    shuffled = random.sample(rows, len(rows))
    (y, p), (y2, p2) = zip(*rows, strict=True), zip(*shuffled, strict=True)
    for of in (metrics.average_precision, metrics.auc, metrics.expected_calibration_error):
        np.testing.assert_allclose(of(y, p).value, of(y2, p2).value, atol=1e-12)
    np.testing.assert_allclose(metrics.lift_at(y, p, 4).value, metrics.lift_at(y2, p2, 4).value, atol=1e-12)


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 5)), min_size=1, max_size=40))
def test_the_gain_curve_rises_from_none_to_all_and_agrees_with_found_at(rows):
    y, score = np.array(rows).T
    shares = np.arange(len(y) + 1) / len(y)
    curve = metrics.gain_curve(y, score, shares)
    if not y.any():
        assert curve.reason == metrics.NO_POSITIVE
        assert np.isnan(curve.value).all()
        return
    assert (curve.value[0], curve.value[-1]) == (0, 1)
    assert (np.diff(curve.value) >= 0).all()
    for k in range(1, len(y) + 1):
        assert curve.value[k] == pytest.approx(metrics.found_at(y, score, k).value)
    lift = metrics.lift_curve(y, score, shares)
    assert np.isnan(lift.value[0])
    assert lift.value[-1] == 1


def test_curves_of_several_dates_are_averaged_without_those_that_have_no_key_account():
    shares = np.array([0, 0.5, 1])
    first = metrics.gain_curve([1, 0], [2, 1], shares)
    second = metrics.gain_curve([0, 1], [2, 1], shares)
    none = metrics.gain_curve([0, 0], [2, 1], shares)
    mean = metrics.mean_curve([first, second, none])
    assert mean.value.tolist() == [0, 0.5, 1]
    assert mean.reason == "1 of 3 dates left out"
    assert metrics.mean_curve([none]).reason == metrics.NO_POSITIVE
    with pytest.raises(ValueError, match="at least one curve"):
        metrics.mean_curve([])
    with pytest.raises(ValueError, match="same shares"):
        metrics.mean_curve([first, metrics.gain_curve([1, 0], [2, 1], [0, 1])])


def test_calibration_by_hand():
    y, p = [0, 1, 0, 1], [0.1, 0.3, 0.5, 0.9]
    assert metrics.expected_calibration_error(y, p, bins=2).value == pytest.approx((0.3 * 2 + 0.2 * 2) / 4)
    assert metrics.expected_over_observed(y, p).value == pytest.approx(1.8 / 2)
    low, high = metrics.reliability(y, p, bins=2)
    assert (low.predicted, low.observed, low.rows, low.positives) == (0.2, 0.5, 2, 1)
    assert (high.predicted, high.observed) == (0.7, 0.5)
    assert len(metrics.reliability(y, p)) == 4
    assert metrics.reliability([], []) == ()


def test_skill_is_against_the_base_rate_that_was_known():
    y, p, _ = random_list(1)
    p = np.clip(p, 0.01, 0.99)
    expected = 1 - log_loss(y, p) / log_loss(y, np.full(len(y), 0.07))
    assert metrics.skill(y, p, 0.07).value == pytest.approx(expected)
    assert metrics.skill(y, np.full(len(y), 0.07), 0.07).value == pytest.approx(0)
    assert np.isfinite(metrics.skill([0, 1], [1.0, 0.0], 0.5).value)


def test_the_wilson_interval_is_that_of_the_literature():
    # Newcombe (1998), table I: 81 of 263, 15 of 148, 0 of 20, 1 of 29, at 95%
    cases = {(81, 263): (0.2553, 0.3662), (15, 148): (0.0624, 0.1605), (0, 20): (0, 0.1611), (1, 29): (0.0061, 0.1718)}
    for (positives, rows), expected in cases.items():
        assert metrics.wilson(positives, rows, level=0.95) == pytest.approx(expected, abs=5e-5)
    assert metrics.wilson(5, 5)[1] == 1
    with pytest.raises(ValueError, match="got 3 of 2"):
        metrics.wilson(3, 2)


def test_what_cannot_be_computed_is_nan_with_a_reason():
    for measured in (
        metrics.average_precision([0, 0], [1, 2]),
        metrics.auc([0, 0], [1, 2]),
        metrics.lift_at([0, 0], [1, 2], 1),
        metrics.found_at([0, 0], [1, 2], 1),
        metrics.expected_over_observed([0, 0], [0.1, 0.2]),
        metrics.skill([0, 0], [0.1, 0.2], 0.1),
        metrics.average_precision([0, 1], [1, 2], weight=[1, 0]),
    ):
        assert math.isnan(measured.value)
        assert measured.reason == metrics.NO_POSITIVE
    assert metrics.auc([1, 1], [1, 2]).reason == metrics.NO_NEGATIVE
    assert metrics.spend_captured_at([0, -1], [1, 2], 1).reason == metrics.NO_SPEND
    for measured in (
        metrics.base_rate([]),
        metrics.average_precision([], []),
        metrics.precision_at([], [], 5),
        metrics.found_at([], [], 5),
        metrics.expected_calibration_error([], []),
    ):
        assert math.isnan(measured.value)
        assert measured.reason == metrics.NO_ROWS
    assert metrics.precision_at([0, 0], [1, 2], 1) == metrics.Measured(0.0)


def test_a_list_shorter_than_the_depth_counts_whole_and_says_so():
    assert metrics.precision_at([1, 0], [1, 2], 50) == metrics.Measured(0.5, "only 2 rows, fewer than 50")
    assert metrics.lift_at([1, 0], [1, 2], 50) == metrics.Measured(1.0, "only 2 rows, fewer than 50")


@pytest.mark.parametrize(("depth", "rows", "expected"), [(0.29, 100, 29), (0.02, 49, 1), (0.02, 100, 2), (1.0, 7, 7)])
def test_a_share_of_rows_is_rounded_down_but_never_to_none(depth, rows, expected):
    assert metrics.rows_in(depth, rows) == expected


@pytest.mark.parametrize("depth", [0, -1, 0.0, 1.5])
def test_a_depth_that_is_none_is_refused(depth):
    with pytest.raises(ValueError, match="Expected"):
        metrics.rows_in(depth, 10)


@pytest.mark.parametrize(
    ("y", "score", "weight"),
    [([0, 2], [1, 2], None), ([0, 1], [1, math.nan], None), ([0, 1], [1, 2], [0.5, 1]), ([0, 1], [1, 2], [-1, 1])],
)
def test_input_that_is_no_list_is_refused(y, score, weight):
    with pytest.raises(ValueError, match="Expected"):
        metrics.average_precision(y, score, weight=weight)


def test_a_probability_outside_0_and_1_is_refused():
    with pytest.raises(ValueError, match=r"got 0\.1 to 1\.5"):
        metrics.expected_over_observed([0, 1], [0.1, 1.5])


def test_names_of_measures():
    assert metrics.parse_name("auc") == metrics.Name("auc")
    assert metrics.parse_name("precision_at_50") == metrics.Name("precision", 50)
    assert metrics.parse_name("key_spend_captured_at_2.5pct") == metrics.Name("key_spend_captured", 0.025)
    for wrong in ("lift", "auc_at_5", "precision_at_0", "precision_at_200pct", "f1"):
        with pytest.raises(ValueError, match="Expected"):
            metrics.parse_name(wrong)
