"""What became of accounts after a record quarter: how often less followed (regression to the mean)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from smartaccounts.panel import Panel
from smartaccounts.rankers.base import Floats
from smartaccounts.rankers.design import months

QUARTER_DAYS = 90
"""Three of the blocks of 30 days: the latest quarter, and those before it that it is compared with."""

BY_FAR = 1.5
"""A quarter that is so many times the best one before stands out of what an account varies anyway."""

SEEN_DAYS = 365
"""An account that is known for less has had no full year to set a record in."""

MIN_ACCOUNTS = 30
"""A share of fewer accounts is off by more than a sixth in one case of three: nothing is said then."""


@dataclass(frozen=True)
class Records:
    """What accounts did in the horizon after a record quarter, each account counted once, at its first.

    accounts: how many. share_less: of them, those that spent less a day than in the record quarter. median_change:
    the middle one's spend a day over that of the record quarter, less 1.
    """

    accounts: int
    share_less: float
    median_change: float


def fit_records(panel: Panel) -> Records | None:
    """Return what became of the eligible rows of a panel with a record quarter; None where too few are known."""
    eligible = panel.snapshot.column("eligible")
    rows = panel.rows(eligible & panel.outcome["target"].notna())
    found = np.concatenate([record_quarter(piece) for piece in rows.snapshot.pieces()])
    frame = rows.rows(pd.Series(found)).frame
    first = frame.sort_values(["as_of", "market", "customer_id"]).drop_duplicates(["market", "customer_id"])
    if len(first) < MIN_ACCOUNTS:
        return None
    before = latest_quarter(first) / QUARTER_DAYS
    change = first["spend_ahead"].to_numpy(dtype=float) / panel.snapshot.target.horizon_days / before - 1
    return Records(len(first), float((change < 0).mean()), float(np.median(change)))


def record_quarter(frame: pd.DataFrame) -> NDArray[np.bool_]:
    """Say which rows of a snapshot had by far their best quarter of two years in the last 90 days."""
    best = best_quarter_before(frame)
    seen = frame["tenure_days"].to_numpy(dtype=float) >= SEEN_DAYS
    return seen & (best > 0) & (latest_quarter(frame) >= BY_FAR * best)


def latest_quarter(frame: pd.DataFrame) -> Floats:
    """Return the net spend of the last 90 days."""
    blocks, _ = months(frame)
    spent: Floats = blocks[:, :3].sum(axis=1)
    return spent


def best_quarter_before(frame: pd.DataFrame) -> Floats:
    """Return the most that was spent in any run of three blocks of 30 days of two years before the last 90 days."""
    blocks, _ = months(frame)
    runs = np.lib.stride_tricks.sliding_window_view(blocks[:, 3:], 3, axis=1).sum(axis=2)
    best: Floats = runs.max(axis=1)
    return best
