"""Spend: what lies in a window, and what was known of it."""

from __future__ import annotations

import math

import pytest
from tests.unit.features.conftest import Features


def test_a_window_begins_on_its_first_day_and_ends_before_as_of(features: Features) -> None:
    rows = [
        {"customer_id": "a", "day": "2020-05-01", "amount": 1.0},  # as_of - 31
        {"customer_id": "a", "day": "2020-05-02", "amount": 10.0},  # as_of - 30
        {"customer_id": "a", "day": "2020-05-31", "amount": 100.0},  # as_of - 1
        {"customer_id": "a", "day": "2020-06-01", "amount": 1000.0},  # as_of
    ]
    a = features(rows, "2020-06-01").loc["a"]
    assert a["spend_30d"] == 110
    assert a["spend_prior_30d"] == 1
    assert a["spend_60d"] == a["spend_total"] == 111
    assert (a["spend_block_01"], a["spend_block_02"]) == (110, 1)


def test_a_leap_day_is_a_day(features: Features) -> None:
    rows = [{"customer_id": "a", "day": "2020-01-31", "amount": 5.0}]  # 30 days before 1 March of a leap year
    assert features(rows, "2020-03-01").loc["a", "spend_30d"] == 5
    rows = [{"customer_id": "a", "day": "2019-01-30", "amount": 5.0}]
    assert features(rows, "2019-03-01").loc["a", "spend_30d"] == 5


def test_a_line_counts_from_the_day_after_it_became_known(features: Features) -> None:
    rows = [
        {"customer_id": "a", "day": "2020-05-01", "amount": 10.0},
        {"customer_id": "a", "day": "2020-05-10", "known_day": "2020-06-01", "amount": 100.0},
        {"customer_id": "late", "day": "2020-05-10", "known_day": "2020-06-01", "amount": 100.0},
    ]
    before, after = features(rows, "2020-06-01"), features(rows, "2020-06-02")
    assert before.loc["a", "spend_91d"] == 10
    assert "late" not in before.index
    assert after.loc["a", "spend_91d"] == 110
    assert after.loc["late", "spend_91d"] == 100


def test_an_order_placed_for_later_is_known_but_not_yet_spent(features: Features) -> None:
    rows = [{"customer_id": "a", "day": "2020-06-15", "known_day": "2020-05-01", "amount": 100.0}]
    a = features(rows, "2020-06-01").loc["a"]
    assert (a["spend_total"], a["orders_total"], a["lines_91d"]) == (0, 0, 0)
    assert math.isnan(a["recency_days"])


def test_returns_are_taken_off(features: Features) -> None:
    rows = [
        {"customer_id": "a", "day": "2020-05-01", "order_id": "1", "amount": 100.0},
        {"customer_id": "a", "day": "2020-05-20", "order_id": "2", "amount": -30.0},
    ]
    a = features(rows, "2020-06-01").loc["a"]
    assert (a["spend_91d"], a["spend_30d"], a["spend_block_02"]) == (70, -30, 100)
    assert a["order_first"] == a["order_last"] == 100  # the last purchase, not the return


def test_ten_times_ten_cents_is_one(features: Features) -> None:
    rows = [{"customer_id": "a", "day": "2020-05-01", "amount": 0.1}] * 10
    rows += [{"customer_id": "b", "day": "2020-05-01", "amount": v} for v in (1e9, 1e-9, -1e9)]
    found = features(rows, "2020-06-01")
    assert found.loc["a", "spend_91d"] == 1.0
    assert found.loc["b", "spend_91d"] == 0.0


def test_decayed_spend(features: Features) -> None:
    rows = [
        {"customer_id": "a", "day": "2020-05-02", "amount": 100.0},
        {"customer_id": "a", "day": "2019-06-02", "amount": 7.0},
    ]
    a = features(rows, "2020-06-01").loc["a"]
    for days in (30, 60, 120, 180, 365, 720):
        expected = 100 * math.exp(-30 / days) + 7 * math.exp(-365 / days)
        assert a[f"spend_decay_{days}d"] == pytest.approx(expected, rel=1e-12)


def test_order_sizes(features: Features) -> None:
    def line(order: str, day: str, amount: float) -> dict[str, object]:
        return {"customer_id": "a", "order_id": order, "day": day, "amount": amount}

    rows = [
        line("1", "2018-05-01", 500.0),
        line("2", "2020-05-01", 60.0),
        line("2", "2020-05-01", 40.0),
        line("3", "2020-05-20", 300.0),
        line("4", "2020-05-25", -50.0),
    ]
    a = features(rows, "2020-06-01").loc["a"]
    assert (a["order_largest"], a["order_largest_365d"]) == (500, 300)
    assert a["order_mean"] == (500 + 100 + 300 - 50) / 4
    assert a["order_mean_365d"] == a["order_mean_91d"] == (100 + 300 - 50) / 3
    assert a["order_largest_share_365d"] == 300 / 400
    assert (a["order_first"], a["order_last"]) == (500, 300)
    assert a["spend_first_90d"] == 500


def test_the_year_ago_is_unknown_where_the_source_is_younger(features: Features) -> None:
    a_year = [
        {"customer_id": "first", "day": "2019-06-02", "amount": 1.0},  # as_of - 365
        {"customer_id": "new", "day": "2020-05-01", "amount": 10.0},
    ]
    young = features([a_year[0] | {"day": "2019-06-03"}, a_year[1]], "2020-06-01", old=False)
    assert young[["spend_year_ago_ahead_91d", "spend_year_ago_ahead_182d"]].isna().all(axis=None)
    assert young["orders_year_ago_ahead_182d"].isna().all()
    reached = features(a_year, "2020-06-01", old=False)
    assert reached["spend_year_ago_ahead_182d"].to_dict() == {"first": 1, "new": 0}
    assert reached["orders_year_ago_ahead_182d"].to_dict() == {"first": 1, "new": 0}
    assert reached["spend_year_ago_behind_91d"].isna().all()
    old = features(a_year, "2020-06-01")
    assert old.loc["new", "spend_year_ago_behind_182d"] == 0


def test_the_year_ago_windows_meet_one_year_before_as_of(features: Features) -> None:
    rows = [
        {"customer_id": "a", "day": "2019-06-01", "amount": 1.0},  # as_of - 366: behind
        {"customer_id": "a", "day": "2019-06-02", "amount": 10.0},  # as_of - 365: ahead
        {"customer_id": "a", "day": "2019-08-31", "amount": 100.0},  # as_of - 275: the last of 91 days ahead
        {"customer_id": "a", "day": "2019-09-01", "amount": 1000.0},
    ]
    a = features(rows, "2020-06-01").loc["a"]
    assert (a["spend_year_ago_behind_91d"], a["spend_year_ago_behind_182d"]) == (1, 1)
    assert (a["spend_year_ago_ahead_91d"], a["spend_year_ago_ahead_182d"]) == (110, 1110)
