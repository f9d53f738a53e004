"""What data a result rests on, as one short text."""

from __future__ import annotations

from datetime import date

from smartaccounts.orders.contract import COLUMNS, OrderLines
from smartaccounts.timeline import day_number


def digest(lines: OrderLines, *, known_before: date) -> str:
    """Return a digest of the lines known before a date, whatever their order: `<lines>-<16 hex digits>`."""
    columns = ", ".join(c.held_as for c in COLUMNS)
    count, total = lines.engine.rows(
        f"SELECT COUNT(*), COALESCE(SUM(CAST(HASH({columns}) AS HUGEINT)), 0) FROM {lines.table} "
        f"WHERE known_day < {day_number(known_before)}"
    )[0]
    return f"{count}-{int(total) % 2**64:016x}"
