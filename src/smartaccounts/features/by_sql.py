"""The snapshot by SQL: the oracle of the sweep, and the path for money too large for 64 bits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

import pandas as pd

from smartaccounts.config import Target
from smartaccounts.features import cube
from smartaccounts.features.catalogue import Family, Feature
from smartaccounts.features.families import FAMILIES, absent_features
from smartaccounts.features.peers import PEERS
from smartaccounts.features.standing import standing_sql
from smartaccounts.orders.contract import OrderLines

AT_ONCE = 4
"""As_of dates laid out in memory at once."""


def frames(
    lines: OrderLines, as_ofs: Sequence[date], targets: Sequence[Target]
) -> Iterator[tuple[int, list[pd.DataFrame]]]:
    """Yield, a few as_of dates at a time, how many they were and per target the rows of those with enough history."""
    cube.build(lines)
    dates = sorted(set(as_ofs))
    for start in range(0, len(dates), AT_ONCE):
        chunk = dates[start : start + AT_ONCE]
        _lay_out(lines, chunk, horizon_days=min(t.horizon_days for t in targets))
        answers = [_answer(lines, target, standing=f"standing_{i}") for i, target in enumerate(targets)]
        yield len(chunk), [lines.engine.frame(sql) for sql in answers]


def _lay_out(lines: OrderLines, as_ofs: Sequence[date], *, horizon_days: int) -> None:
    """Make the table of every family, of the as_of dates with so much history."""
    engine = lines.engine
    cube.see(lines, as_ofs, horizon_days=horizon_days)
    for family in FAMILIES:
        if family is PEERS:
            engine.run(_LEVELS)
        engine.run(f"CREATE OR REPLACE TABLE {_table(family)} AS {family.sql(lines.provided)}")


def _answer(lines: OrderLines, target: Target, *, standing: str) -> str:
    """Make the table `standing` of what is laid out; return the SELECT of its rows with all features beside."""
    lines.engine.run(f"CREATE OR REPLACE TABLE {standing} AS {standing_sql(target)}")
    absent = absent_features(lines.provided)
    columns = ",\n  ".join(_column(f, family, absent) for family in FAMILIES for f in family.features)
    joins = "\n".join(
        f"LEFT JOIN {t} ON {t}.as_of = s.as_of AND {t}.c = s.c" for t in (standing, *(_table(f) for f in FAMILIES))
    )
    return f"""
        SELECT DATE '1970-01-01' + s.as_of AS as_of, s.market, s.customer_id, {standing}.active = 1 AS active,
          {standing}.eligible = 1 AS eligible, key_spend, small_spend, spend_h, spend_before_h, season_h,
          {columns}
        FROM seen s {joins} WHERE s.history_days >= {target.horizon_days} ORDER BY s.as_of, s.c"""


# what peers are ranked by: one row per row of the snapshot
_LEVELS = """CREATE OR REPLACE TABLE levels AS
SELECT s.as_of, s.c, s.market, s.customer_id, s.history_days, s.as_of - s.first_day AS tenure_days,
  COALESCE(p.spend_91d, 0) AS spend_91d, COALESCE(p.spend_182d, 0) AS spend_182d, COALESCE(p.spend_365d, 0) AS spend_365d,
  COALESCE(p.spend_prior_182d, 0) AS spend_prior_182d, COALESCE(p.spend_decay_180d, 0) AS spend_decay_180d,
  y.spend_year_ago_ahead_182d, y.spend_year_ago_behind_182d
FROM seen s
LEFT JOIN family_spend p ON p.as_of = s.as_of AND p.c = s.c
LEFT JOIN family_season y ON y.as_of = s.as_of AND y.c = s.c"""


def _table(family: Family) -> str:
    return f"family_{family.name}"


def _column(feature: Feature, family: Family, absent: Sequence[str]) -> str:
    column = f"{_table(family)}.{feature.name}"
    zero = feature.zero and feature.name not in absent
    return f"COALESCE({column}, 0) AS {feature.name}" if zero else column
