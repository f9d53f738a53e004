"""What is summed up per customer and day."""

from __future__ import annotations

from collections.abc import Iterable

from smartaccounts.features.swept import Difference, Faded, Quotient, Swept, Total

FIXED = (
    "amount",
    "gross",
    "returned",
    "lines",
    "return_lines",
    "is_order",
    "product_gross",
    "product_lines",
    "bought",
    "gaps",
    "gap",
    "gap_squared",
)
"""Measures that every history has, in the order of the compiled code. Integers; money is scaled (engine/sql.py).

gross, returned: what is above and below zero, per line. is_order: on the row of an order that was known first.
product_gross, product_lines: purchases with a product. bought: 1 on a day with a purchase. gaps, gap, gap_squared: of the
days since the purchase day before, on a purchase day that has one.
"""

LISTED = "l.list_price > 0 AND l.quantity > 0 AND l.amount > 0"
COSTED = "l.cost IS NOT NULL AND l.quantity IS NOT NULL"
PAID = "l.amount"
GIVEN = {
    "list_value": ("l.list_price * l.quantity", LISTED, ("list_price", "quantity")),
    "cost_value": ("l.cost * l.quantity", COSTED, ("cost", "quantity")),
    "list_paid": (PAID, LISTED, ("list_price", "quantity")),
    "cost_paid": (PAID, COSTED, ("cost", "quantity")),
    "gross_channel": (PAID, "l.channel IS NOT NULL AND l.amount > 0", ("channel",)),
    "gross_digital": (PAID, "{digital} AND l.amount > 0", ("channel",)),
}
"""Measures of money that a line brings along: value, condition, and the contract columns without which it has none.

Those that are the amount or nothing come last: a line needs a bit for each.
"""


def given(provided: Iterable[str]) -> tuple[str, ...]:
    """Return the measures of GIVEN that a source with these contract columns has."""
    have = set(provided)
    return tuple(name for name, (_, _, needs) in GIVEN.items() if have.issuperset(needs))


def flagged(names: Iterable[str]) -> tuple[str, ...]:
    """Return those measures of GIVEN that are the amount of a line or nothing."""
    return tuple(name for name in names if GIVEN[name][0] == PAID)


def measured(swept: Swept) -> tuple[str, ...]:
    """Return the measures that a feature is made of."""
    match swept:
        case Total(measure=name) | Faded(measure=name):
            return (name,)
        case Quotient(over=one, under=other) | Difference(of=one, less=other):
            return (one.measure, other.measure)
        case _:
            return ()
