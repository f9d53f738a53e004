"""Snapshots with their outcomes: the only place where the two meet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from smartaccounts.features.snapshot import KEY, Snapshot, places
from smartaccounts.html import section, sentences, table
from smartaccounts.target import grown

OUTCOME = ("spend_ahead", "months_ahead", "target", "season_ahead")
"""The columns of a panel beside those of a snapshot."""

SHOWN = 12
"""How many as_of dates a notebook shows, the latest."""


@dataclass(frozen=True)
class Panel:
    """What a model learns from, and is judged by.

    frame: the rows of the snapshot in their order, and spend_ahead (money), months_ahead, target (1.0, 0.0), and
    season_ahead, the market's spend of the horizon over that of the last one, new customers included (what season_h
    expected); all null where the horizon is not over, target also in a market without a K.
    loans: what other pipelines lent; beside the own rows, never among them.
    """

    snapshot: Snapshot
    outcome: pd.DataFrame
    loans: tuple[Loan, ...] = ()

    @property
    def frame(self) -> pd.DataFrame:
        """Return snapshot and outcome side by side."""
        return pd.concat([self.snapshot.frame, self.outcome], axis=1)

    @property
    def base_rate(self) -> float | None:
        """Return the share of the eligible that became key accounts; None where nobody was eligible."""
        target = self.outcome["target"][self.snapshot.column("eligible")]
        return float(target.mean()) if len(target) else None

    def __repr__(self) -> str:
        """Return one line: rows, dates, horizon, base rate."""
        return f"Panel({self._summary()})"

    def _repr_html_(self) -> str:
        """Return what a notebook shows: customers, eligible and key accounts of each as_of."""
        rows = self.snapshot.columns("as_of", "eligible").assign(target=self.outcome["target"])
        by_date = [
            [
                str(pd.Timestamp(str(day)).date()), f"{len(at):,}", f"{at['eligible'].sum():,}",
                *_grown(at.loc[at["eligible"], "target"]),
            ]
            for day, at in rows.groupby("as_of")
        ]  # fmt: skip
        head = ["as_of", "customers", "eligible", "became key accounts", "base rate"]
        earlier = f"{len(by_date) - SHOWN} earlier dates are not shown." if len(by_date) > SHOWN else ""
        absent = ", ".join(self.snapshot.absent)
        lacking = f"Null for want of columns: {absent}." if absent else ""
        said = sentences([f"{self._summary()}."])
        return section("Panel", said, table(head, by_date[-SHOWN:]), sentences([earlier, lacking], small=True))

    def _summary(self) -> str:
        dates = self.snapshot.column("as_of").nunique()
        base = self.base_rate
        known = "no outcome is known yet" if base is None or np.isnan(base) else f"base rate {base:.2%}"
        return (
            f"{len(self.outcome):,} rows of {dates} as_of date{'' if dates == 1 else 's'}, "
            f"horizon {self.snapshot.target.horizon_days} days, {known}"
        )

    def rows(self, mask: pd.Series) -> Panel:
        """Return the rows where `mask` holds, a value for each in their order; the same panel where it always does."""
        if len(mask) == len(self.outcome) and mask.all():
            return self
        kept = places(mask, len(self.outcome))
        return Panel(self.snapshot.some(kept), self.outcome.iloc[kept].reset_index(drop=True), self.loans)


@dataclass(frozen=True)
class Loan:
    """The panel of another pipeline, of dates whose horizon was over by `before`, with what was known before it.

    lender: the name of that pipeline. file: its file as the borrower writes it in model.borrow. The panel has no rows
    where no horizon was over yet.
    """

    lender: str
    file: str
    before: date
    panel: Panel

    def __post_init__(self) -> None:
        """Refuse a loan in which a horizon would reach past `before`."""
        horizon = timedelta(days=self.panel.snapshot.target.horizon_days)
        late = self.panel.snapshot.column("as_of") + horizon > pd.Timestamp(self.before)
        if late.any():
            raise ValueError(f"lent as_of + horizon must be <= {self.before}, got {int(late.sum())} rows of later ones")


def panel(snapshot: Snapshot, outcome: pd.DataFrame, complete: Sequence[date]) -> Panel:
    """Join a snapshot with `target.outcome`; `complete` are the as_of dates whose horizon is over.

    A customer without a line in a horizon that is over spent 0 in 0 months.
    """
    frame, market = snapshot.columns(*KEY, "spend_h"), ["as_of", "market"]
    joined = _joined(frame[KEY], outcome)
    came = outcome.groupby(market)["spend_ahead"].sum().reindex(pd.MultiIndex.from_frame(frame[market]))
    had = frame.groupby(market)["spend_h"].transform("sum")
    spend, months = (joined[name].fillna(0).to_numpy(np.float64) for name in ("spend_ahead", "months_ahead"))
    trade = Trade(came.to_numpy(np.float64), had.to_numpy(np.float64))
    return panel_of(snapshot, spend, months, trade, complete)


@dataclass(frozen=True, eq=False)
class Trade:
    """What the market of each row of a snapshot came to in the horizon, and what its rows had spent in the last one.

    came: new customers included, null where nobody bought.
    """

    came: NDArray[np.float64]
    had: NDArray[np.float64]


def panel_of(
    snapshot: Snapshot,
    spend_ahead: NDArray[np.float64],
    months_ahead: NDArray[np.float64],
    trade: Trade,
    complete: Sequence[date],
) -> Panel:
    """Return the panel of a snapshot and of what its rows came to, in their order; `complete` as in `panel`."""
    frame = snapshot.columns("as_of", "key_spend")
    over = frame["as_of"].isin(pd.to_datetime(pd.Series(list(complete), dtype="object"))).reset_index(drop=True)
    spend, months = (pd.Series(values).where(over) for values in (spend_ahead, months_ahead))
    target = grown(spend, months, frame["key_spend"].reset_index(drop=True), snapshot.target).where(over)
    season = pd.Series(trade.came).where(over & (trade.had > 0)) / trade.had
    told = {"spend_ahead": spend, "months_ahead": months, "target": target, "season_ahead": season}
    return Panel(snapshot, pd.DataFrame(told))


def _joined(keys: pd.DataFrame, outcome: pd.DataFrame) -> pd.DataFrame:
    """Return the outcome of each row, in their order; rows ascend by as_of.

    Date by date: to compare the texts of all dates at once takes much memory.
    """
    held = ["spend_ahead", "months_ahead"]
    parts = [
        keys.iloc[at].merge(outcome[outcome["as_of"] == day], on=KEY, how="left", validate="one_to_one")[held]
        for day, at in by_date(keys["as_of"]).items()
    ]
    return pd.concat(parts or [outcome[held].iloc[:0]], ignore_index=True)


def by_date(as_of: pd.Series) -> dict[pd.Timestamp, slice]:
    """Return the places of the rows of each as_of; ValueError where they do not ascend."""
    if not as_of.is_monotonic_increasing:
        raise ValueError("rows ascend by as_of")
    days, first = np.unique(as_of.to_numpy(), return_index=True)
    return {pd.Timestamp(day): slice(*ends) for day, ends in zip(days, pairwise([*first, len(as_of)]), strict=True)}


def _grown(target: pd.Series) -> tuple[str, str]:
    """Return how many of the eligible became key accounts, and their share; dashes where that is not known."""
    return (f"{target.sum():,.0f}", f"{target.mean():.2%}") if target.notna().any() else ("-", "-")
