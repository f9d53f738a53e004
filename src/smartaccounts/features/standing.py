"""Who is active, small, key and eligible at an as_of (docs/definitions.md)."""

from __future__ import annotations

from smartaccounts.config import Target
from smartaccounts.engine.sql import exact_sum
from smartaccounts.features.catalogue import NONE, money, within

STANDING = ["active", "eligible", "key_spend", "small_spend", "spend_h", "spend_before_h", "season_h"]
"""The columns of the standing."""


def standing_sql(target: Target) -> str:
    """Return the SELECT of the standing: one row per (as_of, c) of `seen`.

    Columns: spend_h [as_of-H, as_of), spend_before_h [as_of-2H, as_of-H), active (0/1), eligible (0/1), key_spend (K) and
    small_spend (S) of the market; both null, and eligible 0, in a market with fewer than min_active active customers;
    season_h, what the market's spend of the coming horizon over that of the last one is to be by last year: last year's
    horizon over the one before it, or over the last one while the history is too short for that, else null.
    """
    h = target.horizon_days
    ahead = money("amount", within(365 - h, 365)) if h <= 365 else NONE
    behind = money("amount", within(365, 365 + h))
    key = str(float(target.key_spend)) if target.key_spend else _quantile(target.key_quantile)
    small = str(float(target.small_spend)) if target.small_spend else _quantile(target.small_quantile)
    return f"""
WITH spent AS (
  SELECT as_of, c, {money("amount", within(0, h))} AS spend_h, {money("amount", within(h, 2 * h))} AS spend_before_h,
    {money("amount", within(0, 365))} AS spend_alive, {ahead} AS spend_ahead, {behind} AS spend_behind
  FROM seen_orders GROUP BY as_of, c),
rows_ AS (
  SELECT s.as_of, s.c, s.market, s.history_days, COALESCE(x.spend_h, 0.0) AS spend_h,
    COALESCE(x.spend_before_h, 0.0) AS spend_before_h, COALESCE(x.spend_alive, 0.0) AS spend_alive,
    x.spend_ahead, x.spend_behind
  FROM seen s LEFT JOIN spent x ON x.as_of = s.as_of AND x.c = s.c),
bar AS (
  SELECT as_of, market, {key} AS key_spend, {small} AS small_spend
  FROM rows_ WHERE spend_h > 0 GROUP BY as_of, market HAVING COUNT(*) >= {target.min_active}),
trade AS (
  SELECT as_of, market, MAX(history_days) AS history_days, {exact_sum("spend_h")} AS now,
    {exact_sum("spend_ahead")} AS ahead, {exact_sum("spend_behind")} AS behind
  FROM rows_ GROUP BY as_of, market),
season AS (
  SELECT as_of, market,
    CASE WHEN history_days >= {365 + h} AND ahead > 0 AND behind > 0 THEN ahead / behind
      WHEN history_days >= 365 AND ahead > 0 AND now > 0 THEN ahead / now END AS season_h
  FROM trade)
SELECT r.as_of, r.c, r.spend_h, r.spend_before_h, CASE WHEN r.spend_h > 0 THEN 1 ELSE 0 END AS active,
  CASE WHEN r.spend_h < b.small_spend AND r.spend_before_h < b.key_spend AND r.spend_alive > 0 THEN 1 ELSE 0 END AS eligible,
  b.key_spend, b.small_spend, t.season_h
FROM rows_ r LEFT JOIN bar b ON b.as_of = r.as_of AND b.market = r.market
JOIN season t ON t.as_of = r.as_of AND t.market = r.market"""


def _quantile(share: float) -> str:
    return f"PERCENTILE_CONT({share!r}) WITHIN GROUP (ORDER BY spend_h)"
