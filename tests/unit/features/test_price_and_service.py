"""Price, discount, margin, returns, channels."""

from __future__ import annotations

import math

import pytest
from tests.unit.features.conftest import Features


def line(customer: str, **columns: object) -> dict[str, object]:
    return {"customer_id": customer, "day": "2020-05-20", "product_id": "tap", "amount": 10.0} | columns


def test_price_and_quantity_against_the_market_in_logs(features: Features) -> None:
    rows = [
        line("dear", unit_price=4.0, quantity=8.0),
        line("cheap", unit_price=1.0, quantity=2.0),
        line("none"),
    ]
    found = features(rows, "2020-06-01")
    assert found.loc["dear", "price_position_365d"] == pytest.approx(math.log(2))
    assert found.loc["cheap", "price_position_mean_365d"] == pytest.approx(-math.log(2))
    assert found.loc["dear", "quantity_position_91d"] == pytest.approx(math.log(2))
    assert math.isnan(found.loc["none", "price_position_365d"])


def test_price_position_is_weighted_by_purchases(features: Features) -> None:
    rows = [
        line("a", unit_price=4.0, amount=30.0),
        line("b", unit_price=1.0),
        line("a", product_id="screw", unit_price=1.0, amount=10.0),
        line("b", product_id="screw", unit_price=4.0),
    ]
    a = features(rows, "2020-06-01").loc["a"]
    assert a["price_position_mean_365d"] == pytest.approx(0, abs=1e-8)
    assert a["price_position_365d"] == pytest.approx(math.log(2) * (30 - 10) / 40)


def test_discount_counts_lines_with_a_list_price(features: Features) -> None:
    rows = [
        line("a", amount=90.0, quantity=10.0, list_price=10.0),
        line("a", amount=70.0, quantity=10.0, list_price=10.0, day="2019-12-01"),
        line("a", amount=500.0, quantity=10.0),
        line("a", amount=-90.0, quantity=-10.0, list_price=10.0),
    ]
    a = features(rows, "2020-06-01").loc["a"]
    assert a["discount_share_91d"] == pytest.approx(0.10)
    assert a["discount_share_365d"] == pytest.approx(0.20)


def test_margin_takes_returns_off(features: Features) -> None:
    rows = [
        line("a", amount=100.0, quantity=10.0, cost=6.0),
        line("a", amount=-20.0, quantity=-2.0, cost=6.0),
        line("a", amount=500.0),
    ]
    a = features(rows, "2020-06-01").loc["a"]
    assert a["margin_365d"] == 80 - 48
    assert a["margin_share_365d"] == pytest.approx(0.4)


def test_returns_and_channels(features: Features) -> None:
    rows = [
        line("a", amount=60.0, channel="Web"),
        line("a", amount=40.0, channel="EDI", day="2019-12-01"),
        line("a", amount=100.0, channel="phone", day="2019-12-01"),
        line("a", amount=200.0, channel=None),
        line("a", amount=-50.0, channel="web"),
        line("only back", amount=-50.0),
    ]
    found = features(rows, "2020-06-01")
    a = found.loc["a"]
    assert (a["share_digital_365d"], a["share_digital_91d"]) == (0.5, 1.0)
    assert (a["returns_share_365d"], a["return_lines_365d"]) == (0.125, 1)
    assert math.isnan(found.loc["only back", "returns_share"])
    assert found.loc["only back", "return_lines_365d"] == 1
