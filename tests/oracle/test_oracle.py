"""The product's snapshot and target against plain Python, over small random histories."""

from __future__ import annotations

import math
from datetime import date, timedelta

import pandas as pd
import pytest
from tests.conftest import MakeLines
from tests.oracle import standing as plain
from tests.oracle.histories import CENTS, FINE, HUGE, TIES, Money, as_ofs, random_history
from tests.oracle.plain import Line, Values

from smartaccounts.config import Target
from smartaccounts.features.snapshot import CATALOGUE, snapshot
from smartaccounts.panel import panel
from smartaccounts.target import complete, outcome

TARGETS = (
    Target(min_active=5, horizon_days=182),
    Target(min_active=2, horizon_days=91, sustained_months=1),
    Target(min_active=8, horizon_days=30, key_quantile=0.75, small_quantile=0.5),
    Target(min_active=3, horizon_days=182, key_spend=500.0, small_spend=120.5),
)
CASES = [(seed, money) for money in (TIES, CENTS, FINE, HUGE) for seed in range(2)]
MORE = [(seed, money) for money in (TIES, CENTS, FINE, HUGE) for seed in range(2, 11)]
WITHOUT_TOLERANCE = {"money", "count", "days"}
# means, not sums of whole units
MEANS = {"order_mean", "order_mean_365d", "order_mean_91d", "gap_mean_days", "gap_std_days", "gap_mean_recent_days"}


def case_id(case: tuple[int, Money]) -> str:
    return f"{case[1].name}-{case[0]}"


def same(name: str, got: float, expected: float | None, money: Money) -> bool:
    """Null for null; counts and money exactly; the rest to 1e-9 (logs are held as integers of 1e-9)."""
    if expected is None or math.isnan(got):
        return expected is None and math.isnan(got)
    unit = CATALOGUE[name].unit
    if unit in WITHOUT_TOLERANCE and name not in MEANS and (money.exact or unit != "money"):
        return got == expected
    near = 2e-9 if money.exact else 2e-6  # a double of 1e9 has no digits below 1e-7
    return math.isclose(got, expected, rel_tol=1e-9, abs_tol=near)


def differences(
    frame: pd.DataFrame, expected: dict[tuple[str, str], tuple[plain.Standing, Values]], money: Money
) -> list[str]:
    wrong = []
    assert [tuple(k) for k in frame[["market", "customer_id"]].to_numpy()] == sorted(
        expected, key=lambda k: (k[0].encode(), k[1].encode())
    )
    for row in frame.to_dict("records"):
        standing, values = expected[row["market"], row["customer_id"]]
        assert set(values) == set(CATALOGUE)
        where = f"{row['as_of']:%Y-%m-%d} {row['market']!r} {row['customer_id']!r}"
        wrong += [
            f"{where} {name}: got {row[name]!r}, expected {value!r}"
            for name, value in values.items()
            if not same(name, float(row[name]), value, money)
        ]
        wrong += [f"{where} {said}" for said in standing_differences(row, standing)]
    return wrong


def standing_differences(row: dict[str, object], expected: plain.Standing) -> list[str]:
    wrong = [f"{n}: got {row[n]}" for n in ("active", "eligible") if bool(row[n]) != getattr(expected, n)]
    for name, value in (
        ("key_spend", expected.key),
        ("small_spend", expected.small),
        ("spend_h", expected.spend),
        ("spend_before_h", expected.spend_before),
        ("season_h", expected.season),
    ):
        got = float(row[name])
        null = math.isnan(got)
        if null != (value is None) or not (null or math.isclose(got, float(value or 0), rel_tol=1e-11)):
            wrong.append(f"{name}: got {got}, expected {None if value is None else float(value)}")
    return wrong


@pytest.mark.parametrize("case", [*CASES, *(pytest.param(c, marks=pytest.mark.slow) for c in MORE)], ids=case_id)
def test_every_feature_and_the_standing_equal_plain_python(order_lines: MakeLines, case: tuple[int, Money]) -> None:
    seed, money = case
    rows = random_history(seed, money)
    dates, target = as_ofs(seed), TARGETS[seed % len(TARGETS)]
    lines = [Line.of(row) for row in rows]

    frame = snapshot(order_lines(rows), dates, target).frame

    wrong = []
    for as_of in dates:
        expected = plain.snapshot(lines, as_of, target)
        wrong += differences(frame[frame["as_of"] == pd.Timestamp(as_of)], expected, money)
    assert not wrong, f"{len(wrong)} differences\n" + "\n".join(wrong[:20])


@pytest.mark.parametrize("case", [*CASES, *(pytest.param(c, marks=pytest.mark.slow) for c in MORE)], ids=case_id)
@pytest.mark.parametrize("training", [True, False])
def test_outcome_and_target_equal_plain_python(order_lines: MakeLines, case: tuple[int, Money], training: bool) -> None:
    seed, money = case
    rows = random_history(seed, money)
    target = TARGETS[seed % len(TARGETS)]
    dates = as_ofs(seed)
    known_before = max(dates) - timedelta(days=seed % 3 * 20) if training else None
    lines, loaded = [Line.of(row) for row in rows], order_lines(rows)

    shot = snapshot(loaded, dates, target)
    ahead = outcome(loaded, dates, horizon_days=target.horizon_days, known_before=known_before)
    over = complete(dates, horizon_days=target.horizon_days, known_before=known_before, last_day=loaded.last_day)
    frame = panel(shot, ahead, over).frame

    wrong = []
    standings = {d: plain.standings(plain.histories(lines, d), target) for d in dates}
    for row in frame.to_dict("records"):
        as_of: date = row["as_of"].date()
        key = (row["market"], row["customer_id"])
        expected = plain.outcome(
            lines, key, as_of, target, key_spend=standings[as_of][key].key, known_before=known_before
        )
        got = [row["spend_ahead"], row["months_ahead"], row["target"]]
        wanted = [None] * 3 if expected is None else [expected.spend, expected.months, expected.target]
        if not all(equal(g, w, money) for g, w in zip(got, wanted, strict=True)):
            wrong.append(f"{as_of} {key}: got {got}, expected {wanted}")
    assert not wrong, f"{len(wrong)} differences\n" + "\n".join(wrong[:20])


def equal(got: float, expected: float | None, money: Money) -> bool:
    if expected is None or math.isnan(got):
        return expected is None and math.isnan(got)
    return got == expected if money.exact else math.isclose(got, expected, abs_tol=2e-6)
