"""Record quarters, and what became of accounts after them."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import date

import numpy as np
import pandas as pd
import pytest
from tests.unit.rankers.synthetic import TARGET, snapshot_of

from smartaccounts.features.snapshot import Snapshot
from smartaccounts.panel import Panel
from smartaccounts.rankers.records import (
    MIN_ACCOUNTS,
    Records,
    best_quarter_before,
    fit_records,
    latest_quarter,
    record_quarter,
)

DATES = (date(2020, 1, 1), date(2020, 2, 1))


def account(months: list[float], tenure_days: float = 700.0) -> pd.DataFrame:
    """Return a row with the spend of blocks of 30 days, the latest first, then nothing."""
    blocks = {f"spend_block_{b:02d}": months[b - 1] if b <= len(months) else 0.0 for b in range(1, 25)}
    return snapshot_of(1).frame.assign(**blocks, tenure_days=tenure_days)


@pytest.mark.parametrize(
    ("months", "tenure", "record"),
    [
        ([20, 20, 20, 0, 10, 10, 10, 0], 700, True),  # 60 after 30
        ([15, 15, 15, 0, 10, 10, 10, 0], 700, True),  # just half as much again
        ([15, 15, 14, 0, 10, 10, 10, 0], 700, False),
        ([20, 20, 20, 30, 10, 10, 10, 0], 700, False),  # 50 just before
        ([20, 20, 20, 0, 10, 10, 10, 0], 200, False),  # hardly known
        ([20, 20, 20], 700, False),  # nothing to compare with
        ([0, 0, 0, 10], 700, False),
    ],
)
def test_a_record_is_far_above_the_best_quarter_before(months: list[float], tenure: float, record: bool) -> None:
    assert record_quarter(account(months, tenure)).tolist() == [record]


def test_quarters() -> None:
    row = account([1, 2, 3, 4, 50, 60, 70, 8])
    assert latest_quarter(row).tolist() == [6.0]
    assert best_quarter_before(row).tolist() == [180.0]


def panel_of_records(count: int, ahead: list[float]) -> Panel:
    """Return accounts that spent 1 a day for 90 days, and `ahead` in the 91 days of the horizon of each date."""
    frame = pd.concat([snapshot_of(count, [d]).frame for d in DATES], ignore_index=True)
    blocks = dict.fromkeys((f"spend_block_{b:02d}" for b in range(1, 25)), 0.0)
    blocks |= {"spend_block_01": 90.0, "spend_block_07": 10.0, "tenure_days": 700.0}
    outcome = {"spend_ahead": np.repeat(ahead, count), "months_ahead": 3.0, "target": 0.0, "season_ahead": 1.0}
    return Panel(Snapshot(frame.assign(**blocks), TARGET, ()), pd.DataFrame(outcome))


def test_what_became_of_them_is_counted_once_per_account_at_its_first_record() -> None:
    made = fit_records(panel_of_records(40, [91 * 0.25, 91 * 9.0]))
    assert made == Records(accounts=40, share_less=1.0, median_change=-0.75)
    assert made == Records(**json.loads(json.dumps(asdict(made))))


def test_rows_without_an_outcome_or_not_eligible_do_not_count() -> None:
    panel = panel_of_records(40, [91 * 0.25, 91 * 2.0])
    panel.outcome.loc[:39, "target"] = np.nan
    assert fit_records(panel) == Records(40, 0.0, 1.0)
    panel.snapshot.frame["eligible"] = False
    assert fit_records(panel) is None


def test_too_few_are_no_figure() -> None:
    assert fit_records(panel_of_records(MIN_ACCOUNTS - 1, [0, 0])) is None
    assert fit_records(panel_of_records(MIN_ACCOUNTS, [0, 0])) is not None
