"""Gamma-gamma: it finds what values were made with, and draws who bought little towards all others."""

from __future__ import annotations

from dataclasses import astuple
from itertools import product

import numpy as np
import pytest
from benchmarks.btyd_speed import mean_values
from scipy.special import gammaln

from smartaccounts.rankers.base import Floats
from smartaccounts.rankers.gamma_gamma import GammaGamma, fit_gamma_gamma
from smartaccounts.rankers.likelihood import NotFoundError

TRUTH = GammaGamma(p=2.5, q=3.5, gamma=400.0)


@pytest.fixture(scope="module")
def bought() -> tuple[Floats, Floats]:
    rng = np.random.default_rng(2)
    purchases = rng.integers(1, 15, 6000).astype(float)
    return purchases, mean_values(TRUTH, purchases, rng)


def test_it_finds_what_the_values_were_made_with(bought: tuple[Floats, Floats]) -> None:
    assert astuple(fit_gamma_gamma(*bought)) == pytest.approx(astuple(TRUTH), rel=0.1)


def test_no_other_parameters_near_are_likelier(bought: tuple[Floats, Floats]) -> None:
    purchases, mean = bought

    def likelihood(p: float, q: float, gamma: float) -> float:
        each = (
            gammaln(p * purchases + q) - gammaln(p * purchases) - gammaln(q) + q * np.log(gamma)
            + (p * purchases - 1) * np.log(mean) + p * purchases * np.log(purchases)
            - (p * purchases + q) * np.log(gamma + purchases * mean)
        )  # fmt: skip
        return float(each.sum())

    found = astuple(fit_gamma_gamma(purchases, mean))
    best = likelihood(*found)
    for i, factor in product(range(3), (0.97, 1.03)):
        values = list(found)
        values[i] *= factor
        assert likelihood(*values) < best


def test_order_changes_no_bit_and_money_nothing_but_gamma(bought: tuple[Floats, Floats]) -> None:
    purchases, mean = bought
    found = fit_gamma_gamma(purchases, mean)
    order = np.random.default_rng(0).permutation(len(mean))
    assert fit_gamma_gamma(purchases[order], mean[order]) == found
    dear = fit_gamma_gamma(purchases, mean * 1000)
    assert (dear.p, dear.q, dear.gamma / 1000) == pytest.approx(astuple(found), rel=1e-4)


def test_the_expected_value_lies_between_the_own_mean_and_that_of_all() -> None:
    everybody = TRUTH.p * TRUTH.gamma / (TRUTH.q - 1)
    purchases = np.array([1.0, 5.0, 50.0, 5000.0])
    value = TRUTH.expected(purchases, np.full(4, 3 * everybody))
    assert (np.diff(value) > 0).all()
    assert value[0] > everybody
    assert value[-1] == pytest.approx(3 * everybody, rel=1e-3)
    assert TRUTH.expected(np.array([1.0, 9.0]), np.array([everybody] * 2)) == pytest.approx([everybody] * 2)


def test_values_that_are_all_equal_have_no_likeliest_spread() -> None:
    with pytest.raises(NotFoundError, match="at the bounds of the search"):
        fit_gamma_gamma(np.full(200, 3.0), np.full(200, 20.0), prior=0.1)
