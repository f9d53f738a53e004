"""Outcome and target: what makes a key account, and when the answer is not there yet."""

from __future__ import annotations

from datetime import date, timedelta

import pandas as pd
import pytest
from tests.conftest import MakeLines

from smartaccounts.config import Target
from smartaccounts.target import complete, grown, outcome
from smartaccounts.timeline import day_number

AS_OF = date(2020, 6, 1)
TARGET = Target(key_spend=100.0, small_spend=50.0, min_active=2)
END = {"customer_id": "end", "day": "2021-06-01", "amount": 1.0}


def ahead(order_lines: MakeLines, *lines: tuple[str, float], known_before: date | None = None) -> tuple[float, int]:
    """Return spend and months of customer a."""
    rows = [{"customer_id": "a", "day": day, "amount": amount} for day, amount in lines]
    found = outcome(order_lines([*rows, END]), [AS_OF], horizon_days=182, known_before=known_before)
    a = found[found["customer_id"] == "a"]
    return (a["spend_ahead"].item(), a["months_ahead"].item()) if len(a) else (0.0, 0)


def is_key(spend: float, months: int, key: float | None = 100.0, target: Target = TARGET) -> float | None:
    value = grown(pd.Series([spend]), pd.Series([months]), pd.Series([key], dtype=float), target).item()
    return None if pd.isna(value) else value


def test_the_horizon_begins_on_as_of_and_ends_before_its_last_day(order_lines: MakeLines) -> None:
    lines = (("2020-05-31", 1.0), ("2020-06-01", 10.0), ("2020-11-29", 100.0), ("2020-11-30", 1000.0))
    assert ahead(order_lines, *lines) == (110, 2)  # 2020-11-30 is as_of + 182


def test_exactly_k_is_key() -> None:
    assert is_key(100.0, 2) == 1
    assert is_key(99.999999, 2) == 0


def test_ten_times_ten_is_exactly_a_hundred(order_lines: MakeLines) -> None:
    spend, months = ahead(order_lines, *[("2020-07-01", 0.1)] * 999, ("2020-08-01", 0.1))
    assert (spend, months) == (100.0, 2)
    assert is_key(spend, months) == 1


def test_two_lines_in_one_month_are_not_sustained(order_lines: MakeLines) -> None:
    one_month = ahead(order_lines, ("2020-07-01", 100.0), ("2020-07-31", 100.0))
    assert one_month == (200, 1)
    assert is_key(*one_month) == 0
    two_months = ahead(order_lines, ("2020-07-31", 100.0), ("2020-08-01", 100.0))
    assert two_months == (200, 2)
    assert is_key(*two_months) == 1
    assert is_key(*one_month, target=TARGET.model_copy(update={"sustained_months": 1})) == 1


def test_the_same_month_of_two_years_is_two_months(order_lines: MakeLines) -> None:
    rows = [{"customer_id": "a", "day": d, "amount": 1.0} for d in ("2020-06-05", "2021-06-05")]
    found = outcome(order_lines([*rows, END | {"day": "2022-01-01"}]), [AS_OF], horizon_days=400)
    assert found.set_index("customer_id").loc["a", "months_ahead"] == 2


def test_returns_are_taken_off(order_lines: MakeLines) -> None:
    spend, months = ahead(order_lines, ("2020-07-01", 100.0), ("2020-08-01", 50.0), ("2020-09-01", -51.0))
    assert (spend, months) == (99, 3)


def test_without_a_k_there_is_no_answer() -> None:
    assert is_key(1e9, 6, key=None) is None


def test_lines_known_too_late_do_not_count(order_lines: MakeLines) -> None:
    rows = [
        {"customer_id": "a", "day": "2020-07-01", "amount": 10.0},
        {"customer_id": "a", "day": "2020-08-01", "known_day": "2020-12-01", "amount": 100.0},
        {"customer_id": "late", "day": "2020-08-01", "known_day": "2020-12-01", "amount": 100.0},
        END,
    ]
    known = outcome(order_lines(rows), [AS_OF], horizon_days=182, known_before=date(2020, 12, 1))
    assert known.set_index("customer_id")["spend_ahead"].to_dict() == {"a": 10}
    later = outcome(order_lines(rows), [AS_OF], horizon_days=182, known_before=date(2020, 12, 2))
    assert later.set_index("customer_id")["spend_ahead"].to_dict() == {"a": 110, "late": 100}


@pytest.mark.parametrize(
    ("known_before", "last_line", "over"),
    [
        (date(2020, 11, 30), date(2020, 9, 1), True),  # training: the calendar decides, whatever the last line is
        (date(2020, 11, 29), date(2022, 1, 1), False),
        (None, date(2020, 11, 29), True),  # test: the last line is on the horizon's last day
        (None, date(2020, 11, 28), False),
    ],
)
def test_when_the_horizon_is_over(
    order_lines: MakeLines, known_before: date | None, last_line: date, over: bool
) -> None:
    found = complete([AS_OF], horizon_days=182, known_before=known_before, last_day=day_number(last_line))
    assert found == ([AS_OF] if over else [])
    rows = [{"customer_id": "a", "day": "2020-07-01", "amount": 10.0}, END | {"day": last_line}]
    assert outcome(order_lines(rows), [AS_OF], horizon_days=182, known_before=known_before).empty is not over


def test_several_dates_at_once(order_lines: MakeLines) -> None:
    rows = [{"customer_id": "a", "day": d, "amount": 10.0} for d in ("2020-06-15", "2020-07-15")]
    found = outcome(order_lines([*rows, END]), [AS_OF, date(2020, 7, 1)], horizon_days=30)
    assert found["spend_ahead"].tolist() == [10, 10]
    both = outcome(order_lines([*rows, END]), [AS_OF, date(2020, 7, 1)], horizon_days=60)
    assert both["spend_ahead"].tolist() == [20, 10]


@pytest.mark.parametrize("horizon_days", [7, 91, 1095])
def test_dates_whose_horizons_cut_months_and_each_other_get_what_each_gets_alone(
    order_lines: MakeLines, horizon_days: int
) -> None:
    first = date(1968, 11, 15)  # before 1970 too
    days = [first + timedelta(days=5 * i) for i in range(330)]
    bought = [(("a", "b", "ab")[i % 3], d, 1 + i / 8) for i, d in enumerate(days)]
    markets = {"a": "south", "b": "", "ab": "north"}  # their order is not that of the customers
    rows = [{"customer_id": c, "market": markets[c], "day": d, "amount": amount} for c, d, amount in bought]
    lines = order_lines(rows)
    dates = [first + timedelta(days=d) for d in (0, 3, 16, 40, 91, 440)]
    together = outcome(lines, dates, horizon_days=horizon_days)
    alone = pd.concat([outcome(lines, [d], horizon_days=horizon_days) for d in dates], ignore_index=True)
    pd.testing.assert_frame_equal(together, alone)
    pd.testing.assert_frame_equal(together, together.sort_values(["as_of", "market", "customer_id"]))
    pd.testing.assert_frame_equal(together, outcome(lines, dates[::-1] * 2, horizon_days=horizon_days))
    a = together[(together["customer_id"] == "a") & (together["as_of"] == str(first))]
    ahead = [(d, amount) for c, d, amount in bought if c == "a" and d < first + timedelta(days=horizon_days)]
    assert a["spend_ahead"].item() == sum(amount for _, amount in ahead)
    assert a["months_ahead"].item() == len({(d.year, d.month) for d, _ in ahead})
