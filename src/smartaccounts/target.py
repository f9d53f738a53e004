"""What happened in the horizon, and the yes/no made of it (docs/definitions.md)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from functools import partial

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from smartaccounts.config import Target
from smartaccounts.engine.sql import scaled, unscaled
from smartaccounts.orders.contract import Lines, OrderLines
from smartaccounts.timeline import day_number, from_day_number

Days = NDArray[np.int64]
"""Day numbers."""

_NO_DAYS = np.zeros(0, dtype=np.int64)
_CAME = pa.schema(
    [("as_of", pa.date32()), ("market", pa.string()), ("customer_id", pa.string()),
     ("spend_ahead", pa.float64()), ("months_ahead", pa.int64())]
)  # fmt: skip
_BECAME_KNOWN = _CAME.insert(3, pa.field("since", pa.int32())).append(pa.field("until", pa.int32()))


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
    before = None if known_before is None else day_number(known_before)
    return _found(lines, over, partial(_came, horizon_days=horizon_days, before=before), _CAME)


def outcome_as_known(
    lines: Lines, as_ofs: Sequence[date], *, horizon_days: int, befores: Sequence[date]
) -> pd.DataFrame:
    """Return the same as it was known before each of some dates, and in the end, out of one look at the lines.

    befores: ascending. One row for each of them at which it changed, where a horizon was over by then: since, the place
    among `befores` of the first at which the row counts, and until, that of the first at which it does not any more; in
    the place after the last of them all lines count. Ascending as above, then by since.
    """
    days = np.array([day_number(d) for d in befores], dtype=np.int64)
    return _found(lines, as_ofs, partial(_became_known, horizon_days=horizon_days, befores=days), _BECAME_KNOWN)


def _found(lines: Lines, as_ofs: Sequence[date], asked: Callable[..., pa.Table], schema: pa.Schema) -> pd.DataFrame:
    starts = sorted({day_number(d) for d in as_ofs})
    found = lines.over_customers(partial(asked, starts=starts), schema) if starts else schema.empty_table()
    order, columns = _ascending(found), dict(zip(found.column_names, found.columns, strict=True))
    del found
    for name in list(columns):  # column by column, each let go: there is a row for each customer and as_of
        columns[name] = columns[name].take(order)
    ascending, columns = pa.table(columns), {}
    frame: pd.DataFrame = ascending.to_pandas(self_destruct=True)
    return frame.astype({"as_of": "datetime64[us]"})


def _ascending(found: pa.Table) -> pa.Array:
    """Return the places of the rows by as_of, market, customer_id and since; a text is compared once."""
    coded = {name: found[name].dictionary_encode().combine_chunks() for name in ("market", "customer_id")}
    ranks = {name: pc.rank(texts.dictionary).take(texts.indices) for name, texts in coded.items()}
    last = {name: found[name] for name in found.column_names if name == "since"}
    by = pa.table({"as_of": found["as_of"], **ranks, **last})
    return pc.sort_indices(by, sort_keys=[(name, "ascending") for name in by.column_names])


def _came(lines: OrderLines, *, starts: Sequence[int], horizon_days: int, before: int | None) -> pa.Table:
    known = "" if before is None else f"l.known_day < {before}"
    return lines.engine.arrow(f"""
        SELECT {_WHOSE}, {unscaled("SUM(amount)")} AS spend_ahead, {_months(f"BIT_OR({_BITS})")} AS months_ahead
        FROM {_pieces(lines, starts, horizon_days, only=known)}
        GROUP BY as_of, market, customer_id""")


def _became_known(lines: OrderLines, *, starts: Sequence[int], horizon_days: int, befores: Days) -> pa.Table:
    end = len(befores) + 1
    if "known_date" not in lines.provided:  # every line is known on its day: nothing changes after the horizon
        came = _came(lines, starts=starts, horizon_days=horizon_days, before=None)
        last_day = came["as_of"].cast(pa.int32()).to_numpy().astype(np.int64) + horizon_days - 1
        since = pa.array(_since(last_day, befores))
        until = pa.repeat(pa.scalar(end, pa.int32()), len(came))
        return came.add_column(3, "since", since).append_column("until", until)
    by = " ".join(f"WHEN l.known_day < {day} THEN {place}" for place, day in enumerate(befores))
    known = f"GREATEST({f'CASE {by} ELSE {len(befores)} END' if by else 0}, d.since)"
    return lines.engine.arrow(f"""
        SELECT {_WHOSE}, since, {unscaled("SUM(amount) OVER upto")} AS spend_ahead,
          {_months("BIT_OR(months) OVER upto")} AS months_ahead,
          CAST(COALESCE(LEAD(since) OVER upto, {end}) AS INTEGER) AS until
        FROM (
          SELECT a.as_of, market, customer_id, CAST(GREATEST(p.known, a.since) AS INTEGER) AS since,
            SUM(amount) AS amount, BIT_OR({_BITS}) AS months
          FROM {_pieces(lines, starts, horizon_days, known=known, befores=befores)}
          GROUP BY ALL)
        WINDOW upto AS (PARTITION BY as_of, market, customer_id ORDER BY since)""")


def _since(days: Days, befores: Days) -> NDArray[np.int32]:
    """Return the place among `befores` of the first that comes after each day; that after the last where none does."""
    return np.searchsorted(befores, days, side="right").astype(np.int32)


_WHOSE = "DATE '1970-01-01' + as_of AS as_of, market, customer_id"
_BITS = "CAST(1 AS BIGINT) << (p.month - a.month)"  # a month is a bit, since a piece may hold a part of it


def _months(bits: str) -> str:
    return f"CAST(BIT_COUNT({bits}) AS BIGINT)"


def _pieces(
    lines: OrderLines,
    starts: Sequence[int],
    horizon_days: int,
    *,
    only: str = "",
    known: str = "",
    befores: Days = _NO_DAYS,
) -> str:
    """Return what was bought in each piece of time, p, beside each as_of a whose horizon holds it, as SQL after FROM.

    A line is added up once for all as_ofs.
    only: a condition on the lines. known: when they were known, to tell them apart by. befores: as in `_cut`.
    """
    days, as_ofs = _cut(starts, horizon_days, befores)
    lines.engine.load("outcome_days", days)
    lines.engine.load("outcome_as_ofs", as_ofs)
    within = f"l.day >= {starts[0]} AND l.day < {starts[-1] + horizon_days}"  # said of all, files are passed over
    return f"""(
        SELECT l.market, l.customer_id, d.piece, ANY_VALUE(d.month) AS month, SUM({scaled("l.amount")}) AS amount
          {known and f", {known} AS known"}
        FROM {lines.table} l JOIN outcome_days d ON d.day = l.day
        WHERE {within}{only and f" AND {only}"}
        GROUP BY l.market, l.customer_id, d.piece{known and f", {known}"}) p
        JOIN outcome_as_ofs a ON p.piece BETWEEN a.first_piece AND a.last_piece"""


def _cut(starts: Sequence[int], horizon_days: int, befores: Days) -> tuple[pa.Table, pa.Table]:
    """Cut time into pieces where a horizon begins or ends, and where a month does.

    starts ascend. Return day, month, piece and since of each day of a horizon, and as_of, month, since, first_piece and
    last_piece of each horizon; months count on from 1970-01; since is the place among `befores` of the first by which
    the horizon is over, of a day the first of those that hold it. A horizon has at most 37 months, so that each can be
    a bit of 64.
    """
    begins = np.array(starts, dtype=np.int64)
    days = np.arange(begins[0], begins[-1] + horizon_days)
    months = days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int32)
    cuts = np.isin(days, [begins, begins + horizon_days]) | (np.diff(months, prepend=-1) != 0)
    pieces, first = np.cumsum(cuts).astype(np.int32), begins - days[0]
    within = days < begins[np.searchsorted(begins, days, side="right") - 1] + horizon_days
    ends = begins + horizon_days - 1
    since = _since(ends, befores)
    first_since = since[np.searchsorted(ends, days)]
    of_days = pa.table({"day": days.astype(np.int32), "month": months, "piece": pieces, "since": first_since})
    of_horizons = {"first_piece": pieces[first], "last_piece": pieces[first + horizon_days - 1], "since": since}
    as_ofs = pa.table({"as_of": begins.astype(np.int32), "month": months[first], **of_horizons})
    return of_days.filter(pa.array(within)), as_ofs


def grown(spend_ahead: pd.Series, months_ahead: pd.Series, key_spend: pd.Series, target: Target) -> pd.Series:
    """Return 1.0 where the customer became a key account, 0.0 where not, null where its market has no K.

    Key is spend_ahead >= K, with lines in at least `sustained_months` calendar months.
    """
    yes = (spend_ahead >= key_spend) & (months_ahead >= target.sustained_months)
    return yes.astype("float64").where(key_spend.notna())
