"""Concentration: shares of the largest, and what the list would make of them."""

from __future__ import annotations

import numpy as np
import pytest
from tests.unit.growth_list.accounts import accounts

from smartaccounts.growth_list.concentration import concentration, delivered, today
from smartaccounts.growth_list.facts import Concentration


def test_shares_of_equals_are_those_of_their_number() -> None:
    found = concentration(np.full(20, 3.0))
    assert found is not None
    assert (found.largest_1, found.largest_5, found.largest_10, found.hhi) == pytest.approx((0.05, 0.25, 0.5, 0.05))


def test_one_customer_has_it_all_and_returns_are_nothing() -> None:
    assert concentration(np.array([7.0, -2.0, 0.0])) == Concentration(1.0, 1.0, 1.0, 1.0)
    assert concentration(np.array([-2.0, 0.0])) is None
    assert concentration(np.array([])) is None


def test_order_and_currency_are_irrelevant() -> None:
    spend = np.random.default_rng(0).gamma(0.5, 100, 200)
    one, other = concentration(spend), concentration(spend[::-1] * 7)
    assert one is not None
    assert other is not None
    assert vars(one) == pytest.approx(vars(other))


def test_the_list_spreads_spend_by_chance_and_gain() -> None:
    customers = accounts({"spend_h": 200.0}, {"spend_h": 20.0, "probability": 0.5}, {"spend_h": 20.0})
    now, then = today(customers), delivered(customers, customers.iloc[[1]])
    assert now is not None
    assert then is not None
    assert now.largest_1 == pytest.approx(200 / 240)
    assert then.largest_1 == pytest.approx(200 / (240 + 0.5 * 105))
    assert delivered(customers, customers.head(0)) == now
    assert delivered(customers, customers.assign(probability=np.nan)) is None
