"""Order lines as numbers, all lines of a customer side by side: what the compiled code sweeps over."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from smartaccounts.engine.memory import Room, release
from smartaccounts.engine.sql import MONEY_SCALE, NARROW, scaled
from smartaccounts.engine.threads import threads
from smartaccounts.errors import InputError
from smartaccounts.features.channels import is_digital
from smartaccounts.features.sweep.keys import Index, Keys
from smartaccounts.features.sweep.measures import GIVEN, flagged, given
from smartaccounts.features.sweep.scatter import by_code, filed, placed, queued, settled
from smartaccounts.orders.contract import OrderLines

Ints = npt.NDArray[np.int32]
Longs = npt.NDArray[np.int64]
Columns = list[npt.NDArray[Any]]

DAY, KNOWN, PRODUCT, CATEGORY, FLAGS = range(5)
"""Columns of `Coded.ints`; product and category are -1 where a line has none, bit i of the flags says that its amount
counts in measure i of those `flagged`."""
ORDER, AMOUNT, LN_PRICE, LN_QUANTITY, FIRST_GIVEN = range(5)
"""Columns of `Coded.longs`: a hash of the order_id, scaled money, logs as integers of 1e-9 (NO_LOG: none), and then the
measures of `given` that are not `flagged`."""
NO_LOG = np.iinfo(np.int64).min

BATCH = 1 << 18
RANGE = 1 << 18
"""Lines of a range of customers, about: they lie together in the cache when they are put in place and swept."""


@dataclass(frozen=True)
class Coded:
    """Order lines as numbers.

    Lines of customer c are the rows `offsets[c]:offsets[c + 1]` of `ints` and `longs`, by product. bounds: where each
    range of customers begins, one more at the end. customers: market and customer_id by c, ascending, and `person`, equal
    for equal customer_ids; markets: where each market's customers begin, one more at the end. product_market: the market
    of each product; categories: how many there are. first_known: the first day on which a line of c was known. span: the
    first and the last day over all lines.
    """

    customers: pa.Table
    offsets: Longs
    bounds: Longs
    ints: Ints
    longs: Longs
    given: tuple[str, ...]
    markets: Longs
    product_market: Ints
    categories: int
    first_known: Ints
    span: tuple[int, int]

    def part(self, first: int, end: int) -> Coded:
        """Return the customers `[first, end)` alone."""
        within = self.bounds[(self.bounds > first) & (self.bounds < end)]
        return replace(
            self,
            customers=self.customers.slice(first, end - first),
            offsets=self.offsets[first : end + 1],
            bounds=np.concatenate([[first], within, [end]]) - first,
            markets=np.clip(self.markets, first, end) - first,
            first_known=self.first_known[first:end],
        )

    @property
    def persons(self) -> Longs:
        """Return by c a number of its customer_id, whatever the market."""
        persons: Longs = self.customers["person"].to_numpy()
        return persons


def coded(lines: OrderLines, keys: Keys) -> Coded:
    """Return the lines of some keys as numbers; they are read once more.

    InputError where they are not those of which the keys were made: a file has changed.
    """
    customers = keys.customers
    offsets = np.concatenate([[0], np.cumsum(customers["lines"].to_numpy())]).astype(np.int64)
    names = given(lines.provided)
    bounds = np.unique(np.append(np.searchsorted(offsets, np.arange(0, offsets[-1], RANGE)), len(customers)))
    read = _batches(lines, keys, names)
    ints, longs, span = _placed(
        read, keys, offsets, bounds, width=FIRST_GIVEN + len(names) - len(flagged(names)), room=lines.engine.room
    )
    markets = customers["market"].combine_chunks().dictionary_encode()
    sold_in = pc.index_in(keys.products["market"], value_set=markets.dictionary)  # a market may have no products
    starts = np.flatnonzero(np.diff(np.asarray(markets.indices), prepend=-1))
    return Coded(
        customers=customers.select(["market", "customer_id", "person"]),
        offsets=offsets,
        bounds=bounds,
        ints=ints,
        longs=longs,
        given=names,
        markets=np.append(starts, len(customers)).astype(np.int64),
        product_market=sold_in.to_numpy().astype(np.int32),
        categories=len(keys.categories),
        first_known=customers["first_known"].to_numpy().astype(np.int32),
        span=span,
    )


def _placed(
    batches: Iterator[Columns], keys: Keys, offsets: Longs, bounds: Longs, *, width: int, room: Room
) -> tuple[Ints, Longs, tuple[int, int]]:
    """Return `ints`, `longs` and the span: lines first go to their range as they come, column by column, then to their place in it."""
    whose = room.empty((offsets[-1], 1), np.int32)
    ints, longs = room.empty((offsets[-1], FLAGS + 1), np.int32), room.empty((offsets[-1], width), np.int64)
    range_of = np.repeat(np.arange(len(bounds) - 1, dtype=np.int32), np.diff(bounds))
    starts = offsets[bounds]
    free = starts[:-1].copy()

    def file(columns: Columns, indexes: tuple[Index, ...]) -> None:
        c, product, category = (index.numbers(h) for index, h in zip(indexes, columns[:3], strict=True))
        order, begins = np.empty(len(c), np.int32), np.zeros(len(starts), np.int64)
        if not queued(c, range_of, order, begins) or (free + np.diff(begins) > starts[1:]).any():
            raise changed()
        for some, table in (([c], whose), ([*columns[3:5], product, category, columns[5]], ints), (columns[6:], longs)):
            for k, values in enumerate(some):
                filed(values, order, begins, free, starts, k, table)
        free[:] += np.diff(begins)
        release(whose, ints, longs)

    def settle(first: int, end: int) -> tuple[int, int]:
        lines = slice(offsets[first], offsets[end])
        n = int(lines.stop - lines.start)
        rows, columns = np.empty(n, np.int64), ints[lines].reshape(-1, n)
        own, begins = whose[lines, 0] - np.int32(first), offsets[first : end + 1] - offsets[first]
        if not placed(own, begins[:-1].copy(), begins[1:], rows):
            raise changed()
        by_code(begins, columns[PRODUCT], rows)
        days = int(columns[DAY].min()), int(columns[DAY].max())
        for table in (ints, longs):
            settled(table[lines].reshape(-1).copy(), rows, table[lines])
        release(whose, ints, longs)
        return days

    # a Ctrl-C while numba compiles is lost in a callback of LLVM: it never comes to another thread than the first
    with ThreadPoolExecutor(threads()) as pool:
        indexes = pool.submit(keys.indexes).result()
        for columns in batches:
            pool.submit(file, columns, indexes).result()
        if (free != starts[1:]).any():
            raise changed()
        days = list(pool.map(settle, bounds[:-1], bounds[1:]))
    return ints, longs, (min((first for first, _ in days), default=0), max((last for _, last in days), default=0))


def changed() -> InputError:
    """Return the error of lines that are not the same when they are read again."""
    return InputError(
        "Expected the same order lines when they are read again, got others in the source.",
        hint="Run the command again when its files are complete.",
    )


def _batches(lines: OrderLines, keys: Keys, names: tuple[str, ...]) -> Iterator[Columns]:
    """Yield the lines, some at a time: the hashes of their keys, their day and known day, flags, the columns of `longs`."""
    digital = is_digital("l.channel")
    holds = {n: GIVEN[n][1].format(digital=digital) for n in names}
    parts = flagged(names)
    bits = [f"CASE WHEN {holds[n]} THEN {1 << i} ELSE 0 END" for i, n in enumerate(parts)]
    measures = [
        f"CASE WHEN {holds[n]} THEN {scaled(GIVEN[n][0], NARROW)} ELSE 0 END AS {n}" for n in names if n not in parts
    ]
    longs = [
        "CAST(hash(l.order_id) >> 1 AS BIGINT) AS ordered",
        f"{scaled('l.amount', NARROW)} AS amount",
        f"{_log('l.unit_price') if 'unit_price' in lines.provided else NO_LOG_SQL} AS ln_price",
        f"{_log('l.quantity') if 'quantity' in lines.provided else NO_LOG_SQL} AS ln_quantity",
        *measures,
    ]
    flags = f"CAST({' + '.join(bits) or '0'} AS INTEGER) AS flags"
    sql = f"SELECT {', '.join(keys.hashes())}, l.day, l.known_day, {flags}, {', '.join(longs)} FROM {keys.source} l"
    for batch in lines.engine.batches(sql, rows=BATCH):
        yield [column.to_numpy() for column in batch.columns]


NO_LOG_SQL = f"CAST({NO_LOG + 1} - 1 AS BIGINT)"


def _log(value: str) -> str:
    return f"CASE WHEN {value} > 0 THEN CAST(ROUND(LN({value}) * {MONEY_SCALE}) AS BIGINT) ELSE {NO_LOG_SQL} END"
