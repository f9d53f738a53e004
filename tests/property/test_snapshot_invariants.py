"""What never changes a snapshot: the future, the order of rows, threads, other dates, the names of things."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.conftest import MakeLines, lines_of
from tests.oracle.histories import CENTS, FINE, HUGE, TIES, Row, as_ofs, random_history, work_for_two

from smartaccounts.config import Target
from smartaccounts.engine.duckdb import Engine
from smartaccounts.features.snapshot import CATALOGUE, snapshot
from smartaccounts.orders.read import read
from smartaccounts.panel import panel
from smartaccounts.target import complete, outcome

TARGET = Target(min_active=4, horizon_days=91, sustained_months=1)
CASES = [(seed, money) for seed, money in enumerate([TIES, CENTS, FINE, HUGE, TIES, CENTS, FINE, HUGE], start=100)]
cases = pytest.mark.parametrize(
    ("seed", "money"),
    [pytest.param(s, m, id=f"{m.name}-{s}", marks=pytest.mark.slow if s >= 103 else ()) for s, m in CASES],
)


def bits(frame: pd.DataFrame) -> dict[str, list[Any]]:
    """Return the columns with floats as their bits: nan equals nan, and 0.0 is not -0.0."""
    return {
        str(c): v.to_numpy().view("int64").tolist() if v.dtype == "float64" else v.tolist() for c, v in frame.items()
    }


def assert_identical(got: pd.DataFrame, expected: pd.DataFrame) -> None:
    assert list(got.dtypes.items()) == list(expected.dtypes.items())
    assert len(got) == len(expected)
    one, other = bits(got), bits(expected)
    assert [c for c in one if one[c] != other[c]] == []


def from_the_future(r: random.Random, rows: list[Row], as_of: date) -> list[Row]:
    """Return lines known at or after as_of: of known and of new customers, products and orders, dated whenever."""
    lines = []
    for _ in range(40):
        line = dict(r.choice(rows))
        line["known_day"] = as_of + timedelta(days=r.choice([0, 0, 1, 50]))
        line["day"] = as_of + timedelta(days=r.choice([-2000, -400, -30, -1, 0, 10]))
        line["customer_id"] = r.choice([line["customer_id"], "!", "new"])
        line["product_id"] = r.choice([line["product_id"], "!", None])
        line["amount"] = r.choice([1e6, -1e6, line["amount"], 0.0])
        lines.append(line)
    return lines


@cases
def test_lines_known_at_or_after_as_of_change_nothing(order_lines: MakeLines, seed: int, money: Any) -> None:
    r, rows = random.Random(seed), random_history(seed, money)
    as_of = max(as_ofs(seed))
    known = [row for row in rows if row["known_day"] < as_of]
    before = snapshot(order_lines(known), [as_of], TARGET).frame
    assert len(before) > 0

    full = [*rows, *from_the_future(r, rows, as_of)]
    assert_identical(snapshot(order_lines(full), [as_of], TARGET).frame, before)


@pytest.mark.slow
@cases
def test_earlier_dates_do_not_see_what_later_dates_know(order_lines: MakeLines, seed: int, money: Any) -> None:
    rows, dates = random_history(seed, money), as_ofs(seed)
    together = snapshot(order_lines(rows), dates, TARGET)
    for as_of in dates:
        known = [row for row in rows if row["known_day"] < as_of]
        alone = snapshot(order_lines(known), [as_of], TARGET).frame if known else together.at([]).frame
        assert_identical(together.at([as_of]).frame, alone)


@cases
def test_lines_known_later_do_not_change_a_training_outcome(order_lines: MakeLines, seed: int, money: Any) -> None:
    r, rows, dates = random.Random(seed), random_history(seed, money), as_ofs(seed)
    end = max(dates)

    def panel_of(some: list[Row]) -> pd.DataFrame:
        lines = order_lines(some)
        over = complete(dates, horizon_days=91, known_before=end, last_day=lines.last_day)
        ahead = outcome(lines, dates, horizon_days=91, known_before=end)
        return panel(snapshot(lines, over, TARGET), ahead, over).frame

    without = panel_of([row for row in rows if row["known_day"] < end])
    assert without["target"].notna().any()
    assert_identical(panel_of([*rows, *from_the_future(r, rows, end)]), without)


@cases
def test_the_order_of_rows_changes_nothing(order_lines: MakeLines, seed: int, money: Any) -> None:
    rows, dates = random_history(seed, money), as_ofs(seed)
    expected = snapshot(order_lines(rows), dates, TARGET).frame
    ahead = outcome(order_lines(rows), dates, horizon_days=91)

    random.Random(seed).shuffle(rows)
    lines = order_lines(rows)
    assert_identical(snapshot(lines, dates, TARGET).frame, expected)
    assert_identical(outcome(lines, dates, horizon_days=91), ahead)


@pytest.mark.slow
def test_a_date_has_the_same_rows_alone_and_among_many(order_lines: MakeLines) -> None:
    rows = random_history(7, CENTS)
    lines = order_lines(rows)
    dates = [date(2019, 6, 1) + timedelta(days=17 * i) for i in range(25)]
    told: list[int] = []
    together = snapshot(lines, [*dates[::-1], dates[3]], TARGET, step=told.append)
    assert sum(told) == len(dates)
    assert together.frame[["as_of", "market", "customer_id"]].duplicated().sum() == 0
    assert together.frame["as_of"].is_monotonic_increasing
    for as_of in dates[::5]:
        assert_identical(together.at([as_of]).frame, snapshot(lines, [as_of], TARGET).frame)


@pytest.fixture
def with_threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], Engine]]:
    opened: list[Engine] = []

    def engine(threads: int) -> Engine:
        monkeypatch.setenv("SMARTACCOUNTS_THREADS", str(threads))
        opened.append(Engine())
        return opened[-1]

    yield engine
    for each in opened:
        each.close()


@cases
def test_threads_change_nothing(with_threads: Callable[[int], Engine], seed: int, money: Any) -> None:
    rows, dates = random_history(seed, money), as_ofs(seed)
    one, two = (snapshot(lines_of(with_threads(n), rows), dates, TARGET).frame for n in (1, 2))
    assert_identical(two, one)


@pytest.mark.slow
def test_threads_change_nothing_where_there_is_work_for_two(
    with_threads: Callable[[int], Engine], tmp_path: Path
) -> None:
    pipeline, dates, today = work_for_two(tmp_path)
    frames = []
    for threads in (1, 2, 4):
        lines = read(pipeline, with_threads(threads), today=today)
        frames.append(snapshot(lines, dates, Target()).frame)
    assert len(frames[0]) > 3000
    assert_identical(frames[1], frames[0])
    assert_identical(frames[2], frames[0])


STRANGE = (
    "o'brien", 'a"b', "x'; DROP TABLE orders; --", " ", "  a", "a ", "NULL", "null", "None", "nan", "NaN", "\\", "%_",
    "é", "e\u0301", "日本", "a\nb", "\t", "00017", "17", "17.0", "A", "a", "-1", "1e5", "true", "\u200b",
    "9007199254740992", "9007199254740993", "2020-01-01", "😀", "ß", "SS", "ss", "()", "{}", "$1", "?", ":a", "--",
)  # fmt: skip


@cases
def test_strange_names_survive(order_lines: MakeLines, seed: int, money: Any) -> None:
    rows, dates = random_history(seed, money), as_ofs(seed)
    r = random.Random(seed)
    columns = ("market", "customer_id", "order_id", "product_id", "category")
    renamed = {}
    for column in columns:
        values = sorted({row[column] for row in rows if row[column] is not None})
        renamed[column] = dict(zip(values, r.sample(STRANGE, len(values)), strict=True))
    strange = [row | {c: renamed[c].get(row[c]) for c in columns} for row in rows]

    expected = snapshot(order_lines(rows), dates, TARGET).frame
    expected = expected.assign(**{c: expected[c].map(renamed[c]) for c in ("market", "customer_id")})
    expected = expected.sort_values(["as_of", "market", "customer_id"], key=_binary).reset_index(drop=True)
    assert_identical(snapshot(order_lines(strange), dates, TARGET).frame, expected)


def _binary(column: pd.Series) -> pd.Series:
    return column.map(lambda v: v.encode().hex()) if column.name != "as_of" else column


@cases
def test_money_times_a_power_of_two_scales_money_and_leaves_the_rest(
    order_lines: MakeLines, seed: int, money: Any
) -> None:
    rows, dates = random_history(seed, money), as_ofs(seed)
    prices = ("amount", "unit_price", "list_price", "cost")
    larger = [row | {c: None if row[c] is None else row[c] * 1024 for c in prices} for row in rows]
    one, many = order_lines(rows), order_lines(larger)
    before, after = (_judged(lines, dates) for lines in (one, many))

    assert_identical(after[[*LABELS, "target", "months_ahead"]], before[[*LABELS, "target", "months_ahead"]])
    scales = [n for n, f in CATALOGUE.items() if f.unit in {"money", "money, decayed"}]
    near = 1e-6 if money is HUGE or money is FINE else 1e-9  # sums are rounded to 1e-6, before and after
    for column in [*scales, "key_spend", "small_spend", "spend_h", "spend_before_h", "spend_ahead"]:
        np.testing.assert_allclose(after[column], before[column] * 1024, rtol=1e-12, atol=1024 * near, err_msg=column)
    for column in set(CATALOGUE) - set(scales):
        np.testing.assert_allclose(after[column], before[column], rtol=1e-6, atol=1e-8, err_msg=column)


LABELS = ["as_of", "market", "customer_id", "active", "eligible"]


def _judged(lines: Any, dates: list[date]) -> pd.DataFrame:
    over = complete(dates, horizon_days=91, known_before=None, last_day=lines.last_day)
    return panel(snapshot(lines, dates, TARGET), outcome(lines, dates, horizon_days=91), over).frame
