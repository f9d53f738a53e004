"""Peers: ranks within the market, the market itself, and the same customer elsewhere."""

from __future__ import annotations

import math

import pytest
from tests.unit.features.conftest import Features


def line(customer: str, amount: float, market: str = "", day: str = "2020-05-20") -> dict[str, object]:
    return {"customer_id": customer, "market": market, "amount": amount, "day": day}


def test_a_rank_is_the_share_of_the_others_that_spent_less(features: Features) -> None:
    rows = [line("a", 10.0), line("b", 30.0), line("c", 30.0), line("d", 90.0)]
    found = features(rows, "2020-06-01")  # and "old", who spent nothing
    assert found["rank_spend_365d"].to_dict() == {"old": 0, "a": 0.25, "b": 0.5, "c": 0.5, "d": 1}
    assert found.loc["d", "spend_to_mean_365d"] == 90 / (160 / 5)
    assert (found["market_customers"] == 4).all()
    assert (found["market_young_share_182d"] == 1).all()
    assert found.loc["d", "history_days"] == 1978


def test_ranks_stay_within_the_market(features: Features) -> None:
    rows = [line("a", 10.0, "x"), line("b", 20.0, "x"), line("c", 1.0, "y"), line("d", 2.0, "y")]
    found = features(rows, "2020-06-01")
    assert found.loc[("x", "a"), "rank_spend_365d"] == found.loc[("y", "c"), "rank_spend_365d"] == 0
    assert found.loc[("x", "b"), "rank_spend_365d"] == found.loc[("y", "d"), "rank_spend_365d"] == 1


def test_the_same_customer_elsewhere(features: Features) -> None:
    rows = [line("a", 10.0, "x"), line("b", 30.0, "x"), line("a", 90.0, "y"), line("c", 10.0, "y")]
    found = features(rows, "2020-06-01")
    a = found.loc[("x", "a")]
    assert a["markets_elsewhere"] == 1
    assert a["rank_elsewhere_365d"] == 1
    assert a["size_elsewhere_365d"] == pytest.approx(90 / 50)
    assert found.loc[("y", "a"), "size_elsewhere_365d"] == pytest.approx(10 / 20)
    assert found.loc[("x", "b"), "markets_elsewhere"] == 0
    assert math.isnan(found.loc[("x", "b"), "rank_elsewhere_365d"])


def test_a_market_without_spend_elsewhere_counts_nothing(features: Features) -> None:
    rows = [line("a", 10.0, "x", "2019-12-01"), line("a", 5.0, "y", "2019-12-01"), line("a", 5.0, "z", "2018-01-01")]
    found = features(rows, "2020-06-01").xs("a", level="customer_id")
    assert found["size_elsewhere_91d"].tolist() == [0, 0, 0]
    assert found["size_elsewhere_365d"].tolist() == [1, 1, 2]


def test_growth_and_season_of_the_market(features: Features) -> None:
    rows = [
        line("a", 30.0),  # the last 182 days
        line("b", 20.0, day="2019-09-01"),  # the 182 before; a year ago: ahead
        line("b", 50.0, day="2019-03-01"),  # a year ago: behind
    ]
    found = features(rows, "2020-06-01")
    assert (found["market_growth_182d"] == 30 / 20).all()
    assert (found["market_season_182d"] == 20 / 50).all()
    assert (found["market_ahead_to_now_182d"] == 20 / 30).all()
    young = features(rows[:2], "2020-06-01", old=False)
    assert young[["market_growth_182d", "market_season_182d"]].isna().all(axis=None)
