"""Outcomes of many as_of dates, as they were known at a date."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import ArrayLike, NDArray

from smartaccounts.features.snapshot import KEY, Snapshot
from smartaccounts.orders.contract import Lines
from smartaccounts.panel import Panel, Trade, by_date, panel_of
from smartaccounts.target import complete, outcome_as_known

NOBODY = -1
"""The row of an account that is not among those of the snapshot, as who was not known at as_of."""


class Outcomes:
    """What the rows of a snapshot came to, as it was known at some dates: out of one look at the lines.

    It is kept in numbers: `_row`, the place in the snapshot of the account that a value is of, and `_market`, that of
    its market among the markets of all dates.
    """

    def __init__(self, lines: Lines, seen: Snapshot, befores: Sequence[date]) -> None:
        """Look at what followed the as_of dates of a snapshot; `befores`: the dates that `panel` will be asked for."""
        self._seen, self._last_day, self._befores = seen, lines.last_day, sorted({*befores})
        dates, horizon = [day.date() for day in seen.column("as_of").unique()], seen.target.horizon_days
        found = outcome_as_known(lines, dates, horizon_days=horizon, befores=self._befores)
        self._spend, self._months = found["spend_ahead"].to_numpy(), found["months_ahead"].to_numpy(np.int8)
        self._since, self._until = found["since"].to_numpy(), found["until"].to_numpy()
        rows = seen.columns(*KEY, "spend_h")
        self._row = _rows_of(found, rows)
        names = pa.array(pd.concat([rows["market"].drop_duplicates(), found["market"].drop_duplicates()]).unique())
        self._market_of_row, self._market = (_markets(frame, rows["as_of"].unique(), names) for frame in (rows, found))
        self._had = _totals(rows["spend_h"].to_numpy(), self._market_of_row, len(dates) * len(names))

    def panel(self, dates: Sequence[date], *, known_before: date | None) -> Panel:
        """Return the panel of `dates` with the outcomes known before `known_before` (None: in the source).

        ValueError where that is not one of `befores`.
        """
        days = self._seen.target.horizon_days
        over = complete(dates, horizon_days=days, known_before=known_before, last_day=self._last_day)
        if known_before not in (None, *self._befores):
            raise ValueError(f"Expected one of the dates that were said, got {known_before}.")
        at_before = len(self._befores) if known_before is None else self._befores.index(known_before)
        valid = (self._since <= at_before) & (self._until > at_before)
        at = self._seen.places_at(dates)
        came = _totals(self._spend[valid], self._market[valid], len(self._had))[self._market_of_row[at]]
        trade = Trade(came, self._had[self._market_of_row[at]])
        own = valid & (self._row != NOBODY)
        spend, months = np.zeros(len(self._seen)), np.zeros(len(self._seen))
        spend[self._row[own]], months[self._row[own]] = self._spend[own], self._months[own]
        return panel_of(self._seen.some(at), spend[at], months[at], trade, over)


def _rows_of(accounts: pd.DataFrame, rows: pd.DataFrame) -> NDArray[np.int32]:
    """Return the place among `rows` of each account; texts of one date at a time are compared."""
    of_rows, found = by_date(rows["as_of"]), [np.zeros(0, np.int32)]
    for day, at in by_date(accounts["as_of"]).items():
        there = rows[KEY[1:]].iloc[of_rows[day]].assign(row=np.arange(of_rows[day].start, of_rows[day].stop))
        part = accounts[KEY[1:]].iloc[at].merge(there, on=KEY[1:], how="left", validate="many_to_one")
        found.append(part["row"].fillna(NOBODY).to_numpy(np.int32))
    return np.concatenate(found)


def _markets(rows: pd.DataFrame, days: ArrayLike, names: pa.Array) -> NDArray[np.int32]:
    """Return the place of the market of each row among those of all days, the first day's first."""
    day = np.searchsorted(days, rows["as_of"].to_numpy()).astype(np.int32)
    market: NDArray[np.int32] = np.asarray(pc.index_in(pa.array(rows["market"]), value_set=names))
    return day * np.int32(len(names)) + market


def _totals(values: NDArray[np.float64], groups: NDArray[np.int32], count: int) -> NDArray[np.float64]:
    """Return the sum of the values of each group, null where it has none."""
    return np.asarray(pd.Series(values).groupby(groups).sum().reindex(range(count)), dtype=np.float64)
