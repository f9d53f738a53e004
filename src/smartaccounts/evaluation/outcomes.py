"""Outcomes of many as_of dates, as they were known at a date."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import pandas as pd

from smartaccounts.config import Target
from smartaccounts.features.snapshot import Snapshot
from smartaccounts.orders.contract import Lines
from smartaccounts.panel import Panel, panel
from smartaccounts.target import complete, outcome


class Outcomes:
    """Outcomes as they were known at a date; computed once where every line is known on its day."""

    def __init__(self, lines: Lines, dates: Sequence[date], target: Target) -> None:
        """Hold the lines; `dates` are all as_of dates whose outcomes will be asked for."""
        self.lines, self.horizon_days = lines, target.horizon_days
        self._all: pd.DataFrame | None = None
        if "known_date" not in lines.provided:
            # a horizon is over by the calendar: the source's last line, which may be of any day, has no say
            end = max(dates) + timedelta(days=self.horizon_days)
            self._all = outcome(lines, dates, horizon_days=self.horizon_days, known_before=end)

    def panel(self, seen: Snapshot, dates: Sequence[date], *, known_before: date | None) -> Panel:
        """Return the panel of `dates` with the outcomes known before `known_before` (None: in the source)."""
        days = self.horizon_days
        over = complete(dates, horizon_days=days, known_before=known_before, last_day=self.lines.last_day)
        found = self._all
        if found is None:
            found = outcome(self.lines, over, horizon_days=days, known_before=known_before)
        return panel(seen.at(dates), found, over)
