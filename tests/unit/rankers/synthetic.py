"""Snapshots and panels of random numbers: every column is there, and who spends more grows more often."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np
import pandas as pd

from smartaccounts.bundle import Card
from smartaccounts.config import Target
from smartaccounts.features.snapshot import CATALOGUE, Snapshot
from smartaccounts.panel import Panel
from smartaccounts.rankers.base import Note

AS_OF = date(2021, 1, 1)
TARGET = Target(horizon_days=91, min_active=10)
K, S = 100.0, 50.0


def firsts(count: int, *, until: date = AS_OF) -> list[date]:
    """Return the last `count` firsts of months before `until`, ascending."""
    months = [until.year * 12 + until.month - 2 - i for i in range(count)]
    return [date(m // 12, m % 12 + 1, 1) for m in reversed(months)]


def snapshot_of(
    customers: int = 200, as_ofs: Sequence[date] = (AS_OF,), *, seed: int = 0, market: str = ""
) -> Snapshot:
    """Return rows that are all active and eligible, below K, with K 100 and S 50."""
    return Snapshot(
        pd.concat([_rows(customers, d, seed, market) for d in as_ofs], ignore_index=True), TARGET, ()
    )  # fmt: skip


def _rows(customers: int, as_of: date, seed: int, market: str) -> pd.DataFrame:
    rng = np.random.default_rng([seed, as_of.toordinal()])
    features = {name: rng.gamma(1.0, 20.0, customers) for name in CATALOGUE}
    features["history_days"] = np.full(customers, 800.0)
    standing = {
        "as_of": pd.Timestamp(as_of),
        "market": pd.Series([market] * customers, dtype="str"),
        "customer_id": pd.Series([f"c{i:04d}" for i in range(customers)], dtype="str"),
        "active": True,
        "eligible": True,
        "key_spend": K,
        "small_spend": S,
        "spend_h": rng.uniform(0, S, customers),
        "spend_before_h": rng.uniform(0, S, customers),
        "season_h": 1.0,
    }
    return pd.DataFrame(standing | features)


def panel_of(snapshot: Snapshot, *, share: float = 0.2, seed: int = 0) -> Panel:
    """Return the snapshot with an outcome: about `share` of the rows grow, more often those with much spend_182d."""
    frame = snapshot.frame
    noise = np.random.default_rng(seed).gumbel(size=len(frame))
    liking = np.log(frame["spend_182d"].to_numpy() + 1) + 0.3 * noise
    grown = (liking > np.quantile(liking, 1 - share)).astype(float)
    return with_outcome(snapshot, grown)


def with_outcome(snapshot: Snapshot, grown: np.ndarray) -> Panel:
    """Return a panel of who grew (1.0) and who did not (0.0); null where it is NaN."""
    known = ~np.isnan(grown)
    outcome = {"spend_ahead": 150 * grown, "months_ahead": 3 * grown, "target": grown, "season_ahead": known * 1.0}
    return Panel(snapshot, pd.DataFrame(outcome))


NOTE = Note("refit", {"dates": 1, "as_of": "2021-01-01"})


def card(ranker: str, *, pipeline: str = "shop", as_of: date = AS_OF, target: Target = TARGET) -> Card:
    """Return the card of a bundle."""
    return Card(
        pipeline=pipeline, ranker=ranker, as_of=str(as_of), target=target, needs=(), training_dates=("2020-06-01",),
        data_digest="7-0123456789abcdef", verdict="Better.", better=True, notes=(NOTE,), versions={"python": "3"},
    )  # fmt: skip
