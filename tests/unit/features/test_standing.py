"""Who is small, key and eligible."""

from __future__ import annotations

import pytest
from tests.unit.features.conftest import Features

from smartaccounts.config import Target

# H = 100 days before 2020-06-01: [2020-02-22, 2020-06-01), and before that [2019-11-14, 2020-02-22)
NOW, BEFORE, EARLIER = "2020-05-01", "2020-01-01", "2019-08-01"
TARGET = Target(horizon_days=100, min_active=5)


def line(customer: str, amount: float, day: str = NOW, market: str = "") -> dict[str, object]:
    return {"customer_id": customer, "amount": amount, "day": day, "market": market}


def five(market: str = "") -> list[dict[str, object]]:
    return [line(f"c{n}", float(n), market=market) for n in (10, 20, 30, 40, 50)]


def test_key_and_small_are_linear_quantiles_of_the_active(features: Features) -> None:
    found = features([*five(), line("asleep", 99.0, BEFORE), line("back", -5.0)], "2020-06-01", target=TARGET)
    assert (found["key_spend"] == 46).all()  # 0.9 of the way from the 1st to the 5th: 40 + 0.6 x 10
    assert (found["small_spend"] == 42).all()
    assert found["active"].to_dict() == {
        "old": False, "c10": True, "c20": True, "c30": True, "c40": True, "c50": True, "asleep": False, "back": False,
    }  # fmt: skip


def test_eligible_is_small_now_not_key_before_and_alive(features: Features) -> None:
    rows = [
        *five(),
        line("c10", 45.999999, BEFORE),  # below K before
        line("c20", 46.0, BEFORE),  # at K before: a returning account
        line("asleep", 10.0, BEFORE),
        line("asleep longer", 10.0, EARLIER),
        line("gone", 10.0, "2019-06-01"),  # as_of - 366
        line("just alive", 10.0, "2019-06-02"),  # as_of - 365
        line("nothing left", 10.0, EARLIER),
        line("nothing left", -10.0, BEFORE),
    ]
    found = features(rows, "2020-06-01", target=TARGET)
    assert set(found.index[found["eligible"]]) == {"c10", "c30", "c40", "asleep", "asleep longer", "just alive"}


def test_at_small_spend_is_not_small(features: Features) -> None:
    rows = [line(f"c{n}", 10.0 if n < 5 else 20.0) for n in range(6)]  # S is 10: the place 0.8 x 5 is the fifth
    found = features(rows, "2020-06-01", target=TARGET)
    assert (found["small_spend"] == 10).all()
    assert not found["eligible"].any()


def test_a_market_with_too_few_active_customers_keeps_its_rows(features: Features) -> None:
    rows = [*five("large"), *five("few")[1:], line("asleep", 5.0, BEFORE, "few")]
    found = features(rows, "2020-06-01", target=TARGET, old=False)
    few = found.loc["few"]
    assert len(few) == 5
    assert few[["key_spend", "small_spend"]].isna().all(axis=None)
    assert not few["eligible"].any()
    assert few["active"].sum() == 4
    assert (few["spend_30d"].drop("asleep") == 0).all()
    assert (few["spend_60d"].drop("asleep") > 0).all()
    assert found.loc["large", "eligible"].sum() == 4


def test_fixed_amounts_take_the_place_of_quantiles(features: Features) -> None:
    target = Target(horizon_days=100, min_active=5, key_spend=1000.0, small_spend=25.5)
    found = features(five(), "2020-06-01", target=target)
    assert (found["key_spend"] == 1000).all()
    assert (found["small_spend"] == 25.5).all()
    assert set(found.index[found["eligible"]]) == {"c10", "c20"}


@pytest.mark.parametrize(("first_day", "rows"), [("2020-02-22", 6), ("2020-02-23", 0)])
def test_less_history_than_the_horizon_makes_no_rows(features: Features, first_day: str, rows: int) -> None:
    found = features([*five(), line("first", 1.0, first_day)], "2020-06-01", target=TARGET, old=False)
    assert len(found) == rows
