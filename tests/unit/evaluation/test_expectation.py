"""How many key accounts to expect: the mean is the sum, and the range holds what it says, drawn or counted out."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit
from scipy.stats import binom

from smartaccounts.config import Target
from smartaccounts.evaluation.backtest import Backtest
from smartaccounts.evaluation.expectation import EXACT_ROWS, expectation, stated
from smartaccounts.evaluation.walk import Tested as Walked
from smartaccounts.rankers.base import Scores
from smartaccounts.rankers.calibration import Calibrator
from smartaccounts.timeline import Fold


def test_without_any_doubt_of_the_level_it_is_the_binomial_distribution() -> None:
    p = np.full(50, 0.2)
    found = expectation(p, p, p)
    assert found.mean == pytest.approx(10)
    assert (found.low, found.high) == (binom.ppf(0.1, 50, 0.2), binom.ppf(0.9, 50, 0.2))


@pytest.mark.parametrize("rows", [50, EXACT_ROWS + 300])
@pytest.mark.parametrize("drift", [0.0, 0.3, 0.8])
def test_the_range_holds_four_of_five_drawn_half_years(rows: int, drift: float) -> None:
    rng = np.random.default_rng(0)
    raw = rng.normal(-2, 1, rows)
    calibrator = Calibrator(0.0, 1.0, drift=drift)
    found = expectation(calibrator.probability(raw), *calibrator.bounds(raw))
    levels = drift * rng.normal(size=(4000, 1))
    came = (rng.random((4000, rows)) < expit(raw + levels)).sum(axis=1)
    held = np.mean((came >= found.low) & (came <= found.high))
    assert 0.78 < held < 0.93  # whole numbers hold a little more than was asked


def test_the_more_doubtful_the_wider() -> None:
    p = np.linspace(0.01, 0.4, 50)
    sure, doubtful = (expectation(p, expit(logit(p) - d), expit(logit(p) + d)) for d in (0.1, 1.0))
    assert doubtful.high - doubtful.low > sure.high - sure.low
    assert sure.mean == doubtful.mean == pytest.approx(p.sum())


def test_an_empty_list_expects_nobody() -> None:
    empty = np.zeros(0)
    found = expectation(empty, empty, empty)
    assert (found.mean, found.low, found.high) == (0.0, 0, 0)


def test_what_was_stated_is_laid_beside_what_came() -> None:
    y = np.array([1.0, 0, 0, 1, 0, 0])
    rows = pd.DataFrame({"as_of": pd.Timestamp(2020, 1, 1), "market": "", "customer_id": list("abcdef"), "target": y})
    p = np.array([0.5, 0.4, 0.3, 0.2, 0.1, 0.05])
    scores = {"growth": Scores(p, p, p * 0.9, p * 1.1), "past_h": Scores(p)}
    fold = Walked(Fold((), date(2020, 1, 1), 182), rows, scores, {}, {}, 0, None)
    (said,) = stated(Backtest("shop", Target(), 2, (fold,), None))["growth"]
    assert (said.came, said.came_first) == (2, 1)
    assert said.everybody.mean == pytest.approx(p.sum())
    assert said.first.mean == pytest.approx(0.9)
    assert said.first.holds(1)
    assert set(stated(Backtest("shop", Target(), 2, (fold,), None))) == {"growth"}
