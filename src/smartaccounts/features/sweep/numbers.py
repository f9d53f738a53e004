"""SQL for the numbers of a line, `l`: what the sweep knows of it beside whose it is and of what."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from smartaccounts.engine.sql import LOG_SCALE, MONEY_SCALE, NARROW, scaled
from smartaccounts.features.channels import is_digital
from smartaccounts.features.sweep.measures import GIVEN, flagged, given

DAY, KNOWN, PRODUCT, CATEGORY, FLAGS = range(5)
"""Columns of `Coded.ints`; product and category are -1 where a line has none, bit i of the flags says that its amount
counts in measure i of those `flagged`."""
ORDER, AMOUNT, LN_PRICE, LN_QUANTITY, FIRST_GIVEN = range(5)
"""Columns of `Coded.longs`: a hash of the order_id, scaled money, logs as integers of 1e-9 (NO_LOG: none), and then the
measures of `given` that are not `flagged`."""
NO_LOG = np.iinfo(np.int64).min
_NO_LOG_SQL = f"CAST({NO_LOG + 1} - 1 AS BIGINT)"


def width(provided: Iterable[str]) -> int:
    """Return how many columns `Coded.longs` has, for a source with these contract columns."""
    names = given(provided)
    return FIRST_GIVEN + len(names) - len(flagged(names))


def numbers(provided: Iterable[str], scale: str = MONEY_SCALE) -> list[str]:
    """Return day, known day and flags, and then the columns of `Coded.longs`, for a source with these contract columns."""
    have = set(provided)
    names, digital = given(have), is_digital("l.channel")
    holds = {n: GIVEN[n][1].format(digital=digital) for n in names}
    bits = [f"CASE WHEN {holds[n]} THEN {1 << i} ELSE 0 END" for i, n in enumerate(flagged(names))]
    measures = [
        f"CASE WHEN {holds[n]} THEN {scaled(GIVEN[n][0], NARROW, scale)} ELSE 0 END AS {n}"
        for n in names
        if n not in flagged(names)
    ]
    return [
        "l.day",
        "l.known_day",
        f"CAST({' + '.join(bits) or '0'} AS INTEGER) AS flags",
        "CAST(hash(l.order_id) >> 1 AS BIGINT) AS ordered",
        f"{scaled('l.amount', NARROW, scale)} AS amount",
        f"{_log('l.unit_price') if 'unit_price' in have else _NO_LOG_SQL} AS ln_price",
        f"{_log('l.quantity') if 'quantity' in have else _NO_LOG_SQL} AS ln_quantity",
        *measures,
    ]


def most(provided: Iterable[str]) -> str:
    """Return SQL for the largest of the sums of the absolute money of lines."""
    have = set(provided)
    values: list[Any] = [v.replace("l.", "") for v, _, needs in GIVEN.values() if have.issuperset(needs)]
    sums = ", ".join(f"COALESCE(SUM(ABS({v})), 0)" for v in dict.fromkeys(["amount", *values]))
    return f"GREATEST({sums}, 0)"


def _log(value: str) -> str:
    return f"CASE WHEN {value} > 0 THEN CAST(ROUND(LN({value}) * {LOG_SCALE}) AS BIGINT) ELSE {_NO_LOG_SQL} END"
