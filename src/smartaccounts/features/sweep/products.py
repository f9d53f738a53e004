"""What customers bought of each product and category in the last 365 days, beside what the market did: compiled."""

from __future__ import annotations

from typing import Any

import numpy as np

from smartaccounts.engine.compiled import (
    ByteTable,
    FloatCube,
    FloatTable,
    IntTable,
    LongCube,
    Longs,
    LongTable,
    Out,
    compiled,
)
from smartaccounts.engine.sql import LOG_SCALE
from smartaccounts.features.sweep.numbers import AMOUNT, CATEGORY, DAY, KNOWN, LN_PRICE, LN_QUANTITY, NO_LOG, PRODUCT
from smartaccounts.features.sweep.ordering import longest

BUYERS, LARGE_BUYERS, SUM_PRICE, PRICES, SUM_QUANTITY, QUANTITIES = range(6)
"""What is counted of a product at an as_of (`weighed`)."""
LIFT, TOP, MARKET_PRICE, MARKET_QUANTITY = range(4)
"""What is known of a product at an as_of (`assorted`): means of logs, NaN where there are none."""

ASSORTED = (
    "products_30d",
    "products_91d",
    "products_182d",
    "products_365d",
    "products_new_30d",
    "products_new_91d",
    "products_new_182d",
    "products_repeated_share_365d",
    "product_largest_share_365d",
    "share_top_products_365d",
    "affinity_365d",
    "affinity_91d",
    "affinity_new_91d",
    "affinity_sum_365d",
    "affinity_highest_365d",
    "price_position_365d",
    "price_position_mean_365d",
    "quantity_position_365d",
    "quantity_position_mean_365d",
    "quantity_position_91d",
    "quantity_position_highest_365d",
)
"""Columns that `assorted` writes, in its order."""
CATEGORISED = ("categories_365d", "categories_91d", "category_largest_share_365d")
"""Columns that `categorised` writes, in its order."""

_LOG_SCALE = float(LOG_SCALE)
_YEAR = 365


@compiled
def _purchases(
    begin: int, end: int, ints: IntTable, longs: LongTable, item: Out[LongTable], paid: Out[LongTable]
) -> Any:
    """Write one customer's purchases of products, by product; return how many.

    item: product, day, known day. paid: scaled money, logs of price and of quantity as in `Coded.longs`.
    """
    n = 0
    for at in range(begin, end):
        if ints[at, PRODUCT] >= 0 and longs[at, AMOUNT] > 0:
            item[n, 0] = ints[at, PRODUCT]
            item[n, 1] = ints[at, DAY]
            item[n, 2] = ints[at, KNOWN]
            paid[n, 0] = longs[at, AMOUNT]
            paid[n, 1] = longs[at, LN_PRICE]
            paid[n, 2] = longs[at, LN_QUANTITY]
            n += 1
    return n


@compiled
def _basket(i: int, end: int, item: LongTable, paid: LongTable, as_of: int) -> Any:
    """Read one product's purchases of the 365 days from row i on.

    Returns the row after them; lines, days since the first and the last, gross; sum and count of logs of prices, and of
    quantities.
    """
    lines, oldest, newest = 0, 0, _YEAR + 1
    gross, sum_price, prices, sum_quantity, quantities = 0, 0, 0, 0, 0
    code = item[i, 0]
    while i < end and item[i, 0] == code:
        age = as_of - item[i, 1]
        if 0 < age <= _YEAR and item[i, 2] < as_of:
            lines += 1
            oldest = max(oldest, age)
            newest = min(newest, age)
            gross += paid[i, 0]
            if paid[i, 1] != NO_LOG:
                sum_price += paid[i, 1]
                prices += 1
            if paid[i, 2] != NO_LOG:
                sum_quantity += paid[i, 2]
                quantities += 1
        i += 1
    return i, lines, oldest, newest, gross, sum_price, prices, sum_quantity, quantities


@compiled
def weighed(
    first: int, end: int, offsets: Longs, ints: IntTable, longs: LongTable, as_ofs: Longs, large: ByteTable, counts: Out[LongCube]
) -> None:  # fmt: skip
    """Count the buyers of every product at every as_of.

    large[a, c]: 1 a large account, 0 another buyer, -1 without a purchase. counts: products x as_ofs x 6, added to.
    """
    most = longest(first, end, offsets)
    item, paid = np.empty((most, 3), np.int64), np.empty((most, 3), np.int64)
    for c in range(first, end):
        stop = _purchases(offsets[c], offsets[c + 1], ints, longs, item, paid)
        for a in range(len(as_ofs)):
            if large[a, c] < 0:
                continue
            i = 0
            while i < stop:
                product = item[i, 0]
                i, lines, _, _, _, sum_price, prices, sum_quantity, quantities = _basket(i, stop, item, paid, as_ofs[a])
                if lines:
                    counts[product, a, BUYERS] += 1
                    counts[product, a, LARGE_BUYERS] += large[a, c]
                    counts[product, a, SUM_PRICE] += sum_price
                    counts[product, a, PRICES] += prices
                    counts[product, a, SUM_QUANTITY] += sum_quantity
                    counts[product, a, QUANTITIES] += quantities


@compiled
def _unit(bound: float) -> Any:
    """Return the scale at which logs (below 128), summed with weights that sum up to `bound`, fit 62 bits.

    Sums of integers do not depend on the order of the products.
    """
    return 2.0 ** (61 - np.ceil(np.log2(128.0 * max(bound, 1.0))))


@compiled
def assorted(
    first: int, end: int, offsets: Longs, ints: IntTable, longs: LongTable, scale: float, as_ofs: Longs, row_of: LongTable,
    baskets: LongCube, known: FloatCube, into: Longs, answers: Out[FloatTable]
) -> None:  # fmt: skip
    """Write the columns ASSORTED; baskets as `customers.swept` leaves them; known: products x as_ofs x 4; into: the row of `answers` of each,
    -1: it is not written.
    """
    most = longest(first, end, offsets)
    item, paid = np.empty((most, 3), np.int64), np.empty((most, 3), np.int64)
    answer = np.empty(len(ASSORTED), np.float64)
    lifts, gaps = np.empty(3, np.int64), np.empty(5, np.int64)
    for c in range(first, end):
        stop = _purchases(offsets[c], offsets[c + 1], ints, longs, item, paid)
        for a in range(len(as_ofs)):
            if row_of[a, c] < 0:
                continue
            for f in range(7):
                answer[f] = 0.0
            for f in range(7, len(answer)):
                answer[f] = np.nan
            highest_lift, highest_quantity = -np.inf, -np.inf
            lifts[0] = lifts[1] = lifts[2] = 0
            repeated, top, gross, largest = 0, 0, 0, 0
            prices, quantities, recent = 0, 0, 0
            priced, counted = 0, 0
            for f in range(5):
                gaps[f] = 0
            one, money = _unit(float(baskets[a, c, 1])), _unit(baskets[a, c, 0] / scale)
            lifted = True
            i = 0 if baskets[a, c, 1] else stop
            while i < stop:
                product = item[i, 0]
                i, lines, oldest, newest, spent, ln_price, with_price, ln_quantity, with_quantity = _basket(
                    i, stop, item, paid, as_ofs[a]
                )
                if lines == 0:
                    continue
                answer[0] += newest <= 30
                answer[1] += newest <= 91
                answer[2] += newest <= 182
                answer[3] += 1
                answer[4] += oldest <= 30
                answer[5] += oldest <= 91
                answer[6] += oldest <= 182
                repeated += oldest > newest
                gross += spent
                largest = max(largest, spent)
                top += known[product, a, TOP] > 0
                lift = known[product, a, LIFT]
                if np.isnan(lift):
                    lifted = False
                else:
                    whole = np.int64(np.rint(lift * one))
                    lifts[0] += whole
                    highest_lift = max(highest_lift, lift)
                    if newest <= 91:
                        lifts[1] += whole
                    if oldest <= 91:
                        lifts[2] += whole
                weight = spent / scale
                if with_price > 0:
                    gap = float(ln_price) / with_price / _LOG_SCALE - known[product, a, MARKET_PRICE]
                    prices += 1
                    gaps[0] += np.int64(np.rint(gap * one))
                    gaps[1] += np.int64(np.rint(gap * weight * money))
                    priced += spent
                if with_quantity > 0:
                    gap = float(ln_quantity) / with_quantity / _LOG_SCALE - known[product, a, MARKET_QUANTITY]
                    quantities += 1
                    gaps[2] += np.int64(np.rint(gap * one))
                    gaps[3] += np.int64(np.rint(gap * weight * money))
                    counted += spent
                    highest_quantity = max(highest_quantity, gap)
                    if newest <= 91:
                        recent += 1
                        gaps[4] += np.int64(np.rint(gap * one))
            if answer[3] > 0:
                answer[7] = repeated / answer[3]
                answer[8] = largest / float(gross)
                answer[9] = top / answer[3]
                if lifted:
                    answer[10] = lifts[0] / one / answer[3]
                    answer[11] = lifts[1] / one / answer[1] if answer[1] > 0 else np.nan
                    answer[12] = lifts[2] / one / answer[5] if answer[5] > 0 else np.nan
                    answer[13] = lifts[0] / one
                    answer[14] = highest_lift
            if prices:
                answer[15] = gaps[1] / money / (priced / scale)
                answer[16] = gaps[0] / one / prices
            if quantities:
                answer[17] = gaps[3] / money / (counted / scale)
                answer[18] = gaps[2] / one / quantities
                answer[20] = highest_quantity
            if recent:
                answer[19] = gaps[4] / one / recent
            for f in range(len(answer)):
                if into[f] >= 0:
                    answers[into[f], row_of[a, c]] = answer[f]


@compiled
def categorised(
    first: int,
    end: int,
    offsets: Longs,
    ints: IntTable,
    longs: LongTable,
    categories: int,
    as_ofs: Longs,
    row_of: LongTable,
    into: Longs,
    answers: Out[FloatTable],
) -> None:
    """Write the columns CATEGORISED; the codes of the lines are below `categories`."""
    spent, newest = np.zeros(categories, np.int64), np.empty(categories, np.int64)
    touched = np.empty(categories, np.int64)
    for c in range(first, end):
        for a in range(len(as_ofs)):
            if row_of[a, c] < 0:
                continue
            year, quarter, gross, largest = 0, 0, 0, 0
            for i in range(offsets[c], offsets[c + 1]):
                code, age = ints[i, CATEGORY], as_ofs[a] - ints[i, DAY]
                if code < 0 or longs[i, AMOUNT] <= 0 or not 0 < age <= _YEAR or ints[i, KNOWN] >= as_ofs[a]:
                    continue
                if spent[code] == 0:  # a purchase is more than nothing
                    touched[year] = code
                    newest[code] = age
                    year += 1
                spent[code] += longs[i, AMOUNT]
                newest[code] = min(newest[code], age)
            for k in range(year):
                code = touched[k]
                quarter += newest[code] <= 91
                gross += spent[code]
                largest = max(largest, spent[code])
                spent[code] = 0
            row = row_of[a, c]
            answers[into[0], row] = year
            answers[into[1], row] = quarter
            answers[into[2], row] = largest / float(gross) if gross > 0 else np.nan
