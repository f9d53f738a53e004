"""Order lines as numbers, all lines of a customer side by side: what the compiled code sweeps over."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from smartaccounts.engine.compiled import Ints, Longs, ready
from smartaccounts.engine.memory import release, release_tables
from smartaccounts.features.sweep.keys import Keys
from smartaccounts.features.sweep.laid_out import bounds_of, joined, laid_out, offsets_of
from smartaccounts.features.sweep.measures import given
from smartaccounts.orders.contract import OrderLines


@dataclass(frozen=True)
class Coded:
    """Order lines as numbers.

    Lines of customer c are the rows `offsets[c]:offsets[c + 1]` of `ints` and `longs`, by product. bounds: where each
    range of customers begins, one more at the end. customers: market and customer_id by c, ascending, and `person`, equal
    for equal customer_ids; markets: where each market's customers begin, one more at the end. product_market: the market
    of each product; categories: how many there are. first_known: the first day on which a line of c was known. span: the
    first and the last day over all lines. scale: how much of the money in `longs` is 1 of the currency.
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
    scale: float

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
    """Return the lines of some keys as numbers; they are read once more, but for those that are kept.

    InputError where they are not those of which the keys were made: a file has changed.
    """
    ready()
    customers, names = keys.customers, given(lines.provided)
    offsets = offsets_of(customers["lines"].to_numpy())
    bounds = bounds_of(offsets)
    laid = laid_out(lines, keys, offsets, bounds) if keys.kept is None else joined(lines, keys, keys.kept, offsets)
    markets = pc.value_counts(customers["market"])  # in the order of the customers, ascending
    sold_in = pc.index_in(keys.products["market"], value_set=markets.field("values"))  # a market may have no products
    first_known = customers["first_known"].to_numpy().astype(np.int32)
    release_tables()
    return Coded(
        customers=customers.select(["market", "customer_id", "person"]),
        offsets=offsets,
        bounds=bounds,
        ints=laid.ints,
        longs=laid.longs,
        given=names,
        markets=offsets_of(markets.field("counts").to_numpy()),
        product_market=sold_in.to_numpy().astype(np.int32),
        categories=len(keys.categories),
        first_known=first_known,
        span=laid.span,
        scale=float(keys.scale),
    )


def columns_of(held: Coded) -> Iterator[pa.Table]:
    """Yield the lines range by range as `joined` takes them: the columns of `ints`, then those of `longs`."""
    for first, end in pairwise(held.bounds):
        lines = slice(held.offsets[first], held.offsets[end])
        columns = [*held.ints[lines].T, *held.longs[lines].T]
        yield pa.table([np.ascontiguousarray(c) for c in columns], names=[str(i) for i in range(len(columns))])
        release(held.ints, held.longs)
