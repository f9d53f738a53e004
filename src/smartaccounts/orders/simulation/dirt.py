"""What goes wrong with order lines: returns, cancellations, fees, zero prices, lost customers, duplicates."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from smartaccounts.orders.simulation.catalogue import FEES, Catalogue
from smartaccounts.orders.simulation.lines import CANCELLATION, RETURN, Lines, next_workday, together

RETURNED = 0.012  # of the lines, 3 to 25 days later, a part or all of the quantity
CANCELLED = 0.008  # of the orders, whole, within a week or so
FEE_SHARES = (0.015, 0.003, 0.0006)  # of the orders have a line of each fee code
ZERO_PRICED = 0.004  # of the lines
LOST_CUSTOMER = 0.01  # of the orders
DUPLICATED = 0.004  # of the lines


def spoil(rng: np.random.Generator, lines: Lines, catalogue: Catalogue) -> Lines:
    """Return the lines, which are grouped by order, with their dirt; corrections may be dated into the next month."""
    if not len(lines):
        return lines
    first_of_order = np.flatnonzero(np.diff(lines.order, prepend=lines.order[0] - 1))
    lines = _lose_customers(rng, lines, first_of_order)
    lines = _price_at_zero(rng, lines)
    parts = [lines, _fees(rng, lines.take(first_of_order), catalogue), _returns(rng, lines)]
    parts += [_cancellations(rng, lines, first_of_order), lines.take(rng.random(len(lines)) < DUPLICATED)]
    return together(parts)


def _per_order(values: NDArray[np.bool_], lines: Lines) -> NDArray[np.bool_]:
    """Return the value of each line's order."""
    of_line: NDArray[np.bool_] = values[lines.order - lines.order[0]]
    return of_line


def _lose_customers(rng: np.random.Generator, lines: Lines, first: NDArray[np.int64]) -> Lines:
    lost = _per_order(rng.random(first.size) < LOST_CUSTOMER, lines)
    return lines.changed(customer=np.where(lost, np.int32(-1), lines.customer))


def _price_at_zero(rng: np.random.Generator, lines: Lines) -> Lines:
    zero = np.flatnonzero(rng.random(len(lines)) < ZERO_PRICED)
    unit_price, amount = lines.unit_price.copy(), lines.amount.copy()
    unit_price[zero] = amount[zero] = 0.0
    return lines.changed(unit_price=unit_price, amount=amount)


def _fees(rng: np.random.Generator, orders: Lines, catalogue: Catalogue) -> Lines:
    """Return fee lines of some of the orders, of which `orders` has one line each."""
    parts = []
    for i, share in enumerate(FEE_SHARES):
        lines = orders.take(rng.random(len(orders)) < share)
        price = np.round(rng.uniform(4, 30, len(lines)), 2) if FEES[i] != "TEST01" else np.full(len(lines), 0.01)
        parts.append(
            lines.changed(
                product=np.full(len(lines), catalogue.first_fee + i, np.int32),
                quantity=np.ones(len(lines)),
                unit_price=price,
                list_price=price,
                discount=np.zeros(len(lines)),
                amount=price,
                cost=price,
            )
        )
    return together(parts)


def _returns(rng: np.random.Generator, lines: Lines) -> Lines:
    """Return lines that take back one unit up to everything some days later, at the price paid."""
    back = lines.take((rng.random(len(lines)) < RETURNED) & (lines.unit_price > 0))
    share = np.where(rng.random(len(back)) < 0.5, 1.0, rng.random(len(back)))
    return _negative(back, np.ceil(back.quantity * share), rng.integers(3, 26, len(back)), RETURN)


def _cancellations(rng: np.random.Generator, lines: Lines, first: NDArray[np.int64]) -> Lines:
    """Return every line of some orders with the sign turned, soon after; all lines of an order on one day."""
    chosen = rng.random(first.size) < CANCELLED
    later = rng.integers(0, 7, first.size)
    mask = _per_order(chosen, lines)
    back = lines.take(mask)
    return _negative(back, back.quantity, later[back.order - lines.order[0]], CANCELLATION)


def _negative(lines: Lines, quantity: NDArray[np.float64], days: NDArray[np.int64], prefix: int) -> Lines:
    """Return lines that take `quantity` back `days` days later, not before the purchase itself is known."""
    day = next_workday(lines.day + days.astype(np.int32))
    return lines.changed(
        prefix=np.full(len(lines), prefix, np.int8),
        day=day,
        known=np.maximum(day, lines.known),
        quantity=-quantity,
        amount=np.where(lines.amount == 0, 0.0, -np.rint(quantity * lines.unit_price * 100) / 100),
    )
