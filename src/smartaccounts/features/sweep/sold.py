"""What is known of every product at every as_of, out of what was sold of it to whom."""

from __future__ import annotations

from itertools import pairwise
from queue import SimpleQueue

import numpy as np
import numpy.typing as npt

from smartaccounts.engine.sql import LOG_SCALE
from smartaccounts.engine.threads import threads
from smartaccounts.features.assortment import PRIOR_CUSTOMERS
from smartaccounts.features.sweep import market, products
from smartaccounts.features.sweep.coded import Coded
from smartaccounts.features.sweep.columns import Baskets
from smartaccounts.features.sweep.ranges import over_ranges
from smartaccounts.features.sweep.seen import Dates

COUNTED = 6
"""How much is counted of a product (`counts`)."""
AT_ONCE = 4_000_000
"""Products times as_of dates that are counted at once, about: 48 bytes each in every thread."""


def known(held: Coded, dates: Dates, baskets: Baskets) -> npt.NDArray[np.float64]:
    """Return what is known of every product at every as_of, of lines that are all here (`known_of`)."""
    at_once = max(1, AT_ONCE // max(len(held.product_market), 1))
    found = np.empty((len(held.product_market), len(dates.as_ofs), 4))
    for a in range(0, len(dates.as_ofs), at_once):
        some = slice(a, a + at_once)
        found[:, some] = _known(held, Dates(dates.as_ofs[some], dates.history[some]), baskets[some])
    return found


def _known(held: Coded, dates: Dates, baskets: Baskets) -> npt.NDArray[np.float64]:
    large = np.full(baskets.shape[:2], -1, dtype=np.int8)
    shares = np.full((len(dates.as_ofs), len(held.markets) - 1), np.nan)
    for a in range(len(dates.as_ofs)):
        for m, (first, end) in enumerate(pairwise(held.markets)):
            buys = np.flatnonzero(baskets[a, first:end, 1]) + first
            if len(buys):
                is_large = large_buyers(baskets[a, buys, 0])
                large[a, buys] = is_large
                shares[a, m] = is_large.sum() / len(buys)
    return known_of(counts(held, dates, large), shares, held.product_market)


def large_buyers(spent: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Say which buyers of a market at one as_of are large: the top tenth by what they spent on products."""
    is_large: npt.NDArray[np.bool_] = market.percent_rank(spent) >= 0.9
    return is_large


def counts(held: Coded, dates: Dates, large: npt.NDArray[np.int8]) -> npt.NDArray[np.int64]:
    """Return what is counted of every product at every as_of: products x as_ofs x 6 (products.BUYERS and so on).

    large: as_ofs x customers, 1 a large account, 0 another buyer, -1 without a purchase.
    """
    shape = (len(held.product_market), len(dates.as_ofs), COUNTED)
    each = [np.zeros(shape, dtype=np.int64) for _ in range(threads())]
    free: SimpleQueue[npt.NDArray[np.int64]] = SimpleQueue()
    for one in each:
        free.put(one)

    def count(first: int, end: int) -> None:
        some = free.get()
        try:
            products.weighed(first, end, held.offsets, held.ints, held.longs, dates.as_ofs, large, some)
        finally:
            free.put(some)

    over_ranges(held, count)
    total: npt.NDArray[np.int64] = np.sum(each, axis=0)
    return total


def known_of(
    counted: npt.NDArray[np.int64], shares: npt.NDArray[np.float64], product_market: npt.NDArray[np.int32]
) -> npt.NDArray[np.float64]:
    """Return what is known of every product at every as_of: products x as_ofs x 4 (products.LIFT and so on).

    counted: as of `counts`, of the whole market; shares: as_ofs x markets, of large buyers among the buyers, NaN without one;
    product_market: ascending.
    """
    known = np.full((*counted.shape[:2], 4), np.nan)
    share = shares[:, product_market].T
    buyers, large = counted[..., products.BUYERS], counted[..., products.LARGE_BUYERS]
    with np.errstate(divide="ignore", invalid="ignore"):
        known[..., products.LIFT] = np.where(
            share > 0, np.log((large + PRIOR_CUSTOMERS * share) / (buyers + PRIOR_CUSTOMERS) / share), np.nan
        )
        for to, logs, number in (
            (products.MARKET_PRICE, products.SUM_PRICE, products.PRICES),
            (products.MARKET_QUANTITY, products.SUM_QUANTITY, products.QUANTITIES),
        ):
            known[..., to] = counted[..., logs] / counted[..., number] / float(LOG_SCALE)
    bounds = np.searchsorted(product_market, np.arange(shares.shape[1] + 1))
    for a in range(counted.shape[1]):
        for first, end in pairwise(bounds):
            sold = np.flatnonzero(buyers[first:end, a]) + first
            known[sold, a, products.TOP] = market.percent_rank(-buyers[sold, a]) <= 0.1
    return known
