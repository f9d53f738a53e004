"""BG/NBD: its derivatives, its expectation against an integral, and that it finds what histories were made with."""

from __future__ import annotations

from dataclasses import astuple
from itertools import product

import numpy as np
import pytest
from benchmarks.btyd_speed import histories
from scipy.special import hyp2f1

from smartaccounts.rankers import bgnbd
from smartaccounts.rankers.base import Floats
from smartaccounts.rankers.bgnbd import BgNbd, Histories, fit_bgnbd
from smartaccounts.rankers.likelihood import NotFoundError

TRUTH = BgNbd(r=0.9, alpha=40.0, a=0.6, b=3.0)


@pytest.fixture(scope="module")
def seen() -> Histories:
    return histories(TRUTH, 8000, np.random.default_rng(3))


def one(x: float, t_x: float, age: float) -> Histories:
    return Histories(np.array([x]), np.array([t_x]), np.array([age]))


def ordered(seen: Histories, order: Floats) -> Histories:
    return Histories(*(values[order] for values in (seen.x, seen.t_x, seen.T)))


# the fit


def test_it_finds_what_the_histories_were_made_with(seen: Histories) -> None:
    found = fit_bgnbd(seen)
    assert found.r == pytest.approx(TRUTH.r, rel=0.1)
    assert found.alpha == pytest.approx(TRUTH.alpha, rel=0.1)
    assert found.a / (found.a + found.b) == pytest.approx(TRUTH.a / (TRUTH.a + TRUTH.b), rel=0.1)
    assert found.a == pytest.approx(TRUTH.a, rel=0.25)


def test_no_other_parameters_near_are_likelier(seen: Histories) -> None:
    found = fit_bgnbd(seen)
    best = found.log_likelihood(seen)
    for i, factor in product(range(4), (0.97, 1.03)):
        values = list(astuple(found))
        values[i] *= factor
        assert BgNbd(*values).log_likelihood(seen) < best


def test_the_order_of_customers_changes_no_bit(seen: Histories) -> None:
    order = np.random.default_rng(0).permutation(len(seen.x))
    assert fit_bgnbd(ordered(seen, order)) == fit_bgnbd(seen)


def test_the_unit_of_time_changes_nothing_but_alpha(seen: Histories) -> None:
    days = fit_bgnbd(seen)
    weeks = fit_bgnbd(Histories(seen.x, seen.t_x / 7, seen.T / 7))
    assert (weeks.r, weeks.alpha * 7, weeks.a, weeks.b) == pytest.approx(astuple(days), rel=1e-4)


def test_equal_histories_count_as_often_as_they_come() -> None:
    seen = Histories(np.array([2.0, 0.0, 2.0]), np.array([9.0, 0.0, 9.0]), np.array([10.0, 5.0, 10.0]))
    rows, counts = seen.distinct()
    assert (rows.x.tolist(), counts.tolist()) == ([0.0, 2.0], [1.0, 2.0])
    assert TRUTH.log_likelihood(rows, counts) == pytest.approx(TRUTH.log_likelihood(seen))


def test_where_nobody_is_seen_to_stop_only_a_prior_gives_an_answer() -> None:
    rng = np.random.default_rng(1)
    age = rng.integers(100, 400, 500).astype(float)
    x = rng.poisson(age / 20).astype(float)
    seen = Histories(x, np.where(x > 0, age, 0.0), age)  # everybody bought to the last day
    with pytest.raises(NotFoundError, match="at the bounds of the search"):
        fit_bgnbd(seen)
    found = fit_bgnbd(seen, prior=0.1)
    assert found.a / (found.a + found.b) < 0.01
    assert found.expected(seen, 20.0) == pytest.approx((found.r + x) / (found.alpha + age) * 20, rel=0.02)


def test_derivatives_are_those_of_the_log_likelihood(seen: Histories) -> None:
    few = ordered(seen, np.arange(200))
    values = np.array([0.7, 30.0, 0.4, 2.0])
    slopes = bgnbd._terms(values, few)[1].sum(axis=1)
    for i in range(4):
        step = np.zeros(4)
        step[i] = 1e-5 * values[i]
        up, down = (bgnbd._terms(values + s, few)[0].sum() for s in (step, -step))
        assert slopes[i] == pytest.approx((up - down) / (2 * step[i]), rel=1e-5)


# what to expect


def integral(model: BgNbd, x: float, age: float, ahead: float) -> float:
    """Return the purchases to expect of a customer that has not stopped: its rate, summed over the time ahead.

    E[lambda exp(-lambda p s)] over Gamma(r + x, alpha + T) and Beta(a, b + x), in which no term is large or negative.
    """
    nodes, weights = np.polynomial.legendre.leggauss(60)
    s = (nodes + 1) / 2 * ahead
    z = s / (model.alpha + age + s)
    going = (1 - z) ** model.a * hyp2f1(model.a + model.b - model.r - 1, model.a, model.a + model.b + x, z)
    return float((weights * (model.r + x) / (model.alpha + age) * going).sum() * ahead / 2)


@pytest.mark.parametrize("a", [0.01, 0.4, 1.0, 1 + 1e-7, 2.5])
@pytest.mark.parametrize("b", [0.3, 0.6, 3.0, 500.0])
def test_the_expectation_is_that_of_the_integral_however_often_a_customer_bought(a: float, b: float) -> None:
    for r, alpha in ((0.2, 5.0), (3.0, 60.0)):
        model = BgNbd(r, alpha, a, b)
        for x, age in ((0, 50.0), (1, 50.0), (5, 400.0), (200, 650.0), (3000, 2000.0)):
            seen = one(x, age if x else 0.0, age)
            expected = integral(model, x, age, 182.0) * model.alive(seen)[0]
            assert model.expected(seen, 182.0)[0] == pytest.approx(expected, rel=2e-5)


def test_alive_is_bayes_rule_of_the_two_ways_a_history_can_come_about() -> None:
    x, t_x, age = 3.0, 60.0, 100.0
    odds = TRUTH.a / (TRUTH.b + x - 1) * ((TRUTH.alpha + age) / (TRUTH.alpha + t_x)) ** (TRUTH.r + x)
    assert TRUTH.alive(one(x, t_x, age))[0] == pytest.approx(1 / (1 + odds))
    assert TRUTH.alive(one(0, 0, age))[0] == 1
    assert TRUTH.alive(one(3000, 10, 2000))[0] == pytest.approx(0, abs=1e-100)


def test_who_bought_more_often_up_to_now_is_expected_to_buy_more() -> None:
    x = np.arange(0.0, 60.0)
    lately = TRUTH.expected(Histories(x, np.where(x > 0, 300.0, 0.0), np.full(60, 300.0)), 182)
    assert (np.diff(lately[1:]) > 0).all()


def test_who_bought_often_and_then_paused_is_expected_to_buy_less() -> None:
    last = np.linspace(10, 300, 30)
    expected = TRUTH.expected(Histories(np.full(30, 8.0), last, np.full(30, 300.0)), 182)
    assert (np.diff(expected) > 0).all()


def test_more_time_holds_more_purchases_and_no_time_none() -> None:
    seen = one(4, 200, 250)
    counts = [float(TRUTH.expected(seen, t)[0]) for t in (0, 1, 30, 182, 2000)]
    assert counts[0] == 0
    assert (np.diff(counts) > 0).all()


def test_customers_bought_on_average_as_often_as_was_expected_of_them_at_first() -> None:
    seen = histories(TRUTH, 40_000, np.random.default_rng(5))
    ages, whose = np.unique(seen.T, return_inverse=True)
    expected = np.array([TRUTH.expected(one(0, 0, 0), age)[0] for age in ages])[whose]
    assert seen.x.mean() == pytest.approx(expected.mean(), rel=0.03)
