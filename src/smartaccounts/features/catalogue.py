"""A feature is data: its name, unit, meaning, the columns it needs, and its SQL expression.

The SQL is portable (DuckDB and Spark run the same text): CASE WHEN, integer day numbers, window functions. Money and logs
are summed as scaled integers, so that a sum depends neither on the order of the rows nor on the number of threads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from smartaccounts.engine.sql import unscaled
from smartaccounts.features.swept import Swept

Unit = Literal["money", "count", "days", "share", "ratio", "log ratio", "rank", "money, decayed", "count, decayed"]

NONE = "CAST(NULL AS DOUBLE)"


@dataclass(frozen=True)
class Message:
    """How a column is said to a manager: the key of a message (section `reasons` of the message files), and its figures.

    value: the column whose figure is shown, '' for the column itself. than: the column it is set against, '' for the
    median of the account's peers. days: the window that the message names. longer: the window of `than`. Windows of one
    idea share a key. own, unit: the words of a feature of the pipeline file, and how its figure is written.
    """

    key: str
    value: str = ""
    than: str = ""
    days: int = 0
    longer: int = 0
    own: str = ""
    unit: str = ""


MARKET = Message("market")
"""Of columns that say nothing of the account: all accounts of a market share them. It has no words."""


@dataclass(frozen=True)
class Feature:
    """One column of a snapshot.

    `needs` are contract columns without which the feature is null. `rises` says that more of it is never a sign of less
    future spend (levels of spend, orders and lines): the growth model may be held to that. `zero`: 0, not null, for a
    customer without any row in the family's relation. `message` says it to a manager. `swept` is how the sweep computes the
    same.
    """

    name: str
    unit: Unit
    meaning: str
    expression: str
    needs: tuple[str, ...] = ()
    rises: bool = False
    zero: bool = False
    message: Message | None = None
    swept: Swept | None = None


@dataclass(frozen=True)
class Family:
    """Features that one SQL text computes: one row per (as_of, c), c the number of a customer within its market.

    `relation` is what stands behind FROM (a table, or a subquery in brackets); with `grouped` its rows are grouped by
    (as_of, c), without it they are one per (as_of, c) already.
    """

    name: str
    title: str
    relation: str
    features: tuple[Feature, ...]
    grouped: bool = True

    def sql(self, provided: Iterable[str]) -> str:
        """Return the SELECT of all features; those whose columns are not in `provided` are null."""
        have = set(provided)
        columns = [f"{f.expression if have.issuperset(f.needs) else NONE} AS {f.name}" for f in self.features]
        group = " GROUP BY as_of, c" if self.grouped else ""
        return "SELECT as_of, c,\n  " + ",\n  ".join(columns) + f"\nFROM {self.relation}{group}"


def within(newest: int, oldest: int) -> str:
    """Return the condition that a day lies in `[as_of - oldest, as_of - newest)`; age is as_of - day, 1 for yesterday."""
    return f"age > {newest} AND age <= {oldest}" if newest else f"age <= {oldest}"


def total(what: str, condition: str = "") -> str:
    """Sum an integer column where the condition holds; 0 where no row does."""
    return (
        f"COALESCE(SUM(CASE WHEN {condition} THEN {what} ELSE 0 END), 0)" if condition else f"COALESCE(SUM({what}), 0)"
    )


def count(what: str, condition: str = "") -> str:
    """Like `total`, as a double."""
    return f"CAST({total(what, condition)} AS DOUBLE)"


def money(what: str, condition: str = "") -> str:
    """Sum an integer column of scaled money; the answer in currency, rounded to 1e-6."""
    return unscaled(total(what, condition))


def recent(what: str, days: int) -> str:
    """Sum an integer column over the last days, as a double; null where there is no row at all."""
    return f"CAST(SUM(CASE WHEN {within(0, days)} THEN {what} ELSE 0 END) AS DOUBLE)"


def ratio(over: str, under: str) -> str:
    """Divide; null where `under` is not above zero."""
    return f"CASE WHEN ({under}) > 0 THEN CAST({over} AS DOUBLE) / ({under}) END"


def series(make: Callable[[int], Feature], values: Iterable[int]) -> tuple[Feature, ...]:
    """Return one feature per value."""
    return tuple(make(v) for v in values)
