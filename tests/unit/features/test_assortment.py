"""Assortment: counting products, and the sign of affinity."""

from __future__ import annotations

import math

import pytest
from tests.unit.features.conftest import Features


def line(customer: str, product: str | None, amount: float = 10.0, day: str = "2020-05-20") -> dict[str, object]:
    return {"customer_id": customer, "product_id": product, "amount": amount, "day": day}


def test_products_in_windows_new_and_repeated(features: Features) -> None:
    rows = [
        line("a", "old", day="2019-06-01"),  # as_of - 366
        line("a", "tap", day="2019-06-02"),
        line("a", "tap", day="2020-05-30"),
        line("a", "new", day="2020-05-30"),
        line("a", "returned", -10.0),
        line("a", None),
    ]
    a = features(rows, "2020-06-01").loc["a"]
    assert [a[f"products_{d}d"] for d in (30, 91, 182, 365)] == [2, 2, 2, 2]
    assert [a[f"products_new_{d}d"] for d in (30, 91, 182)] == [1, 1, 1]
    assert a["products_repeated_share_365d"] == 0.5
    assert a["product_largest_share_365d"] == 20 / 30


def test_affinity_is_above_zero_for_what_large_accounts_buy(features: Features) -> None:
    # ten customers: "big" is the top tenth; it buys the pump, most others the screw
    rows = [line("big", "pump", 1000.0), line("like big", "pump", 10.0)]
    rows += [line(f"small {n}", "screw", 20.0 + n) for n in range(8)]
    found = features(rows, "2020-06-01")
    share = 1 / 10
    assert found.loc["like big", "affinity_365d"] == pytest.approx(math.log((1 + 10 * share) / (2 + 10) / share))
    assert found.loc["like big", "affinity_365d"] > 0
    assert found.loc["small 3", "affinity_365d"] == pytest.approx(math.log(10 * share / (8 + 10) / share))
    assert found.loc["small 3", "affinity_365d"] < 0
    assert math.isnan(found.loc["old", "affinity_365d"])
    for name in ("affinity_sum_365d", "affinity_highest_365d", "affinity_91d", "affinity_new_91d"):
        assert found.loc["like big", name] == pytest.approx(found.loc["like big", "affinity_365d"]), name


def test_affinity_of_recent_and_new_products_looks_at_them_only(features: Features) -> None:
    rows = [line("big", "pump", 1000.0), line("a", "screw", 30.0, day="2019-09-01"), line("a", "pump", 1.0)]
    rows += [line(f"small {n}", "screw", 20.0 + n) for n in range(8)]
    a = features(rows, "2020-06-01").loc["a"]
    assert a["affinity_highest_365d"] == pytest.approx(a["affinity_91d"])
    assert a["affinity_91d"] == pytest.approx(a["affinity_new_91d"])
    assert a["affinity_365d"] < 0.5 * a["affinity_91d"]
    assert a["affinity_sum_365d"] == pytest.approx(2 * a["affinity_365d"])


def test_top_products_are_the_tenth_with_most_buyers(features: Features) -> None:
    rows = [line("a", f"p{n}") for n in range(10)] + [line("b", "p3"), line("c", "p3")]
    found = features(rows, "2020-06-01")
    assert found.loc["b", "share_top_products_365d"] == 1
    assert found.loc["a", "share_top_products_365d"] == pytest.approx(1 / 10)


def test_categories(features: Features) -> None:
    rows = [
        line("a", "x", 30.0) | {"category": "tools"},
        line("a", "y", 10.0, day="2019-09-01") | {"category": "paint"},
        line("a", "z", 10.0, day="2019-05-01") | {"category": "garden"},
        line("a", "z", 10.0),
    ]
    a = features(rows, "2020-06-01").loc["a"]
    assert (a["categories_365d"], a["categories_91d"], a["category_largest_share_365d"]) == (2, 1, 0.75)


def test_without_products_there_are_none(features: Features) -> None:
    a = features([line("a", None)], "2020-06-01").loc["a"]
    assert a["products_365d"] == 0
    assert math.isnan(a["affinity_365d"])
    assert math.isnan(a["share_top_products_365d"])
