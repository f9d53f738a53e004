"""The sweep against the SQL that it stands for, over random and hostile histories."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.conftest import MakeLines
from tests.oracle.histories import CENTS, FINE, TIES, as_ofs, random_history

from smartaccounts.config import Target
from smartaccounts.engine.sql import COARSE_SCALE, MONEY_SCALE, NARROW_LIMIT
from smartaccounts.features import by_sql
from smartaccounts.features.snapshot import CATALOGUE, KEY, _fitting, snapshot
from smartaccounts.features.sweep import pieces, run
from smartaccounts.features.sweep.keys import too_large
from smartaccounts.orders.contract import OrderLines

TARGET = Target(min_active=3, horizon_days=91)
SCALES = {MONEY_SCALE: "fine", COARSE_SCALE: "coarse"}
EXACT = {"money", "count", "days"}
MEANS = {"order_mean", "order_mean_365d", "order_mean_91d", "gap_mean_days", "gap_std_days", "gap_mean_recent_days"}
BETWEEN = {"key_spend", "small_spend", "season_h"}
START = date(2019, 1, 5)


def swept(lines: OrderLines, dates: Sequence[date]) -> pd.DataFrame:
    """Return what the sweep says, the same all together and a few rows at a time."""
    (together,) = run.whole(lines, dates, [TARGET])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pieces, "ROWS", 5)
        parts = list(pieces.pieces(lines, dates, TARGET, pd.DataFrame.copy))
    if parts:
        apart = pd.concat(parts, ignore_index=True)
        by_customer = together.sort_values(["market", "customer_id", "as_of"], ignore_index=True)
        pd.testing.assert_frame_equal(apart, by_customer, check_exact=True)
    assert sum(map(len, parts)) == len(together)
    return together


def both(lines: OrderLines, dates: Sequence[date]) -> list[pd.DataFrame]:
    """Return what the sweep and what the SQL says."""
    parts = [frame for _, (frame,) in by_sql.frames(lines, dates, [TARGET]) if len(frame)]
    return [swept(lines, dates), pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()]


def wrong(lines: OrderLines, dates: Sequence[date], *, exactly: float = 0.0) -> list[str]:
    """Return the columns in which the two differ; counts and money by more than `exactly` of them."""
    one, other = both(lines, dates)
    assert len(one) == len(other)
    if not len(one):
        return []
    assert list(one.columns) == list(other.columns)
    assert (one[KEY].astype(str) == other[KEY].astype(str)).all(axis=None)
    return [
        c for c in one.columns[len(KEY) :] if not same(c, one[c].to_numpy(float), other[c].to_numpy(float), exactly)
    ]


def same(name: str, one: np.ndarray, other: np.ndarray, exactly: float) -> bool:
    """Null for null; counts and money exactly; the rest, and the quantiles between two of them, to 1e-9."""
    if (np.isnan(one) != np.isnan(other)).any():
        return False
    feature = CATALOGUE.get(name)
    exact = name not in BETWEEN and (feature is None or (feature.unit in EXACT and name not in MEANS))
    return np.allclose(one, other, rtol=exactly if exact else 1e-9, atol=0 if exact else 1e-9, equal_nan=True)


@pytest.mark.slow
@pytest.mark.parametrize("money", [TIES, CENTS, FINE], ids=lambda m: m.name)
@pytest.mark.parametrize("seed", range(4))
def test_random_histories(order_lines: MakeLines, seed: int, money: Any) -> None:
    assert wrong(order_lines(random_history(seed, money)), as_ofs(seed)) == []


DAYS = st.integers(0, 800)
LINES = st.fixed_dictionaries(
    {
        "customer_id": st.sampled_from(["a", "b", "9" * 40, "ü", " 1"]),
        "market": st.sampled_from(["", "north"]),
        "order_id": st.sampled_from(["1", "2", "9" * 30]),
        "day": DAYS,
        "late": st.sampled_from([0, 0, 0, 3, 200, -30]),
        "amount": st.sampled_from([0.0, 10.0, -10.0, 0.000001, 123456.78, -0.5]),
        "product_id": st.sampled_from(["p", "q", None]),
        "category": st.sampled_from(["x", "y", None]),
        "quantity": st.sampled_from([1.0, -1.0, 1e6, None]),
        "unit_price": st.sampled_from([1.0, 0.0, 1e-6, 9999.0, None]),
        "list_price": st.sampled_from([2.0, 0.0, None]),
        "cost": st.sampled_from([0.5, None]),
        "channel": st.sampled_from(["web", "WEB", "phone", None]),
    }
)


@pytest.mark.slow
@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drawn=st.lists(LINES, min_size=1, max_size=30), after=st.lists(st.integers(0, 1300), min_size=1, max_size=4))
def test_hostile_lines(order_lines: MakeLines, drawn: list[dict[str, Any]], after: list[int]) -> None:
    rows = [
        {k: v for k, v in row.items() if k not in {"day", "late"}}
        | {"day": START + timedelta(days=row["day"]), "known_day": START + timedelta(days=row["day"] + row["late"])}
        for row in drawn
    ]
    assert wrong(order_lines(rows), [START + timedelta(days=d) for d in after]) == []


@pytest.mark.slow
def test_a_customer_of_ten_thousand_lines_beside_those_of_one(order_lines: MakeLines) -> None:
    rng = np.random.default_rng(1)
    many = [
        {"customer_id": "many", "order_id": str(i // 7), "day": START + timedelta(days=int(d)), "amount": float(v)}
        | {"product_id": f"p{int(p)}", "known_day": START + timedelta(days=int(d) + int(late))}
        for i, (d, v, p, late) in enumerate(
            zip(
                rng.integers(0, 900, 10_000), rng.integers(-5, 100, 10_000), rng.integers(0, 3000, 10_000),
                rng.choice([0, 0, 9], 10_000), strict=True,
            )
        )
    ]  # fmt: skip
    single = [
        {"customer_id": f"c{i}", "day": START + timedelta(days=29 * i), "amount": 5.0, "product_id": "p1"}
        for i in range(30)
    ]
    leap = [date(2020, 2, 28), date(2020, 2, 29), date(2020, 3, 1), date(2021, 2, 28)]
    assert wrong(order_lines([*many, *single]), leap) == []


@pytest.mark.parametrize(
    ("amount", "done"),
    [(8e9, "fine"), (1e10, "coarse"), (8e12, "coarse"), (1e13, "sql")],  # of all customers together it is beyond
)
def test_money_beyond_64_bits_is_coarser_and_at_last_goes_by_sql(
    order_lines: MakeLines, monkeypatch: pytest.MonkeyPatch, amount: float, done: str
) -> None:
    asked: list[str] = []
    frames, whole = by_sql.frames, run.whole
    monkeypatch.setattr(by_sql, "frames", lambda *a: (asked.append("sql"), frames(*a))[1])
    monkeypatch.setattr(run, "whole", lambda *a, keys: (asked.append(SCALES[keys.scale]), whole(*a, keys=keys))[1])
    rows = [{"customer_id": c, "day": START, "amount": amount} for c in "abcd"]
    found = snapshot(order_lines(rows), [date(2020, 1, 1)], TARGET).frame
    assert found["spend_total"].tolist() == [amount] * 4
    assert asked == [done]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_the_coarse_sweep_is_the_sql(order_lines: MakeLines, seed: int) -> None:
    """Of money in cents nothing is lost; a double has no more digits of large sums."""
    rows = random_history(seed, CENTS)
    large = {"market": rows[0]["market"], "customer_id": rows[0]["customer_id"], "product_id": "gold"}
    rows += [
        rows[0] | large | {"day": START + timedelta(days=d), "known_day": START, "amount": 4e9 + d} for d in range(9)
    ]
    lines, dates = order_lines(rows), [d for d in as_ofs(seed) if d > START + timedelta(days=30)]
    assert [keys.scale for _, keys in _fitting(lines, dates) if keys] == [COARSE_SCALE]
    assert wrong(lines, dates, exactly=4e-16) == []


@pytest.mark.slow
@pytest.mark.parametrize("amount", [1e10, 1e13])
def test_money_that_becomes_too_large_later_changes_no_bit_of_earlier_dates(
    order_lines: MakeLines, amount: float
) -> None:
    rows, dates = random_history(6, CENTS), as_ofs(6)
    huge = {"customer_id": rows[0]["customer_id"], "market": rows[0]["market"], "day": dates[-1], "amount": amount}
    before = snapshot(order_lines(rows), dates, TARGET).frame
    lines, later = order_lines([*rows, huge]), dates[-1] + timedelta(days=1)
    assert too_large(lines, NARROW_LIMIT, known_before=later)
    after = snapshot(lines, [*dates, later], TARGET)
    assert after.frame["spend_total"].max() > 0.9 * amount
    pd.testing.assert_frame_equal(after.at(dates).frame, before, check_exact=True)


@pytest.mark.slow
def test_a_market_without_products_and_one_that_gets_them_later(order_lines: MakeLines) -> None:
    rows, dates = random_history(3, CENTS), as_ofs(3)
    customers = sorted({row["customer_id"] for row in rows})
    market_of = {c: "ABC"[i % 3] for i, c in enumerate(customers)}
    placed = [row | {"market": market_of[row["customer_id"]]} for row in rows]
    without = [row | {"product_id": None} if row["market"] == "A" else row for row in placed]
    assert wrong(order_lines(without), dates) == []
    before = snapshot(order_lines(without), dates, TARGET).frame
    later = {"customer_id": "late", "market": "A", "day": dates[-1], "amount": 1.0, "product_id": "p"}
    after = snapshot(order_lines([*without, later]), [*dates, dates[-1] + timedelta(days=9)], TARGET).at(dates)
    pd.testing.assert_frame_equal(after.frame, before, check_exact=True)


def test_dates_before_the_history_leave_no_trace(order_lines: MakeLines) -> None:
    lines, dates = order_lines(random_history(5, CENTS)), as_ofs(5)
    early = [START + timedelta(days=d) for d in range(24)]
    alone = snapshot(lines, dates, TARGET).frame
    pd.testing.assert_frame_equal(snapshot(lines, [*early, *dates], TARGET).frame, alone, check_exact=True)


@pytest.mark.slow
def test_the_number_of_threads_changes_no_bit(order_lines: MakeLines, monkeypatch: pytest.MonkeyPatch) -> None:
    lines, dates = order_lines(random_history(5, CENTS)), as_ofs(5)
    frames = []
    for cores in ("1", "2", "7", "100"):
        monkeypatch.setenv("SMARTACCOUNTS_THREADS", cores)
        frames.append(swept(lines, dates))
    for other in frames[1:]:
        pd.testing.assert_frame_equal(frames[0], other, check_exact=True)
