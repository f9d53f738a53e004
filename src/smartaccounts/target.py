"""What happened in the horizon, and the yes/no made of it (docs/definitions.md)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from functools import partial

import numpy as np
import pandas as pd
import pyarrow as pa

from smartaccounts.config import Target
from smartaccounts.engine.sql import scaled, unscaled
from smartaccounts.orders.contract import Lines, OrderLines
from smartaccounts.timeline import day_number, from_day_number

_CAME = pa.schema(
    [("as_of", pa.date32()), ("market", pa.string()), ("customer_id", pa.string()),
     ("spend_ahead", pa.float64()), ("months_ahead", pa.int64())]
)  # fmt: skip


def complete(as_ofs: Sequence[date], *, horizon_days: int, known_before: date | None, last_day: int) -> list[date]:
    """Return the as_of dates whose horizon is over.

    With `known_before` (training): as_of + horizon <= known_before, whatever the source's last line is. Without (a
    fold's test date): the source's last order date is the last day of the horizon or later.
    """
    end = known_before or from_day_number(last_day + 1)
    return [d for d in as_ofs if d + timedelta(days=horizon_days) <= end]


def outcome(
    lines: Lines, as_ofs: Sequence[date], *, horizon_days: int, known_before: date | None = None
) -> pd.DataFrame:
    """Return what customers bought in `[as_of, as_of + horizon_days)`, from lines known before `known_before`.

    One row per (as_of, market, customer_id) with a line in the horizon, ascending, for the as_of dates whose horizon is
    over (`complete`): spend_ahead (net, rounded to 1e-6) and months_ahead (distinct calendar months with a line).
    """
    over = complete(as_ofs, horizon_days=horizon_days, known_before=known_before, last_day=lines.last_day)
    starts = tuple(day_number(d) for d in over)
    before = None if known_before is None else day_number(known_before)
    found = _CAME.empty_table()
    if over:
        found = lines.over_customers(partial(_came, starts=starts, horizon_days=horizon_days, before=before), _CAME)
    frame: pd.DataFrame = found.sort_by([(k, "ascending") for k in ("as_of", "market", "customer_id")]).to_pandas()
    return frame.astype({"as_of": "datetime64[us]"})


def _came(lines: OrderLines, *, starts: Sequence[int], horizon_days: int, before: int | None) -> pa.Table:
    engine = lines.engine
    engine.load("outcome_as_ofs", pa.table({"as_of": pa.array(starts, pa.int32())}))
    # months come from a table of days, since engines differ in date arithmetic
    days = range(lines.first_day, lines.last_day + 1)
    months = [d.year * 12 + d.month for d in map(from_day_number, days)]
    engine.load(
        "calendar", pd.DataFrame({"day": np.array(days, dtype="int32"), "month": np.array(months, dtype="int32")})
    )
    known = "" if before is None else f" AND l.known_day < {before}"
    within = f"l.day >= {min(starts)} AND l.day < {max(starts) + horizon_days}"  # said of all, files are passed over
    return engine.arrow(f"""
        SELECT DATE '1970-01-01' + as_of AS as_of, market, customer_id, {unscaled("SUM(amount)")} AS spend_ahead,
          COUNT(*) AS months_ahead
        FROM (
          SELECT a.as_of, l.market, l.customer_id, m.month, SUM({scaled("l.amount")}) AS amount
          FROM {lines.table} l CROSS JOIN outcome_as_ofs a JOIN calendar m ON m.day = l.day
          WHERE {within} AND l.day >= a.as_of AND l.day < a.as_of + {horizon_days}{known}
          GROUP BY a.as_of, l.market, l.customer_id, m.month) by_month
        GROUP BY as_of, market, customer_id""")


def grown(spend_ahead: pd.Series, months_ahead: pd.Series, key_spend: pd.Series, target: Target) -> pd.Series:
    """Return 1.0 where the customer became a key account, 0.0 where not, null where its market has no K.

    Key is spend_ahead >= K, with lines in at least `sustained_months` calendar months.
    """
    yes = (spend_ahead >= key_spend) & (months_ahead >= target.sustained_months)
    return yes.astype("float64").where(key_spend.notna())
