"""The order lines of one month, before anything goes wrong with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smartaccounts.orders.simulation.catalogue import Catalogue
from smartaccounts.orders.simulation.choice import Block, choose
from smartaccounts.orders.simulation.pace import Month, Pace
from smartaccounts.orders.simulation.population import CHANNELS, Floats, Population

PREFIXES = ("", "R", "C")
PURCHASE, RETURN, CANCELLATION = range(len(PREFIXES))
BREAKS = np.array([400.0, 1200.0, 4000.0, 12_000.0])  # list value of an order from which the next discount holds
DISCOUNTS = np.array([0.0, 0.02, 0.05, 0.08, 0.12])
LATE = 0.03  # of the orders are booked up to LATE_DAYS days late
LATE_DAYS = 20
Longs = NDArray[np.int64]
Days = NDArray[np.int32]


@dataclass(frozen=True)
class Lines:
    """One row per order line. `customer` is a row of the population (-1: the id is lost), `product` of the catalogue.

    `day` and `known` are day numbers since 1970-01-01; `prefix` an index into `PREFIXES`; money per unit but `amount`.
    """

    customer: NDArray[np.int32]
    order: Longs
    prefix: NDArray[np.int8]
    day: NDArray[np.int32]
    known: NDArray[np.int32]
    product: NDArray[np.int32]
    quantity: NDArray[np.float64]
    unit_price: NDArray[np.float64]
    list_price: NDArray[np.float64]
    discount: NDArray[np.float64]
    amount: NDArray[np.float64]
    cost: NDArray[np.float64]
    channel: NDArray[np.int8]

    def __len__(self) -> int:
        """Return the number of lines."""
        return len(self.customer)

    def take(self, rows: NDArray[Any]) -> Lines:
        """Return the lines at `rows`: row numbers or a mask."""
        return Lines(**{name: column[rows] for name, column in vars(self).items()})

    def changed(self, **columns: NDArray[Any]) -> Lines:
        """Return a copy with other columns."""
        return replace(self, **columns)


def together(parts: Sequence[Lines]) -> Lines:
    """Return the lines of all parts, one after the other."""
    return Lines(**{name: np.concatenate([getattr(p, name) for p in parts]) for name in vars(parts[0])})


@dataclass(frozen=True)
class Orders:
    """One row per order, by day; `customer` is a row of the block of customers, `day` counts from the start."""

    customer: Longs
    day: NDArray[np.int32]


def place_orders(rng: np.random.Generator, speed: Pace, *, shape: Floats, wait: Floats, month: Month) -> Orders:
    """Return the orders of a month, and move `wait` on, in place.

    `wait` (customer,) is what is left until the next order, in orders: a clock that runs as fast as the customer buys,
    on which gaps are gamma-distributed with mean 1 and the customer's shape: the pace may change and rhythm stays.
    """
    due = np.flatnonzero(wait < speed.orders)
    who, at = [due], [wait[due]]
    while due.size:
        wait[due] += rng.standard_gamma(shape[due], dtype=np.float32) / shape[due]
        due = due[wait[due] < speed.orders[due]]
        who.append(due)
        at.append(wait[due])
    wait -= speed.orders
    customer = np.concatenate(who)
    elapsed = np.concatenate(at) / speed.orders[customer] * speed.open_days[customer]
    day = np.minimum(speed.opens[customer] + elapsed, month.end - 0.5).astype(np.int32)
    closes = (speed.opens[customer] + speed.open_days[customer]).astype(np.int32)
    back = (3 + customer % 5).astype(np.int32)
    day = _on_workdays(day, back, (speed.opens[customer].astype(np.int32), closes), month)
    by_day = np.argsort(day, kind="stable")
    return Orders(customer[by_day], day[by_day])


def _on_workdays(day: Days, back: Days, there: tuple[Days, Days], month: Month) -> Days:
    """Move weekends to the Monday after less `back` days, or else to that Monday, or not, as the customer is there."""
    monday = next_workday(day + np.int32(month.first)) - np.int32(month.first)
    moved = np.where(monday < there[1], monday, day)
    moved = np.where((monday > day) & (monday - back >= there[0]), monday - back, moved)
    return moved.astype(np.int32)


def next_workday(day: Days) -> Days:
    """Return the Monday after where a day number is on a weekend."""
    weekday = (day + 3) % 7  # 1970-01-01 was a Thursday; Monday is 0
    moved: Days = (day + np.where(weekday > 4, 7 - weekday, 0)).astype(np.int32)
    return moved


def fill_orders(
    rng: np.random.Generator, orders: Orders, block: Block, *, catalogue: Catalogue, month: Month, number: int
) -> Lines:
    """Return the lines of `orders`, which are numbered from `number` on."""
    who, people, speed = orders.customer, block.people, block.speed
    swing = np.exp(rng.normal(0, 0.35, who.size))
    most = np.maximum(speed.breadth[who], 1).astype(np.int64)
    count = np.minimum(1 + rng.poisson(np.maximum(speed.lines[who] - 1, 0) * np.sqrt(swing)), most)
    of = np.repeat(np.arange(who.size), count)
    buyer = who[of]
    first_line = np.cumsum(count) - count
    spread = (np.arange(of.size) - first_line[of] + rng.random(of.size, np.float32)) / count[of]
    product = choose(spread.astype(np.float32), buyer, block, catalogue)
    list_price = catalogue.list_price[month.year][product]
    value = (speed.value[who] * np.sqrt(swing) * _price_index(catalogue, month.year))[of]
    pack = catalogue.pack[product]
    noise = np.exp(np.float32(0.5) * rng.standard_normal(of.size, np.float32) - np.float32(0.125))
    quantity = np.maximum(np.rint(value * noise / (list_price * pack)), 1.0) * pack
    worth = np.add.reduceat(quantity * list_price, first_line) if of.size else np.empty(0)
    personal = people.personal_discount[who].astype(np.float64)
    discount = np.round(DISCOUNTS[np.searchsorted(BREAKS, worth, side="right")] + personal, 4)[of]
    unit_price = _cents(list_price * (1 - discount))
    day = orders.day + np.int32(month.first)
    late = np.where(rng.random(who.size) < LATE, rng.integers(1, LATE_DAYS + 1, who.size), 0)
    return Lines(
        customer=(buyer + block.first).astype(np.int32),
        order=of + number,
        prefix=np.zeros(of.size, np.int8),
        day=day[of],
        known=np.where(late > 0, next_workday(day + late), day)[of],
        product=product,
        quantity=quantity,
        unit_price=unit_price,
        list_price=list_price,
        discount=discount,
        amount=_cents(quantity * unit_price),
        cost=catalogue.cost[month.year][product],
        channel=_channels(rng, orders, people)[of],
    )


def _price_index(catalogue: Catalogue, year: int) -> float:
    """Return how much dearer the catalogue is than in the first year."""
    return float(catalogue.list_price[year].sum() / catalogue.list_price[0].sum())


def _cents(money: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.rint(money * 100) / 100


def _channels(rng: np.random.Generator, orders: Orders, people: Population) -> NDArray[np.int8]:
    """Return a channel per order: the customer's usual one, digital from its own day on; one in eight by any other."""
    who = orders.customer
    usual = np.where(orders.day < people.digital[who], people.channel_before[who], people.channel_after[who])
    other = rng.integers(0, len(CHANNELS), who.size)
    channels: NDArray[np.int8] = np.where(rng.random(who.size) < 0.125, other, usual).astype(np.int8)
    return channels
