"""Rhythm: what is one order, and how regularly they come."""

from __future__ import annotations

import math
from datetime import date, timedelta

import pytest
from tests.unit.features.conftest import Features


def line(order: str, day: str, known: str | None = None, amount: float = 10.0) -> dict[str, object]:
    return {"customer_id": "a", "order_id": order, "day": day, "known_day": known or day, "amount": amount}


def test_an_order_of_several_lines_and_days_is_one_order(features: Features) -> None:
    rows = [line("1", "2020-05-01"), line("1", "2020-05-01"), line("1", "2020-05-20"), line("2", "2020-05-20")]
    a = features(rows, "2020-06-01").loc["a"]
    assert (a["orders_total"], a["lines_91d"], a["lines_per_order_365d"]) == (2, 4, 2)
    assert a["orders_30d"] == 1  # order 1 counts on its first day only


def test_an_order_counts_on_the_day_of_what_was_known_of_it_first(features: Features) -> None:
    rows = [line("1", "2020-05-20"), line("1", "2020-03-01", known="2020-05-25")]
    a = features(rows, "2020-06-01").loc["a"]
    assert (a["orders_30d"], a["orders_91d"], a["lines_91d"]) == (1, 1, 1)
    assert a["orders_total"] == 1


def test_the_same_order_number_of_two_customers_is_two_orders(features: Features) -> None:
    rows = [line("1", "2020-05-01"), line("1", "2020-05-01") | {"customer_id": "b"}]
    assert features(rows, "2020-06-01").loc[["a", "b"], "orders_total"].tolist() == [1, 1]


def test_without_order_numbers_a_day_is_an_order(features: Features) -> None:
    rows = [{"customer_id": "a", "day": d, "amount": 1.0} for d in ("2020-05-01", "2020-05-01", "2020-05-02")]
    assert features(rows, "2020-06-01").loc["a", "orders_total"] == 2


def test_windows_of_orders(features: Features) -> None:
    as_of = date(2020, 6, 1)
    rows = [line(str(n), str(as_of - timedelta(days=n))) for n in (1, 30, 31, 91, 92, 182, 183, 365, 366, 730, 731)]
    a = features(rows, str(as_of)).loc["a"]
    assert [a[f"orders_{d}d"] for d in (30, 91, 182, 365, 730)] == [2, 4, 6, 8, 10]
    assert [a[f"orders_prior_{d}d"] for d in (91, 182, 365)] == [2, 1, 2]
    assert a["orders_total"] == 11
    decayed = sum(math.exp(-n / 60) for n in (1, 30, 31, 91, 92, 182, 183, 365, 366, 730, 731))
    assert a["orders_decay_60d"] == pytest.approx(decayed, rel=1e-12)


def test_gaps_between_purchase_days(features: Features) -> None:
    rows = [line(str(d), d) for d in ("2020-05-02", "2020-05-12", "2020-05-16")]
    rows += [line("back", "2020-05-30", amount=-5.0), line("free", "2020-05-31", amount=0.0)]  # no purchases
    a = features(rows, "2020-06-01").loc["a"]
    assert (a["tenure_days"], a["recency_days"]) == (30, 16)
    assert (a["gap_mean_days"], a["gap_largest_days"]) == (7, 10)
    assert a["gap_std_days"] == pytest.approx(math.sqrt(18))
    assert a["gap_variation"] == pytest.approx(math.sqrt(18) / 7)
    assert a["overdue"] == pytest.approx(16 / 7)
    assert (a["purchase_days_365d"], a["purchase_months_365d"], a["purchase_months_182d"]) == (3, 1, 1)


def test_one_purchase_has_no_rhythm(features: Features) -> None:
    a = features([line("1", "2020-05-02")], "2020-06-01").loc["a"]
    for name in ("gap_mean_days", "gap_std_days", "gap_largest_days", "gap_variation", "overdue"):
        assert math.isnan(a[name]), name
    assert a["recency_days"] == 30


def test_recent_gaps_are_those_that_ended_in_the_last_182_days(features: Features) -> None:
    rows = [line(d, d) for d in ("2019-01-01", "2019-12-01", "2020-05-01", "2020-05-11")]
    a = features(rows, "2020-06-01").loc["a"]  # as_of - 182 = 2019-12-02
    assert a["gap_mean_recent_days"] == (152 + 10) / 2
    old = features(rows[:2], "2020-06-01").loc["a"]
    assert math.isnan(old["gap_mean_recent_days"])
