"""The features of one customer, in plain Python, from what the catalogue says that they mean."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise
from typing import Any

Values = dict[str, float | None]
Days = tuple[int, int]

DIGITAL = {"web", "edi", "portal"}  # of the channels that the random histories use


@dataclass(frozen=True)
class Line:
    """One order line; dates are dates, ages are counted by `age`."""

    market: str
    customer_id: str
    order_id: str
    day: date
    known_day: date
    amount: float
    product_id: str | None = None
    quantity: float | None = None
    unit_price: float | None = None
    list_price: float | None = None
    cost: float | None = None
    channel: str | None = None
    category: str | None = None

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Line:
        """Read a row as `tests.conftest.lines_of` does."""
        stand_ins = {"market": "", "order_id": str(row["day"]), "known_day": row["day"]}
        return cls(**(stand_ins | dict(row)))


def add(amounts: Iterable[float]) -> float:
    """Sum money exactly and round it to 1e-6, half away from zero."""
    total = sum((Decimal(repr(a)) for a in amounts), Decimal(0))
    return float(total.quantize(Decimal("0.000001"), ROUND_HALF_UP))


def exact(amounts: Iterable[float]) -> float:
    """Sum money exactly, all its digits kept: for shares and single orders, which are not compared with a bar."""
    return float(sum((Decimal(repr(a)) for a in amounts), Decimal(0)))


def nano(price: float, quantity: float) -> float:
    """Return price x quantity in whole units of 1e-9, as all money is counted."""
    return round(price * quantity, 9)


def share(over: float, under: float) -> float | None:
    """Divide; nothing where there is nothing (or less) to divide by."""
    return over / under if under > 0 else None


def age(line: Line, as_of: date) -> int:
    """Return the days from the line's day to as_of: 1 for the day before."""
    return (as_of - line.day).days


def inside(window: Days, days: int) -> bool:
    """Say whether an age lies in a window (newest, oldest]: `(0, 30)` are the last 30 days."""
    return window[0] < days <= window[1]


@dataclass(frozen=True)
class History:
    """What was known of one customer at as_of, and how far back the whole source then reached."""

    known: list[Line]
    as_of: date
    history_days: int

    @property
    def past(self) -> list[Line]:
        """Return the lines dated before as_of."""
        return [x for x in self.known if x.day < self.as_of]

    def lines(self, window: Days) -> list[Line]:
        """Return the lines of a window."""
        return [x for x in self.past if inside(window, age(x, self.as_of))]

    def spend(self, window: Days) -> float:
        """Return net spend of a window."""
        return add(x.amount for x in self.lines(window))

    def order_ages(self) -> list[int]:
        """Return the age of every order: that of the line of it that was known first (then dated first)."""
        first: dict[str, Line] = {}
        for x in sorted(self.known, key=lambda x: (x.known_day, x.day)):
            first.setdefault(x.order_id, x)
        return [age(x, self.as_of) for x in first.values() if x.day < self.as_of]

    def orders(self, window: Days) -> int:
        """Return how many orders lie in a window."""
        return sum(inside(window, a) for a in self.order_ages())

    def purchase_days(self) -> list[date]:
        """Return the days with a line above zero, ascending."""
        return sorted({x.day for x in self.past if x.amount > 0})

    def order_parts(self, window: Days) -> list[list[Line]]:
        """Return the lines of each order by the day they are dated and the day they became known."""
        parts: dict[tuple[str, date, date], list[Line]] = {}
        for x in self.lines(window):
            parts.setdefault((x.order_id, x.day, x.known_day), []).append(x)
        return list(parts.values())


EVER: Days = (0, 10**9)


def customer_features(h: History) -> Values:
    """Return every feature that needs no other customer."""
    return spend(h) | order_sizes(h) | season(h) | rhythm(h) | gaps(h) | money_terms(h) | service(h)


def spend(h: History) -> Values:
    """Windows, the windows before, decayed sums, blocks."""
    found: Values = {f"spend_{d}d": h.spend((0, d)) for d in (30, 60, 91, 182, 365, 730)}
    found |= {f"spend_prior_{d}d": h.spend((d, 2 * d)) for d in (30, 91, 182, 365)}
    found |= {f"spend_block_{b:02d}": h.spend((30 * (b - 1), 30 * b)) for b in range(1, 25)}
    found["spend_total"] = h.spend(EVER)
    for d in (30, 60, 120, 180, 365, 720):
        found[f"spend_decay_{d}d"] = math.fsum(x.amount * math.exp(-age(x, h.as_of) / d) for x in h.past)
    days = h.purchase_days()
    found["spend_first_90d"] = add(x.amount for x in h.past if days and (x.day - days[0]).days < 90)
    return found


def order_sizes(h: History) -> Values:
    """Mean, largest, first and last order."""
    days = h.purchase_days()

    def bought(lines: Iterable[Line]) -> float:
        return exact(x.amount for x in lines if x.amount > 0)

    def largest(window: Days) -> float | None:
        return max((exact(x.amount for x in part) for part in h.order_parts(window)), default=None)

    gross = [bought(part) for part in h.order_parts((0, 365))]
    return {
        "order_mean": share(h.spend(EVER), h.orders(EVER)),
        "order_mean_365d": share(h.spend((0, 365)), h.orders((0, 365))),
        "order_mean_91d": share(h.spend((0, 91)), h.orders((0, 91))),
        "order_largest": largest(EVER),
        "order_largest_365d": largest((0, 365)),
        "order_largest_share_365d": share(max(gross), sum(gross)) if gross else None,
        "order_first": add(x.amount for x in h.past if x.amount > 0 and x.day == days[0]),
        "order_last": add(x.amount for x in h.past if x.amount > 0 and x.day == days[-1]),
    }


def season(h: History) -> Values:
    """A year ago: unknown where the source does not reach back that far."""

    def known(days: int, value: Callable[[], float]) -> float | None:
        return value() if h.past and h.history_days >= days else None

    found: Values = {}
    for d in (91, 182):
        ahead, behind = (365 - d, 365), (365, 365 + d)
        found[f"spend_year_ago_ahead_{d}d"] = known(365, lambda w=ahead: h.spend(w))
        found[f"spend_year_ago_behind_{d}d"] = known(365 + d, lambda w=behind: h.spend(w))
    found["orders_year_ago_ahead_182d"] = known(365, lambda: float(h.orders((183, 365))))
    return found


def rhythm(h: History) -> Values:
    """How often: orders and lines."""
    found: Values = {f"orders_{d}d": h.orders((0, d)) for d in (30, 91, 182, 365, 730)}
    found |= {f"orders_prior_{d}d": h.orders((d, 2 * d)) for d in (91, 182, 365)}
    found |= {f"lines_{d}d": len(h.lines((0, d))) for d in (91, 182, 365)}
    for d in (60, 180, 365):
        found[f"orders_decay_{d}d"] = math.fsum(math.exp(-a / d) for a in h.order_ages())
        found[f"lines_decay_{d}d"] = math.fsum(math.exp(-age(x, h.as_of) / d) for x in h.past)
    found["orders_total"] = h.orders(EVER)
    found["lines_per_order_365d"] = share(len(h.lines((0, 365))), h.orders((0, 365)))
    return found


def gaps(h: History) -> Values:
    """How regularly, and how long ago."""
    days = h.purchase_days()
    ages = [(h.as_of - d).days for d in days]
    pauses = [(b - a).days for a, b in pairwise(days)]
    recent = [p for p, a in zip(pauses, ages[1:], strict=False) if a <= 182]
    mean = statistics.fmean(pauses) if pauses else None
    std = statistics.stdev(pauses) if len(pauses) > 1 else None
    return {
        "tenure_days": ages[0] if ages else None,
        "recency_days": ages[-1] if ages else None,
        "purchase_days_365d": sum(a <= 365 for a in ages),
        "purchase_months_365d": len({(a - 1) // 30 for a in ages if a <= 360}),
        "purchase_months_182d": len({(a - 1) // 30 for a in ages if a <= 180}),
        "gap_mean_days": mean,
        "gap_std_days": std,
        "gap_largest_days": max(pauses, default=None),
        "gap_variation": std / mean if std is not None and mean else None,
        "gap_mean_recent_days": statistics.fmean(recent) if recent else None,
        "overdue": ages[-1] / mean if mean else None,
    }


def money_terms(h: History) -> Values:
    """Discount and margin."""

    def discount(window: Days) -> float | None:
        listed = [x for x in h.lines(window) if (x.list_price or 0) > 0 and (x.quantity or 0) > 0 and x.amount > 0]
        paid = share(exact(x.amount for x in listed), exact(nano(x.list_price, x.quantity) for x in listed))
        return None if paid is None else 1 - paid

    costed = [x for x in h.lines((0, 365)) if x.cost is not None and x.quantity is not None]
    amounts = [x.amount for x in costed]
    costs = [nano(x.cost, x.quantity) for x in costed]
    spent_on_cost = share(exact(costs), exact(amounts))
    return {
        "discount_share_365d": discount((0, 365)),
        "discount_share_91d": discount((0, 91)),
        "margin_share_365d": None if spent_on_cost is None else 1 - spent_on_cost,
        "margin_365d": add([*amounts, *(-c for c in costs)]),
    }


def service(h: History) -> Values:
    """Returns and channels."""

    def returns(window: Days) -> float | None:
        lines = h.lines(window)
        return share(exact(-x.amount for x in lines if x.amount < 0), exact(x.amount for x in lines if x.amount > 0))

    def digital(window: Days) -> float | None:
        bought = [x for x in h.lines(window) if x.amount > 0 and x.channel is not None]
        return share(
            exact(x.amount for x in bought if (x.channel or "").lower() in DIGITAL), exact(x.amount for x in bought)
        )

    return {
        "returns_share_365d": returns((0, 365)),
        "returns_share": returns(EVER),
        "return_lines_365d": sum(x.amount < 0 for x in h.lines((0, 365))),
        "share_digital_365d": digital((0, 365)),
        "share_digital_91d": digital((0, 91)),
    }
