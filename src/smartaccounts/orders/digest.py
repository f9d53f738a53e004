"""What data a result rests on, as one short text."""

from __future__ import annotations

from datetime import date
from functools import partial

import pyarrow as pa

from smartaccounts.orders.contract import COLUMNS, Lines, OrderLines
from smartaccounts.timeline import day_number

_COUNTED = pa.schema([("lines", pa.int64()), ("total", pa.string())])  # Spark has no unsigned numbers


def digest(lines: Lines, *, known_before: date) -> str:
    """Return a digest of the lines known before a date, whatever their order: `<lines>-<16 hex digits>`."""
    counted = lines.over_customers(partial(_counted, known_before=day_number(known_before)), _COUNTED)
    total = sum(map(int, counted["total"].to_pylist())) % 2**64
    return f"{sum(counted['lines'].to_pylist())}-{total:016x}"


def _counted(lines: OrderLines, *, known_before: int) -> pa.Table:
    stored = () if lines.stored is None else lines.stored.files
    known = [file for file in stored if file.last_known < known_before]  # counted when they were written
    rest = f"({lines.but({file.name for file in known})})" if known else lines.table
    count, total = lines.engine.rows(f"SELECT COUNT(*), {hashed()} FROM {rest} WHERE known_day < {known_before}")[0]
    count, total = count + sum(file.rows for file in known), total + sum(file.hashed for file in known)
    return pa.table({"lines": [count], "total": [str(total)]}, schema=_COUNTED)


def hashed() -> str:
    """Return SQL for the sum of the hashes of lines with every column of the contract, each below 2^64."""
    return f"COALESCE(SUM(CAST(HASH({', '.join(c.held_as for c in COLUMNS)}) AS HUGEINT)), 0)"
