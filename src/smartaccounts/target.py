"""What happened in the horizon, and the yes/no made of it (docs/definitions.md)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from functools import partial

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

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
    starts = sorted({day_number(d) for d in over})
    before = None if known_before is None else day_number(known_before)
    found = _CAME.empty_table()
    if over:
        found = lines.over_customers(partial(_came, starts=starts, horizon_days=horizon_days, before=before), _CAME)
    frame: pd.DataFrame = _ascending(found).to_pandas()
    return frame.astype({"as_of": "datetime64[us]"})


def _ascending(found: pa.Table) -> pa.Table:
    """Return the rows by as_of, market and customer_id; a text is compared once, however many rows it has."""
    coded = {name: found[name].dictionary_encode().combine_chunks() for name in ("market", "customer_id")}
    ranks = {name: pc.rank(texts.dictionary).take(texts.indices) for name, texts in coded.items()}
    by = pa.table({"as_of": found["as_of"], **ranks})
    return found.take(pc.sort_indices(by, sort_keys=[(name, "ascending") for name in by.column_names]))


def _came(lines: OrderLines, *, starts: Sequence[int], horizon_days: int, before: int | None) -> pa.Table:
    engine = lines.engine
    days, as_ofs = _cut(starts, horizon_days)
    engine.load("outcome_days", days)
    engine.load("outcome_as_ofs", as_ofs)
    known = "" if before is None else f" AND l.known_day < {before}"
    within = f"l.day >= {starts[0]} AND l.day < {starts[-1] + horizon_days}"  # said of all, files are passed over
    # a line is added up once for all as_ofs; a month is a bit, since a piece may hold a part of it
    return engine.arrow(f"""
        SELECT DATE '1970-01-01' + as_of AS as_of, market, customer_id, {unscaled("SUM(amount)")} AS spend_ahead,
          CAST(BIT_COUNT(BIT_OR(CAST(1 AS BIGINT) << (p.month - a.month))) AS BIGINT) AS months_ahead
        FROM (
          SELECT l.market, l.customer_id, d.piece, ANY_VALUE(d.month) AS month, SUM({scaled("l.amount")}) AS amount
          FROM {lines.table} l JOIN outcome_days d ON d.day = l.day
          WHERE {within}{known}
          GROUP BY l.market, l.customer_id, d.piece) p
        JOIN outcome_as_ofs a ON p.piece BETWEEN a.first_piece AND a.last_piece
        GROUP BY as_of, market, customer_id""")


def _cut(starts: Sequence[int], horizon_days: int) -> tuple[pa.Table, pa.Table]:
    """Cut time into pieces where a horizon begins or ends, and where a month does.

    starts ascend. Return day, month and piece of each day of a horizon, and as_of, month, first_piece and last_piece of
    each horizon; months count on from 1970-01. A horizon has at most 37, so that each can be a bit of 64.
    """
    begins = np.array(starts, dtype=np.int64)
    days = np.arange(begins[0], begins[-1] + horizon_days)
    months = days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int32)
    cuts = np.isin(days, [begins, begins + horizon_days]) | (np.diff(months, prepend=-1) != 0)
    pieces, first = np.cumsum(cuts).astype(np.int32), begins - days[0]
    within = days < begins[np.searchsorted(begins, days, side="right") - 1] + horizon_days
    of_days = pa.table({"day": days.astype(np.int32), "month": months, "piece": pieces}).filter(pa.array(within))
    of_horizons = {"first_piece": pieces[first], "last_piece": pieces[first + horizon_days - 1]}
    return of_days, pa.table({"as_of": begins.astype(np.int32), "month": months[first], **of_horizons})


def grown(spend_ahead: pd.Series, months_ahead: pd.Series, key_spend: pd.Series, target: Target) -> pd.Series:
    """Return 1.0 where the customer became a key account, 0.0 where not, null where its market has no K.

    Key is spend_ahead >= K, with lines in at least `sustained_months` calendar months.
    """
    yes = (spend_ahead >= key_spend) & (months_ahead >= target.sustained_months)
    return yes.astype("float64").where(key_spend.notna())
