"""Who is active, small, key and eligible at an as_of (DESIGN section 5)."""

from __future__ import annotations

from smartaccounts.config import Target
from smartaccounts.features.catalogue import money, within


def standing_sql(target: Target) -> str:
    """Return the SELECT of the standing: one row per (as_of, c) of `seen`.

    Columns: spend_h [as_of-H, as_of), spend_before_h [as_of-2H, as_of-H), active (0/1), eligible (0/1), key_spend (K) and
    small_spend (S) of the market; both null, and eligible 0, in a market with fewer than min_active active customers.
    """
    h = target.horizon_days
    key = str(float(target.key_spend)) if target.key_spend else _quantile(target.key_quantile)
    small = str(float(target.small_spend)) if target.small_spend else _quantile(target.small_quantile)
    return f"""
WITH spent AS (
  SELECT as_of, c, {money("amount", within(0, h))} AS spend_h, {money("amount", within(h, 2 * h))} AS spend_before_h,
    {money("amount", within(0, 365))} AS spend_alive
  FROM seen_orders GROUP BY as_of, c),
rows_ AS (
  SELECT s.as_of, s.c, s.market, COALESCE(x.spend_h, 0.0) AS spend_h, COALESCE(x.spend_before_h, 0.0) AS spend_before_h,
    COALESCE(x.spend_alive, 0.0) AS spend_alive
  FROM seen s LEFT JOIN spent x ON x.as_of = s.as_of AND x.c = s.c),
bar AS (
  SELECT as_of, market, {key} AS key_spend, {small} AS small_spend
  FROM rows_ WHERE spend_h > 0 GROUP BY as_of, market HAVING COUNT(*) >= {target.min_active})
SELECT r.as_of, r.c, r.spend_h, r.spend_before_h, CASE WHEN r.spend_h > 0 THEN 1 ELSE 0 END AS active,
  CASE WHEN r.spend_h < b.small_spend AND r.spend_before_h < b.key_spend AND r.spend_alive > 0 THEN 1 ELSE 0 END AS eligible,
  b.key_spend, b.small_spend
FROM rows_ r LEFT JOIN bar b ON b.as_of = r.as_of AND b.market = r.market"""


def _quantile(share: float) -> str:
    return f"PERCENTILE_CONT({share!r}) WITHIN GROUP (ORDER BY spend_h)"
