"""Pieces of SQL that every engine understands, for sums that come out the same in whatever order the rows come."""

from __future__ import annotations

MONEY_SCALE, COARSE_SCALE = "1e9", "1e6"
"""Amounts are summed as integers of 1e-9 of the currency; by the sweep, where those are too large, as millionths."""

LOG_SCALE = "1e9"
"""Logs are summed as integers of 1e-9."""

WIDE, NARROW = "DECIMAL(38, 0)", "BIGINT"
"""Integer types for scaled money; NARROW is faster."""

NARROW_LIMIT, COARSE_LIMIT = 9e9, 9e12
"""Up to these sums of the currency NARROW holds, at MONEY_SCALE and at COARSE_SCALE."""


def scaled(value: str, integer: str = WIDE, scale: str = MONEY_SCALE) -> str:
    """Return money as an integer of 1/scale."""
    return f"CAST(ROUND(({value}) * {scale}) AS {integer})"


def unscaled(integers: str) -> str:
    """Return a sum of scaled money in currency, rounded to 1e-6 (a sum of 1e-17 is nothing)."""
    return f"ROUND(CAST({integers} AS DOUBLE) / {MONEY_SCALE}, 6)"


def exact_sum(value: str, scale: str = "1e15") -> str:
    """Sum doubles as integers of 1/scale; null where all are null."""
    return f"CAST(SUM(CAST(ROUND(({value}) * {scale}) AS DECIMAL(38, 0))) AS DOUBLE) / {scale}"
