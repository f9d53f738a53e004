"""The quality report: each of its findings on a history small enough to count by hand."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from smartaccounts.config import pipeline_from
from smartaccounts.engine.duckdb import Engine
from smartaccounts.orders.check import Quality, check
from smartaccounts.orders.findings import Market, Pair
from smartaccounts.orders.report import as_text

TODAY = date(2026, 1, 31)
HEADER = "customer,when,order,product,n,price,land,name\n"
COLUMNS = {
    "customer_id": "customer",
    "order_date": "when",
    "order_id": "order",
    "product_id": "product",
    "quantity": "n",
    "unit_price": "price",
    "market": "land",
}

Checked = Callable[..., Quality]


@pytest.fixture
def checked(tmp_path: Path) -> Iterator[Checked]:
    """Return a check of lines given as csv texts, with a horizon of 60 days and markets of two active customers."""

    def run(lines: Sequence[str], *, as_of: date | None = None, **more: Any) -> Quality:
        path = tmp_path / "lines.csv"
        path.write_text(HEADER + "\n".join(lines) + "\n")
        content = {
            "name": "small",
            "source": {"path": str(path), **more.pop("source", {})},
            "columns": COLUMNS,
            "target": {"horizon_days": 60, "min_active": 2},
            **more,
        }
        return check(pipeline_from(content, folder=tmp_path), engine, as_of=as_of, today=TODAY)

    with Engine() as engine:
        yield run


def line(customer: str, when: str, *, product: str = "10001", n: int = 1, price: float = 10, land: str = "AT") -> str:
    order = f"{'C' if n < 0 else 'R'}{when[:10]}"
    return f"{customer},{when},{order},{product},{n},{price},{land},Emily Example"


def monthly(customers: str, *, years: Sequence[int] = (2023, 2024), **more: Any) -> list[str]:
    return [line(c, f"{y}-{m:02d}-28", **more) for c in customers for y in years for m in range(1, 13)]


def said(quality: Quality, severity: str) -> list[str]:
    return [p.text for p in quality.problems if p.severity == severity]


def test_a_plain_history_is_sound_and_has_nothing_to_warn_of(checked: Checked) -> None:
    quality = checked(monthly("abc"))
    assert quality.sound
    assert said(quality, "stops") == []
    assert said(quality, "warns") == []
    assert (quality.customers, quality.intake.rows_in, quality.intake.rows_out) == (3, 72, 72)
    assert (quality.calendar.first_day, quality.calendar.last_day) == (date(2023, 1, 28), date(2024, 12, 28))
    assert quality.columns_missing == ("known_date", "amount", "list_price", "discount", "cost", "channel", "category",
                                       "currency")  # fmt: skip


def test_cancellations_are_matched_to_the_latest_earlier_purchase(checked: Checked) -> None:
    lines = [
        *monthly("ab"),
        line("a", "2024-05-01 10:00:00", product="20001", n=500),
        line("a", "2024-05-01 10:00:00", product="20001", n=500, price=11),
        line("a", "2024-05-01 10:12:00", product="20001", n=-500),
        line("b", "2024-05-02 10:00:00", product="20001", n=-500),
        line("a", "2024-06-01 10:00:00", product="20002", n=-7),
        line("a", "2024-06-02 10:00:00", product="20002", n=7),
    ]
    found = checked(lines, source={"cancelled": "\"order\" LIKE 'C%'"}).cancellations
    assert (found.lines, found.matched) == (3, 1)
    assert found.largest == (Pair("20001", 500.0, "2024-05-01 10:00:00", 12),)


def test_without_a_condition_nothing_is_called_a_cancellation(checked: Checked) -> None:
    quality = checked([*monthly("ab"), line("a", "2024-06-02", n=-7)])
    assert (quality.cancellations.lines, quality.cancellations.matched) == (None, None)
    assert quality.oddities.negative_quantities == 1


def test_oddities_are_counted_before_keep(checked: Checked) -> None:
    lines = [
        *monthly("ab"),
        line("a", "2024-06-03", price=0),
        line("a", "2024-06-04", price=-2),
        line("", "2024-06-05", price=480),
        line("a", "2024-06-06", n=-3),
        line("a", "2024-06-07", n=0),
        line("a", "2024-06-08"),
        line("a", "2024-06-08"),
    ]
    quality = checked(lines, keep="price > 0 AND n > 0")
    odd = quality.oddities
    assert (odd.duplicates, odd.negative_quantities, odd.zero_prices, odd.negative_prices) == (1, 1, 1, 1)
    assert (odd.zero_amounts, odd.negative_amounts, odd.accepted_zero_amounts) == (2, 2, 0)
    assert odd.share_of_lines_without_customer == pytest.approx(1 / 55)
    assert odd.share_of_spend_without_customer == pytest.approx(480 / (480 + 480 - 2 - 30 + 20))
    assert {r.reason: r.rows for r in quality.intake.rejected} == {"no customer": 1, "not kept": 4}


def test_product_codes_unlike_the_rest_are_found_by_their_shape(checked: Checked) -> None:
    lines = [*monthly("abcdefgh"), *(line("a", f"2024-07-{d:02d}", product="POST") for d in (1, 2, 3)),
             line("a", "2024-07-04", product="DOT"), line("a", "2024-07-05", product="TEST001")]  # fmt: skip
    found = {odd.shape: odd for odd in checked(lines, keep="product <> 'POST'").odd_codes}
    assert set(found) == {"A", "A9"}
    assert (found["A"].examples, found["A"].lines, found["A"].accepted_lines) == (("POST", "DOT"), 4, 1)
    assert found["A9"].examples == ("TEST001",)


def test_the_calendar_shows_gaps_the_cut_off_month_and_the_season(checked: Checked) -> None:
    lines = [x for x in monthly("ab") if ",2024-03" not in x]
    lines += [line(c, "2024-11-15", price=200) for c in "ab"] + [line("a", "2025-01-05")]
    quality = checked(lines)
    months = quality.calendar
    assert (months.months, months.empty_months, months.cut_off) == (25, ("2024-03",), "2025-01")
    # two full years, 2023 and 2024 less January 2023, which begins on its 28th: so 2024 alone
    total = 2 * (11 * 10 + 200)
    assert months.season[11] == pytest.approx(12 * 2 * 210 / total, abs=1e-3)
    assert months.season[3] == 0
    assert "Seasonal trade: November have" in "".join(said(quality, "tells"))
    assert said(quality, "warns")[:2] == [
        "Months without a line: 2024-03.",
        "The last month, 2025-01, is cut off: the last line is of 2025-01-05.",
    ]


def test_markets_show_their_active_customers_and_which_are_too_small(checked: Checked) -> None:
    lines = [*monthly("abc"), *monthly("a", land="CH"), *monthly("d", land="CH", years=(2023,))]
    quality = checked(lines)
    assert quality.markets == (Market("AT", 72, 3, 3, 720.0), Market("CH", 36, 2, 1, 360.0))
    assert (quality.customers, quality.customers_in_several_markets) == (4, 1)
    assert "1 markets have under 2 active customers, left out: CH (1)." in said(quality, "warns")
    assert quality.sound


def test_no_market_large_enough_stops(checked: Checked) -> None:
    quality = checked(monthly("abc"), target={"horizon_days": 60, "min_active": 4})
    assert said(quality, "stops") == ["No market has 4 active customers (target.min_active); the largest has 3."]
    assert not quality.sound


def test_a_history_under_two_horizons_stops(checked: Checked) -> None:
    quality = checked([line(c, d) for c in "abc" for d in ("2024-01-01", "2024-04-28")])
    assert said(quality, "stops") == ["119 days of history are less than two horizons of 60 days."]


def test_training_and_test_dates_are_counted(checked: Checked) -> None:
    lines = [line(c, d) for c in "abc" for d in ("2024-01-01", "2024-07-31")]
    quality = checked(lines)
    # horizon 60: training dates lie in [1 March, 2 June], test dates in [30 April, 2 June] with 1 March 60 days before
    assert (quality.training_dates, quality.test_dates) == (4, 2)


def test_mostly_faulty_lines_stop(checked: Checked) -> None:
    faulty = [line("", f"2024-05-{d:02d}") for d in range(1, 29)] * 3
    quality = checked([*monthly("abc"), *faulty])
    assert said(quality, "stops") == ["Most lines are rejected: 84 of 156 are faulty."]


@pytest.mark.parametrize(
    ("as_of", "severity", "text"),
    [
        (date(2025, 2, 1), "warns", "The source ends 34 days before 2025-02-01: recent orders are missing."),
        (date(2025, 4, 1), "stops", "The source ends 93 days before 2025-04-01: nobody would count as active."),
    ],
)
def test_a_source_that_ends_long_before_as_of_is_reported(
    checked: Checked, as_of: date, severity: str, text: str
) -> None:
    assert text in said(checked(monthly("abc"), as_of=as_of), severity)
    assert said(checked(monthly("abc"), as_of=date(2025, 1, 1)), severity) == []


def test_the_report_fits_80_columns_and_shows_every_part(checked: Checked) -> None:
    lines = [
        *monthly("abc"),
        *monthly("a", land="A market with a name much longer than any column of it"),
        line("", "2024-06-05"),
        line("a", "2024-07-04", product="POST"),
        line("a", "2024-07-05", n=-1),
    ]
    text = as_text(checked(lines, source={"cancelled": "\"order\" LIKE 'C%'"}))
    assert max(len(row) for row in text.splitlines()) <= 80
    for part in ("Quality of small: sound", "rejected: no customer", "e.g. when=2024-06-05", "Cancellation lines",
                 "exact duplicates", "POST", "Jan   Feb", "training dates", "2 markets", "too small"):  # fmt: skip
        assert part in text
    assert "Emily" not in text


def test_the_report_is_json_and_can_leave_the_lines_out(checked: Checked) -> None:
    quality = checked([*monthly("abc"), line("", "2024-06-05")])
    content = json.loads(json.dumps(quality.as_dict()))
    assert content["sound"] is True
    assert content["calendar"]["last_day"] == "2024-12-28"
    assert content["intake"]["rejected"][0]["examples"][0].startswith("when=2024-06-05, customer=, order=R2024")
    assert quality.as_dict(examples=False)["intake"]["rejected"][0]["examples"] == []


def test_without_examples_no_purchase_and_no_code_is_told(checked: Checked) -> None:
    lines = [
        *monthly("abc"),
        line("a", "2024-06-05", n=5),
        line("a", "2024-06-09", n=-5),
        line("b", "2024-06-09", product="POST"),
    ]
    said = json.dumps(checked(lines, source={"cancelled": "\"order\" LIKE 'C%'"}).as_dict(examples=False))
    assert '"largest": []' in said
    assert "POST" not in said


def test_row_order_changes_nothing(checked: Checked) -> None:
    lines = [*monthly("abc"), line("", "2024-06-05"), line("", "2024-06-04"), line("a", "2024-07-04", product="POST")]
    assert checked(lines) == checked(lines[::-1])
