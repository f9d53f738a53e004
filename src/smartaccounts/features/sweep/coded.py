"""Order lines as numbers, all lines of a customer side by side: what the compiled code sweeps over."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from smartaccounts.engine.memory import Room, release
from smartaccounts.engine.sql import MONEY_SCALE, NARROW, NARROW_LIMIT, scaled
from smartaccounts.engine.threads import threads
from smartaccounts.features.channels import is_digital
from smartaccounts.features.sweep.measures import GIVEN, given
from smartaccounts.features.sweep.scatter import placed
from smartaccounts.orders.contract import OrderLines
from smartaccounts.timeline import day_number

Ints = npt.NDArray[np.int32]
Longs = npt.NDArray[np.int64]

DAY, KNOWN, PRODUCT, CATEGORY = range(4)
"""Columns of `Coded.ints`; product and category are -1 where a line has none."""
ORDER, AMOUNT, LN_PRICE, LN_QUANTITY, FIRST_GIVEN = range(5)
"""Columns of `Coded.longs`: a hash of the order_id, scaled money, logs as integers of 1e-9 (NO_LOG: none), and then the
measures of `given`."""
NO_LOG = np.iinfo(np.int64).min

BATCH = 1 << 18
RANGE = 1 << 18
"""Lines of a range of customers, about: they lie together in the cache when they are put in place and swept."""


@dataclass(frozen=True)
class Coded:
    """Order lines as numbers.

    Lines of customer c are the rows `offsets[c]:offsets[c + 1]` of `ints` and `longs`, in no order. bounds: where
    each range of customers begins, one more at the end. customers: market and customer_id by c, ascending, and
    `person`, equal for equal customer_ids; markets: where each market's customers begin, one more at the end.
    product_market: the market of each product. first_known: the first day on which a line of c was known.
    """

    customers: pa.Table
    offsets: Longs
    bounds: Longs
    ints: Ints
    longs: Longs
    given: tuple[str, ...]
    markets: Longs
    product_market: Ints
    first_known: Ints

    @property
    def persons(self) -> Longs:
        """Return by c a number of its customer_id, whatever the market."""
        persons: Longs = self.customers["person"].to_numpy()
        return persons


def too_large(lines: OrderLines, *, known_before: date) -> bool:
    """Say whether a sum of scaled money over what was known of one customer by then could pass 64 bits."""
    values = [
        "amount",
        *(value.replace("l.", "") for value, _, needs in GIVEN.values() if lines.provided >= set(needs)),
    ]
    most = ", ".join(f"COALESCE(SUM(ABS({v})), 0)" for v in dict.fromkeys(values))
    largest = f"SELECT GREATEST({most}, 0) AS most FROM {lines.table} WHERE known_day < {day_number(known_before)}"
    asked = (largest, f"SELECT MAX(most) FROM ({largest} GROUP BY market, customer_id) sums")  # the first is cheap
    return all((lines.engine.rows(sql)[0][0] or 0) >= NARROW_LIMIT for sql in asked)


def coded(lines: OrderLines, *, known_before: date) -> Coded:
    """Return the lines known before a day as numbers; they are read once."""
    engine, source = lines.engine, "swept_lines"
    known = f"SELECT * FROM {lines.table} WHERE known_day < {day_number(known_before)}"
    engine.run(f"CREATE OR REPLACE TEMPORARY VIEW {source} AS {known}")
    engine.run(f"""CREATE OR REPLACE TABLE swept_customers AS
        SELECT market, customer_id, lines, first_known,
          CAST(ROW_NUMBER() OVER (ORDER BY market, customer_id) - 1 AS INTEGER) AS c
        FROM (SELECT market, customer_id, COUNT(*) AS lines, MIN(known_day) AS first_known
              FROM {source} GROUP BY market, customer_id) keys""")
    for name, column in (("swept_products", "product_id"), ("swept_categories", "category")):
        engine.run(f"""CREATE OR REPLACE TABLE {name} AS
            SELECT market, {column}, CAST(ROW_NUMBER() OVER (ORDER BY market, {column}) - 1 AS INTEGER) AS code
            FROM (SELECT DISTINCT market, {column} FROM {source} WHERE {column} IS NOT NULL) keys""")
    customers = engine.arrow("""SELECT market, customer_id, lines, first_known,
        DENSE_RANK() OVER (ORDER BY customer_id) - 1 AS person FROM swept_customers ORDER BY c""")
    offsets = np.concatenate([[0], np.cumsum(customers["lines"].to_numpy())]).astype(np.int64)
    names = given(lines.provided)
    bounds = np.unique(np.append(np.searchsorted(offsets, np.arange(0, offsets[-1], RANGE)), len(customers)))
    ints, longs = _placed(_batches(lines, source, names), offsets, bounds, len(names), engine.room)
    markets = customers["market"].combine_chunks().dictionary_encode()
    starts = np.flatnonzero(np.diff(np.asarray(markets.indices), prepend=-1))
    products = engine.arrow("SELECT DENSE_RANK() OVER (ORDER BY market) - 1 AS m FROM swept_products ORDER BY code")
    return Coded(
        customers=customers.select(["market", "customer_id", "person"]),
        offsets=offsets,
        bounds=bounds,
        ints=ints,
        longs=longs,
        given=names,
        markets=np.append(starts, len(customers)).astype(np.int64),
        product_market=products["m"].to_numpy().astype(np.int32),
        first_known=customers["first_known"].to_numpy().astype(np.int32),
    )


def _placed(
    batches: Iterator[tuple[Ints, Ints, Longs]], offsets: Longs, bounds: Longs, measures: int, room: Room
) -> tuple[Ints, Longs]:
    """Return `ints` and `longs`: lines first go to their range as they come, then to their place in it."""
    whose = room.empty((offsets[-1],), np.int32)
    ints = room.empty((offsets[-1], 4), np.int32)
    longs = room.empty((offsets[-1], FIRST_GIVEN + measures), np.int64)
    range_of = np.repeat(np.arange(len(bounds) - 1, dtype=np.int16), np.diff(bounds))
    next_free = offsets[bounds[:-1]].copy()
    for c, some_ints, some_longs in batches:
        order = np.argsort(range_of[c], kind="stable")
        counts = np.bincount(range_of[c], minlength=len(next_free))
        rows: tuple[npt.NDArray[Any], ...] = (c[order], some_ints[order], some_longs[order])
        for r, (start, end) in enumerate(pairwise(np.append(0, np.cumsum(counts)))):
            to = slice(next_free[r], next_free[r] + end - start)
            for array, some in zip((whose, ints, longs), rows, strict=True):
                array[to] = some[start:end]
        next_free += counts
        release(whose, ints, longs)

    def settle(first: int, end: int) -> None:
        rows = slice(offsets[first], offsets[end])
        own, place = whose[rows] - np.int32(first), offsets[first:end] - offsets[first]
        placed(own, ints[rows].copy(), longs[rows].copy(), place, ints[rows], longs[rows])
        release(whose, ints, longs)

    # a Ctrl-C while numba compiles is lost in a callback of LLVM: it never comes to another thread than the first
    with ThreadPoolExecutor(threads()) as pool:
        list(pool.map(settle, bounds[:-1], bounds[1:]))
    return ints, longs


def _batches(lines: OrderLines, source: str, names: tuple[str, ...]) -> Iterator[tuple[Ints, Ints, Longs]]:
    """Yield c, and the rows of `ints` and `longs`, some lines at a time."""
    digital = is_digital("l.channel")
    measures = [
        f"CASE WHEN {GIVEN[n][1].format(digital=digital)} THEN {scaled(GIVEN[n][0], NARROW)} ELSE 0 END AS {n}"
        for n in names
    ]
    has_price = "unit_price" in lines.provided
    has_quantity = "quantity" in lines.provided
    longs = [
        "CAST(hash(l.order_id) >> 1 AS BIGINT) AS ordered",
        f"{scaled('l.amount', NARROW)} AS amount",
        f"{_log('l.unit_price') if has_price else NO_LOG_SQL} AS ln_price",
        f"{_log('l.quantity') if has_quantity else NO_LOG_SQL} AS ln_quantity",
        *measures,
    ]
    sql = f"""SELECT k.c, l.day, l.known_day, COALESCE(p.code, -1) AS product, COALESCE(g.code, -1) AS category,
          {", ".join(longs)}
        FROM {source} l
        JOIN swept_customers k ON k.market = l.market AND k.customer_id = l.customer_id
        LEFT JOIN swept_products p ON p.market = l.market AND p.product_id = l.product_id
        LEFT JOIN swept_categories g ON g.market = l.market AND g.category = l.category"""
    for batch in lines.engine.batches(sql, rows=BATCH):
        columns = [column.to_numpy() for column in batch.columns]
        yield columns[0], np.stack(columns[1:5], axis=1), np.stack(columns[5:], axis=1)


NO_LOG_SQL = f"CAST({NO_LOG + 1} - 1 AS BIGINT)"


def _log(value: str) -> str:
    return f"CASE WHEN {value} > 0 THEN CAST(ROUND(LN({value}) * {MONEY_SCALE}) AS BIGINT) ELSE {NO_LOG_SQL} END"
