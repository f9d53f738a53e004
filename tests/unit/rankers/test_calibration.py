"""Probabilities: the curve that made them is found again, the order stays, few positives do no harm."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from tests.unit.rankers.synthetic import AS_OF, firsts, panel_of, snapshot_of, with_outcome

from smartaccounts.panel import Panel
from smartaccounts.rankers.calibration import (
    SLOPES,
    STEEPEST,
    Calibrator,
    fit_calibrator,
    season_came,
    season_expected,
    tail,
)


@pytest.mark.parametrize(("intercept", "slope"), [(-1.0, 1.0), (0.5, 0.5), (-3.0, 2.0)])
def test_the_curve_that_made_the_outcomes_is_found_again(intercept: float, slope: float) -> None:
    rng = np.random.default_rng(0)
    raw = rng.normal(-1, 1.5, 200_000)
    y = (rng.random(len(raw)) < expit(intercept + slope * raw)).astype(float)
    found = fit_calibrator(raw, y)
    assert (found.intercept, found.slope) == (pytest.approx(intercept, abs=0.05), pytest.approx(slope, abs=0.05))


def test_the_expected_number_of_key_accounts_is_the_one_that_came() -> None:
    rng = np.random.default_rng(1)
    raw = rng.normal(-4, 1, 5000)
    y = (rng.random(5000) < expit(raw)).astype(float)
    assert fit_calibrator(raw, y).probability(raw).sum() == pytest.approx(y.sum(), rel=1e-3)


@pytest.mark.parametrize("noise", [0.0, 30.0])
def test_the_order_never_turns(noise: float) -> None:
    rng = np.random.default_rng(2)
    raw = rng.normal(size=400)
    y = (raw + noise * rng.normal(size=400) < 0).astype(float)  # with no noise, high scores never grow
    probability = fit_calibrator(raw, y).probability(np.sort(raw))
    assert (np.diff(probability) > 0).all()
    assert fit_calibrator(raw, y).slope >= SLOPES[0]


def test_few_positives_leave_the_slope_near_one() -> None:
    raw = np.linspace(-3, 0, 1000)
    y = np.zeros(1000)
    y[-3:] = 1  # told by these three, the slope would be 3 and more
    found = fit_calibrator(raw, y)
    assert 0.9 < found.slope < 1.5
    assert found.probability(raw).sum() == pytest.approx(3, rel=0.01)


def test_probabilities_stay_inside_zero_and_one() -> None:
    assert Calibrator(0.0, 3.0).probability(np.array([-1e6, 1e6])).tolist() == [1e-9, 1 - 1e-9]


def test_a_season_moves_the_odds_by_the_tail() -> None:
    raw = np.array([-2.0, 1.0])
    moved = Calibrator(0.3, 1.2, tail=2.0).probability(raw, np.log(0.5))
    odds, usual = moved / (1 - moved), np.exp(0.3 + 1.2 * raw)
    assert odds == pytest.approx(usual * 0.25)


def test_what_the_season_explains_is_not_learned_as_a_base_rate() -> None:
    rng = np.random.default_rng(3)
    raw, season = rng.normal(-2, 1, 100_000), rng.choice([np.log(0.5), np.log(2)], 100_000)
    y = (rng.random(len(raw)) < expit(-0.5 + raw + 1.5 * season)).astype(float)
    found = fit_calibrator(raw, y, season, tail=1.5)
    assert (found.intercept, found.slope) == (pytest.approx(-0.5, abs=0.05), pytest.approx(1.0, abs=0.05))


def _spent(over_key: list[float]) -> Panel:
    snapshot = snapshot_of(len(over_key))
    made = with_outcome(snapshot, np.zeros(len(over_key)))
    return Panel(snapshot, made.outcome.assign(spend_ahead=100 * np.array(over_key)))


@pytest.mark.slow
def test_the_tail_is_the_exponent_of_a_pareto_distribution() -> None:
    quantiles = (np.arange(200_000) + 0.5) / 200_000
    assert tail(_spent((0.1 * quantiles ** (-1 / 1.5)).tolist())) == pytest.approx(1.5, abs=0.02)


def test_a_tail_of_few_customers_is_no_steeper_than_what_one_can_know() -> None:
    assert tail(_spent([0.8] * 50 + [1.5])) == STEEPEST
    assert tail(_spent([0.1] * 50)) == 0


def test_the_season_is_one_number_for_each_date() -> None:
    snapshot = snapshot_of(4, firsts(2))
    ratios = [0.5, 0.5, 1.0, np.nan, 1000.0, 1000.0, 1000.0, 1000.0]
    frame = snapshot.frame.assign(season_h=ratios)
    expected = [2 * np.log(0.5) / 3] * 4 + [np.log(3)] * 4
    assert season_expected(frame) == pytest.approx(expected)


def test_a_market_that_lost_everything_or_is_unknown_has_no_season() -> None:
    made = panel_of(snapshot_of(3, [AS_OF]))
    for ratio in (0.0, -1.0, np.nan):
        lost = Panel(made.snapshot, made.outcome.assign(season_ahead=pd.Series([ratio] * 3)))
        assert season_came(lost).tolist() == [0, 0, 0]


def test_a_range_holds_its_probability_and_keeps_the_order() -> None:
    raw, y = scored(4000, slope=1.0, intercept=-2.0)
    found = fit_calibrator(raw, y)
    at = np.linspace(-6, 6, 101)
    low, high = found.bounds(at)
    likely = found.probability(at)
    assert ((low < likely) & (likely < high)).all()
    assert (np.diff(low) >= -1e-12).all()
    assert (np.diff(high) >= -1e-12).all()


def test_few_key_accounts_make_a_wider_range() -> None:
    widths = []
    for rows in (200, 20_000):
        raw, y = scored(rows, slope=1.0, intercept=-2.0)
        low, high = fit_calibrator(raw, y, drift=0.0).bounds(np.zeros(1))
        widths.append(float((high - low)[0]))
    assert widths[0] > 5 * widths[1] > 0


def test_rows_of_one_customer_are_no_independent_evidence() -> None:
    raw, y = scored(500, slope=1.0, intercept=-1.0)
    once = fit_calibrator(raw, y, customers=np.arange(500))
    six = fit_calibrator(np.tile(raw, 6), np.tile(y, 6), customers=np.tile(np.arange(500), 6))
    alone = fit_calibrator(np.tile(raw, 6), np.tile(y, 6))
    assert six.variance[0] == pytest.approx(once.variance[0], rel=0.15)  # the prior weighs less
    assert alone.variance[0] < 0.3 * six.variance[0]


def scored(rows: int, *, slope: float, intercept: float) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    raw = rng.normal(0, 1, rows)
    return raw, (rng.random(rows) < 1 / (1 + np.exp(-(intercept + slope * raw)))).astype(float)
