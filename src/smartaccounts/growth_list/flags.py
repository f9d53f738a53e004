"""What a manager should know before acting on a listed account: flags, each a sentence with the account's figures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import pandas as pd

from smartaccounts.growth_list.words import Words
from smartaccounts.rankers.records import Records, best_quarter_before, latest_quarter, record_quarter

ONE_ORDER = 0.5
"""Share of a year's purchases in one order from which on the year says little of the next one."""

YOUNG_DAYS = 182
"""An account that is known for less has no past half year to compare with."""

FEW_ORDERS = 2
"""So few orders make no rhythm."""

RETURNED = 0.1
"""Share of purchases given back: one tenth takes the margin of most trades."""

MATERIAL = 0.01
"""Share of a year's spend below which a negative quarter is a matter of pennies."""

SILENT_DAYS = 182
"""Half a year without a purchase: last year's spend may be all that there is."""

REUSED = 2.0
"""Purchase days per order number from which on order numbers do not stand for orders."""

REUSED_DAYS = 4
"""Purchase days in a year below which that may be chance."""

Row = dict[str, Any]


def flags(
    rows: pd.DataFrame, *, records: Records | None, branches: Mapping[str, Sequence[str | None]], words: Words
) -> list[list[str]]:
    """Return for each of `rows`, eligible rows of a snapshot, the sentences of what to beware of, the gravest first.

    records: what became of accounts after a record quarter, None where it is not known. branches: the key accounts that
    may be the same firm (`branches.branches`).
    """
    told: list[list[str]] = [[] for _ in range(len(rows))]
    for what, same in branches.items():
        for said, other in zip(told, same, strict=True):
            said.extend([words.say(f"flags.same_{what}", other=other)] if other else [])
    quarters = zip(record_quarter(rows), latest_quarter(rows), best_quarter_before(rows), strict=True)
    for said, (is_record, latest, best) in zip(told, quarters, strict=True):
        said.extend([_record(latest, best, records, words)] if is_record else [])
    for said, row in zip(told, cast("list[Row]", rows.to_dict("records")), strict=True):
        said.extend(filter(None, (rule(row, words) for rule in RULES)))
    return told


def _record(latest: float, best: float, records: Records | None, words: Words) -> str:
    said = words.say("flags.record", value=latest, best=best)
    if records is None:
        return said
    key = "flags.record_then_less" if records.median_change < 0 else "flags.record_then_more"
    figures = {"accounts": records.accounts, "less": records.share_less, "change": abs(records.median_change)}
    return f"{said} {words.say(key, **figures)}"


def _one_order(row: Row, words: Words) -> str:
    share = row["order_largest_share_365d"]
    return words.say("flags.one_order", share=share, value=row["order_largest_365d"]) if share >= ONE_ORDER else ""


def _little_history(row: Row, words: Words) -> str:
    if row["tenure_days"] < YOUNG_DAYS:
        since = row["as_of"] - pd.Timedelta(days=row["tenure_days"])
        return words.say("flags.young", days=row["tenure_days"], since=since, orders=row["orders_total"])
    return words.say("flags.few_orders", orders=row["orders_total"]) if row["orders_total"] <= FEW_ORDERS else ""


def _returns(row: Row, words: Words) -> str:
    share = row["returns_share_365d"]
    return words.say("flags.returns", share=share) if share >= RETURNED else ""


def _negative(row: Row, words: Words) -> str:
    returned = -row["spend_91d"]
    return words.say("flags.negative", value=returned) if returned >= MATERIAL * row["spend_365d"] else ""


def _silent(row: Row, words: Words) -> str:
    if not row["recency_days"] > SILENT_DAYS:
        return ""
    last = row["as_of"] - pd.Timedelta(days=row["recency_days"])
    return words.say("flags.silent", days=row["recency_days"], last=last)


def _order_numbers(row: Row, words: Words) -> str:
    days, orders = row["purchase_days_365d"], row["orders_365d"]
    if days < REUSED_DAYS or days < REUSED * orders:
        return ""
    return words.say("flags.order_numbers", days=days, orders=orders)


RULES: tuple[Callable[[Row, Words], str], ...] = (
    _one_order, _little_history, _returns, _negative, _silent, _order_numbers,
)  # fmt: skip
