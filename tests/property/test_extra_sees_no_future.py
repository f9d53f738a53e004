"""What never changes a feature of the pipeline file: the future, the order of rows, threads, other dates."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from tests.conftest import MakeLines, lines_of
from tests.oracle.histories import CENTS, FINE, HUGE, TIES, Money, as_ofs, random_history, work_for_two
from tests.property.test_backtest_sees_no_future import HORIZON, TEST
from tests.property.test_snapshot_invariants import assert_identical, from_the_future

from smartaccounts.config import Target, pipeline_from
from smartaccounts.engine.duckdb import Engine
from smartaccounts.evaluation.backtest import backtest
from smartaccounts.features.extra import Extra, extra_features
from smartaccounts.features.snapshot import snapshot
from smartaccounts.orders.read import read
from smartaccounts.panel import Panel
from smartaccounts.rankers.base import Fitted
from smartaccounts.rankers.plain import PLAIN

TARGET = Target(min_active=4, horizon_days=91, sustained_months=1)
SQL: dict[str, tuple[str, int | None]] = {
    "weekend_share": ("SUM(CASE WHEN weekday >= 5 THEN amount ELSE 0 END) / NULLIF(SUM(amount), 0)", 365),
    "fading": ("SUM(amount * EXP(-age / 90.0))", None),
    "mean_log": ("AVG(LN(1 + ABS(amount)))", None),
    "spread": ("STDDEV(amount) / NULLIF(AVG(amount), 0)", 730),
    "trend": ("REGR_SLOPE(amount, day)", None),
    "with_price": ("CORR(amount, unit_price)", None),
    "orders": ("COUNT(DISTINCT order_id) FILTER (WHERE amount > 0)", 91),
    "nine_of_ten": ("QUANTILE_CONT(amount, 0.9)", None),
    "thirds": ("SUM(DISTINCT amount / 3) + SUM(quantity / 7)", None),
    "late": ("AVG(known_day - day)", 30),
}
SPEC: dict[str, Any] = {
    "name": "test",
    "source": {"path": "-"},
    "columns": {"customer_id": "c", "order_date": "d", "amount": "a"},
    "target": {"min_active": 5, "horizon_days": HORIZON},
    "features": {
        "extra": {
            name: {"sql": sql, "unit": "ratio", "meaning": name} | ({"within_days": days} if days else {})
            for name, (sql, days) in SQL.items()
        }
    },
}
PIPELINE = pipeline_from(SPEC, folder=Path())
CASES = [(200, TIES), (201, CENTS), (202, FINE), (203, HUGE)]


@dataclass(frozen=True)
class Watched:
    """A ranking that keeps what it was given to learn from."""

    seen: list[Panel] = field(default_factory=list)
    name: str = "past_h"

    def fit(self, panel: Panel) -> Fitted:
        self.seen.append(panel)
        return PLAIN["past_h"].fit(panel)


def parameters(seed: int, money: Money, *, slow: bool) -> Any:
    return pytest.param(seed, money, id=f"{money.name}-{seed}", marks=[pytest.mark.slow] if slow else [])


cases = pytest.mark.parametrize(("seed", "money"), [parameters(*case, slow=False) for case in CASES])
some_cases = pytest.mark.parametrize(("seed", "money"), [parameters(*c, slow=i > 0) for i, c in enumerate(CASES)])


@pytest.fixture(scope="module")
def own() -> tuple[Extra, ...]:
    return extra_features(PIPELINE)


def filled(frame: pd.DataFrame) -> set[str]:
    return {name for name in SQL if frame[name].notna().any()}


@some_cases
def test_lines_known_at_or_after_as_of_change_nothing(
    order_lines: MakeLines, own: tuple[Extra, ...], seed: int, money: Any
) -> None:
    r, rows = random.Random(seed), random_history(seed, money)
    as_of = sorted(as_ofs(seed))[-2]
    known = [row for row in rows if row["known_day"] < as_of]
    before = snapshot(order_lines(known), [as_of], TARGET, extra=own).frame
    full = [*rows, *from_the_future(r, rows, as_of)]
    assert len(full) > len(known)
    assert_identical(snapshot(order_lines(full), [as_of], TARGET, extra=own).frame, before)
    assert len(filled(before)) > 6
    ahead = [row | {"day": as_of + timedelta(days=3), "known_day": as_of - timedelta(days=3)} for row in known[:20]]
    also = snapshot(
        order_lines([*known, *ahead]), [as_of], TARGET, extra=own
    ).frame  # ordered, not yet a line of the past
    assert_identical(also[[*SQL]], before[[*SQL]])


@pytest.mark.slow
@cases
def test_row_order_threads_and_other_dates_change_no_bit(
    monkeypatch: pytest.MonkeyPatch, own: tuple[Extra, ...], seed: int, money: Any
) -> None:
    rows, dates = random_history(seed, money), as_ofs(seed)
    frames = []
    for threads in (1, 2):
        monkeypatch.setenv("SMARTACCOUNTS_THREADS", str(threads))
        random.Random(seed + threads).shuffle(rows)
        with Engine() as engine:
            lines = lines_of(engine, rows)
            frames.append(snapshot(lines, dates, TARGET, extra=own))
            for as_of in dates:
                assert_identical(snapshot(lines, [as_of], TARGET, extra=own).frame, frames[-1].at([as_of]).frame)
    assert_identical(frames[1].frame, frames[0].frame)
    assert filled(frames[0].frame) == {*SQL}


@pytest.mark.slow
def test_threads_change_no_bit_where_there_is_work_for_two(
    monkeypatch: pytest.MonkeyPatch, own: tuple[Extra, ...], tmp_path: Path
) -> None:
    pipeline, dates, today = work_for_two(tmp_path)
    frames = []
    for threads in (1, 2, 4):
        monkeypatch.setenv("SMARTACCOUNTS_THREADS", str(threads))
        with Engine() as engine:
            lines = read(pipeline, engine, today=today)
            frames.append(snapshot(lines, dates, Target(), extra=own).frame)
    assert filled(frames[0]) == {*SQL}
    assert_identical(frames[1], frames[0])
    assert_identical(frames[2], frames[0])


@pytest.mark.slow
def test_a_backtest_learns_the_same_from_a_copy_that_ends_before_its_test_date(
    order_lines: MakeLines,
) -> None:
    rows = [row for seed in range(3) for row in random_history(seed, CENTS)]
    learned = []
    for some in (rows, [row for row in rows if row["known_day"] < TEST and row["day"] < TEST]):
        ranker = Watched()
        backtest(order_lines(some), [TEST], PIPELINE, [ranker])
        learned.append(ranker.seen[0])
    whole, cut = learned
    assert filled(whole.frame) == {*SQL}
    assert [e.name for e in whole.snapshot.extra] == [*SQL]
    assert_identical(cut.frame, whole.frame)
