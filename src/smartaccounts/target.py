"""What happened in the horizon, and the yes/no made of it (docs/definitions.md)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import numpy as np
import pandas as pd

from smartaccounts.config import Target
from smartaccounts.engine.sql import scaled, unscaled
from smartaccounts.orders.contract import OrderLines
from smartaccounts.timeline import day_number, from_day_number


def complete(as_ofs: Sequence[date], *, horizon_days: int, known_before: date | None, last_day: int) -> list[date]:
    """Return the as_of dates whose horizon is over.

    With `known_before` (training): as_of + horizon <= known_before, whatever the source's last line is. Without (a
    fold's test date): the source's last order date is the last day of the horizon or later.
    """
    end = known_before or from_day_number(last_day + 1)
    return [d for d in as_ofs if d + timedelta(days=horizon_days) <= end]


def outcome(
    lines: OrderLines, as_ofs: Sequence[date], *, horizon_days: int, known_before: date | None = None
) -> pd.DataFrame:
    """Return what customers bought in `[as_of, as_of + horizon_days)`, from lines known before `known_before`.

    One row per (as_of, market, customer_id) with a line in the horizon, ascending, for the as_of dates whose horizon is
    over (`complete`): spend_ahead (net, rounded to 1e-6) and months_ahead (distinct calendar months with a line).
    """
    engine = lines.engine
    over = complete(as_ofs, horizon_days=horizon_days, known_before=known_before, last_day=lines.last_day)
    starts = pd.DataFrame({"as_of": pd.array([day_number(d) for d in over], dtype="int32")})
    engine.load("outcome_as_ofs", starts)
    # months come from a table of days, since engines differ in date arithmetic
    days = range(lines.first_day, lines.last_day + 1)
    months = [d.year * 12 + d.month for d in map(from_day_number, days)]
    engine.load(
        "calendar", pd.DataFrame({"day": np.array(days, dtype="int32"), "month": np.array(months, dtype="int32")})
    )
    known = "" if known_before is None else f" AND l.known_day < {day_number(known_before)}"
    return engine.frame(f"""
        SELECT DATE '1970-01-01' + as_of AS as_of, market, customer_id, {unscaled("SUM(amount)")} AS spend_ahead,
          COUNT(*) AS months_ahead
        FROM (
          SELECT a.as_of, l.market, l.customer_id, m.month, SUM({scaled("l.amount")}) AS amount
          FROM {lines.table} l CROSS JOIN outcome_as_ofs a JOIN calendar m ON m.day = l.day
          WHERE l.day >= a.as_of AND l.day < a.as_of + {horizon_days}{known}
          GROUP BY a.as_of, l.market, l.customer_id, m.month) by_month
        GROUP BY as_of, market, customer_id ORDER BY as_of, market, customer_id""")


def grown(spend_ahead: pd.Series, months_ahead: pd.Series, key_spend: pd.Series, target: Target) -> pd.Series:
    """Return 1.0 where the customer became a key account, 0.0 where not, null where its market has no K.

    Key is spend_ahead >= K, with lines in at least `sustained_months` calendar months.
    """
    yes = (spend_ahead >= key_spend) & (months_ahead >= target.sustained_months)
    return yes.astype("float64").where(key_spend.notna())
