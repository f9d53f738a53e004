"""Outcomes as they were known at a date: those of a look of its own at the lines known by then."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.conftest import MakeLines

from smartaccounts.config import Target
from smartaccounts.evaluation.outcomes import Outcomes
from smartaccounts.features.snapshot import snapshot
from smartaccounts.panel import panel
from smartaccounts.target import complete, outcome, outcome_as_known

TARGET = Target(horizon_days=60, min_active=2, key_quantile=0.6, small_quantile=0.4)
DATES = [date(2020, month, 1) for month in (4, 5, 6, 9)]
BEFORES = [date(2020, 6, 30), date(2020, 7, 1), date(2020, 7, 31), date(2020, 8, 15), date(2021, 1, 1), None]


def history(seed: int, *, late: bool) -> list[dict[str, Any]]:
    """Lines of 2020, some known weeks late, returns among them; some customers are new in a horizon."""
    rng = np.random.default_rng(seed)
    rows = []
    for i in range(400):
        day = date(2020, 1, 1) + timedelta(days=int(rng.integers(0, 330)))
        known = day + timedelta(days=int(rng.choice([0, 0, 1, 20, 90]))) if late else day
        customer = f"c{rng.integers(0, 25):02d}" if i % 4 else f"new{rng.integers(0, 60)}"
        amount = float(np.round(rng.normal(100, 90), 2)) if i % 9 else float(rng.choice([1e12, -3e11, 1e-6]))
        rows.append({"market": "AB"[i % 2], "customer_id": customer, "day": day, "known_day": known, "amount": amount})
    return rows


@pytest.mark.parametrize("late", [True, False])
@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2))])
def test_one_look_says_what_a_look_at_each_date_says(order_lines: MakeLines, seed: int, late: bool) -> None:
    provided = None if late else ["market", "customer_id", "order_date", "amount"]
    lines = order_lines(history(seed, late=late), provided=provided)
    seen = snapshot(lines, DATES, TARGET)
    outcomes = Outcomes(lines, seen, [before for before in BEFORES if before])
    grown = set()
    for before in BEFORES:
        for dates in (DATES[:1], DATES[:3], DATES[1:], []):
            over = complete(dates, horizon_days=60, known_before=before, last_day=lines.last_day)
            found = outcome(lines, over, horizon_days=60, known_before=before)
            apart = panel(seen.at(dates), found, over)
            made = outcomes.panel(dates, known_before=before)
            pd.testing.assert_frame_equal(made.frame, apart.frame, check_exact=True)
            grown.add(float(made.outcome["target"].sum()))
    assert len(grown) > 5


def test_what_is_known_late_is_a_row_more(order_lines: MakeLines) -> None:
    """One order of the horizon is known at once, one after its end, and a correction of both later still."""
    known = [date(2020, 4, 3), date(2020, 6, 10), date(2020, 8, 1), date(2020, 8, 1)]
    days = [date(2020, 4, 2), date(2020, 5, 30), date(2020, 4, 2), date(2020, 5, 29)]
    amounts = [10.0, 5.0, -4.0, -1.0]
    rows = [
        {"customer_id": "a", "day": d, "known_day": k, "amount": a}
        for d, k, a in zip(days, known, amounts, strict=True)
    ]
    befores = [date(2020, 5, 1), date(2020, 5, 31), date(2020, 6, 10), date(2020, 6, 11), date(2020, 7, 1)]
    found = outcome_as_known(order_lines(rows), [date(2020, 4, 1)], horizon_days=60, befores=befores)
    assert found["spend_ahead"].tolist() == [10.0, 15.0, 10.0]
    assert found["months_ahead"].tolist() == [1, 2, 2]
    assert found["since"].tolist() == [1, 3, 5]  # 2020-05-31 is the first by which the horizon is over
    assert found["until"].tolist() == [3, 5, 6]


def test_rows_do_not_grow_with_the_days_on_which_lines_became_known(order_lines: MakeLines) -> None:
    days = [date(2020, 4, 2) + timedelta(days=i) for i in range(50)]
    rows = [{"customer_id": "a", "day": d, "known_day": d + timedelta(days=90), "amount": 1.0} for d in days]
    found = outcome_as_known(order_lines(rows), [date(2020, 4, 1)], horizon_days=60, befores=[date(2020, 7, 11)])
    assert found["spend_ahead"].tolist() == [10.0, 50.0]


def test_a_date_that_was_not_said_is_refused(order_lines: MakeLines) -> None:
    lines = order_lines([{"customer_id": "a", "day": "2020-01-01", "amount": 5.0}])
    outcomes = Outcomes(lines, snapshot(lines, [date(2020, 6, 1)], TARGET), [date(2021, 1, 1)])
    with pytest.raises(ValueError, match="2021-01-02"):
        outcomes.panel([date(2020, 6, 1)], known_before=date(2021, 1, 2))


def test_without_a_line_ahead_nobody_came(order_lines: MakeLines) -> None:
    lines = order_lines([{"customer_id": "a", "day": "2020-01-01", "amount": 5.0}])
    seen = snapshot(lines, [date(2020, 6, 1)], TARGET)
    made = Outcomes(lines, seen, [date(2021, 1, 1)]).panel([date(2020, 6, 1)], known_before=date(2021, 1, 1))
    assert made.outcome["spend_ahead"].tolist() == [0.0]
    assert made.outcome["season_ahead"].isna().all()
