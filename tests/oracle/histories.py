"""Small random order histories with everything in them that goes wrong in large ones."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from smartaccounts.config import Pipeline, pipeline_from
from smartaccounts.orders.simulate import simulate

Row = dict[str, Any]

START = date(2019, 1, 5)
DAYS = 900  # until 2021-06-23: the leap day 2020-02-29 lies inside
CHANNELS = ("web", "EDI", "phone", "Portal", None)
CUSTOMERS = [str(n) for n in range(40)]


@dataclass(frozen=True)
class Money:
    """How amounts are drawn: `exact` of them compare without any tolerance."""

    name: str
    prices: tuple[float, ...]
    decimals: int
    exact: bool = True


# few values make ties in ranks and quantiles; 9 decimals and 1e9 try the scaled integers from both ends
TIES = Money("ties", (10.0, 20.0, 50.0), 0)
CENTS = Money("cents", (0.99, 7.35, 129.9, 18.02), 2)
FINE = Money("fine", (0.000123457, 0.123456789, 3.000000001, 77.7), 9)
HUGE = Money("huge", (1e9, 2.5e8, 123456789.12), 2, exact=False)


def random_history(seed: int, money: Money) -> list[Row]:
    """Return the rows of 5 to 40 customers in 1 to 3 markets, 1 to 30 orders each."""
    r = random.Random(seed)
    markets = ["", "north", "süd"][: r.randint(1, 3)]
    customers = r.sample(CUSTOMERS, r.randint(5, 40))
    rows: list[Row] = []
    for market in markets:
        for customer in customers:
            if r.random() < 0.8:
                rows += _customer(r, market, customer, money)
    r.shuffle(rows)
    return rows or _customer(r, "", "0", money)


def _customer(r: random.Random, market: str, customer: str, money: Money) -> list[Row]:
    """Return a customer's orders; some begin with a return, some pause, some are of one day only."""
    orders = r.choice([1, 2, 5, 12, 30])
    entry, exit_ = sorted(r.sample(range(DAYS), 2))
    rows: list[Row] = []
    for number in range(orders):
        day = r.choice([r.randint(entry, exit_), r.choice([entry, exit_, DAYS // 2])])
        returned = r.random() < (0.4 if number == 0 else 0.08)
        # order numbers are few, so that customers and even days share them
        order = {"market": market, "customer_id": customer, "order_id": str(r.randint(1, 40))}
        for part in range(r.choice([1, 1, 1, 2])):  # an order may span two days
            at = day + part * r.randint(0, 5)
            rows += [order | _line(r, at, money, returned=returned) for _ in range(r.randint(1, 4))]
    return rows


def _line(r: random.Random, day: int, money: Money, *, returned: bool) -> Row:
    quantity = float(r.choice([1, 2, 3, 10]))
    price = r.choice(money.prices)
    amount = round(quantity * price * r.choice([1.0, 0.9 if money.decimals else 1.0]), money.decimals)
    sign = -1.0 if returned or r.random() < 0.05 else 1.0
    late = r.choices([0, r.randint(1, 60), r.randint(200, 400), -r.randint(1, 40)], [70, 20, 5, 5])[0]
    order_date = START + timedelta(days=day)

    def sometimes(value: Any, share: float) -> Any:
        return value if r.random() < share else None

    return {
        "day": order_date,
        "known_day": order_date + timedelta(days=late),
        "product_id": sometimes(f"p{r.randint(1, 12)}", 0.9),
        "quantity": sometimes(sign * quantity, 0.95),
        "amount": 0.0 if r.random() < 0.03 else sign * amount,
        "unit_price": sometimes(r.choice([price, price * 2, 0.0]), 0.9),
        "list_price": sometimes(r.choice([price, round(price * 1.25, 9), 0.0]), 0.7),
        "cost": sometimes(round(price * 0.6, max(money.decimals, 1)), 0.7),
        "channel": r.choice(CHANNELS),
        "category": r.choice(["tools", "paint", "garden", None]),
    }


def as_ofs(seed: int) -> list[date]:
    """Return dates with too little history, with less than a year, around the leap day, and late ones."""
    r = random.Random(seed)
    fixed = [START + timedelta(days=20), date(2019, 9, 1), date(2020, 2, 29), date(2020, 3, 1), date(2021, 1, 1)]
    return sorted({*r.sample(fixed, 3), START + timedelta(days=r.randint(300, DAYS + 200))})


def work_for_two(folder: Path) -> tuple[Pipeline, list[date], date]:
    """Simulate a supplier that is large enough for two threads; return its pipeline, as_of dates and last day."""
    made = simulate(folder / "orders.parquet", customers=3000, years=4, seed=3, markets=2)
    columns = {name: name for name in pq.read_schema(made.lines).names}
    pipeline = pipeline_from({"name": "test", "source": {"path": str(made.lines)}, "columns": columns}, folder=folder)
    return pipeline, [made.start + timedelta(days=d) for d in (400, 800, 1200)], made.end
