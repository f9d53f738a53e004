"""What customers bought of each product and category in the last 365 days, beside what the market did: compiled."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from smartaccounts.features.sweep.coded import AMOUNT, DAY, KNOWN, LN_PRICE, LN_QUANTITY, NO_LOG
from smartaccounts.features.sweep.ordering import ordered

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

Array = npt.NDArray[Any]
_SCALE = 1e9
_YEAR = 365


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def grouped(
    first: int, end: int, offsets: Array, ints: Array, longs: Array, column: int, order: Array, n: Array
) -> None:
    """Order each customer's purchases that have a code in `column` by it.

    order[offsets[c]:offsets[c] + n[c]] are their places among the lines of c.
    """
    longest = 1
    for c in range(first, end):
        longest = max(longest, offsets[c + 1] - offsets[c])
    by_code, spare = np.empty(longest, np.int64), np.empty(longest, np.int64)
    for c in range(first, end):
        low, high = offsets[c], offsets[c + 1]
        ordered(ints[low:high, column], high - low, by_code, spare)
        n[c] = 0
        for k in range(high - low):
            i = by_code[k]
            if ints[low + i, column] >= 0 and longs[low + i, AMOUNT] > 0:
                order[low + n[c]] = i
                n[c] += 1


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _basket(
    i: int, n: int, low: int, order: Array, ints: Array, longs: Array, column: int, as_of: int, found: Array
) -> int:
    """Read one code's purchases from place i on; return the place after them.

    found: lines in the 365 days, days since the first and the last of them, gross, sum and count of logs of prices, and
    of quantities.
    """
    for k in range(8):
        found[k] = 0
    code = ints[low + order[low + i], column]
    while i < n:
        at = low + order[low + i]
        if ints[at, column] != code:
            break
        i += 1
        age = as_of - ints[at, DAY]
        if age <= 0 or age > _YEAR or ints[at, KNOWN] >= as_of:
            continue
        found[1] = age if found[0] == 0 else max(found[1], age)
        found[2] = age if found[0] == 0 else min(found[2], age)
        found[0] += 1
        found[3] += longs[at, AMOUNT]
        if longs[at, LN_PRICE] != NO_LOG:
            found[4] += longs[at, LN_PRICE]
            found[5] += 1
        if longs[at, LN_QUANTITY] != NO_LOG:
            found[6] += longs[at, LN_QUANTITY]
            found[7] += 1
    return i


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def weighed(
    first: int, end: int, offsets: Array, ints: Array, longs: Array, column: int, order: Array, n: Array,
    as_ofs: Array, large: Array, counts: Array
) -> None:  # fmt: skip
    """Count the buyers of every product at every as_of.

    large[a, c]: 1 a large account, 0 another buyer, -1 without a purchase. counts: as_ofs x products x 6, added to.
    """
    found = np.empty(8, np.int64)
    for a in range(len(as_ofs)):
        for c in range(first, end):
            if large[a, c] < 0:
                continue
            i = 0
            while i < n[c]:
                product = ints[offsets[c] + order[offsets[c] + i], column]
                i = _basket(i, n[c], offsets[c], order, ints, longs, column, as_ofs[a], found)
                if found[0]:
                    counts[a, product, BUYERS] += 1
                    counts[a, product, LARGE_BUYERS] += large[a, c]
                    for k in range(4):
                        counts[a, product, SUM_PRICE + k] += found[4 + k]


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _unit(bound: float) -> float:
    """Return the scale at which logs (below 128), summed with weights that sum up to `bound`, fit 62 bits.

    Sums of integers do not depend on the order of the products.
    """
    return 2.0 ** (61 - np.ceil(np.log2(128.0 * max(bound, 1.0))))


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def assorted(
    first: int, end: int, offsets: Array, ints: Array, longs: Array, column: int, order: Array, n: Array,
    as_ofs: Array, row_of: Array, baskets: Array, known: Array, answers: Array
) -> None:  # fmt: skip
    """Write the columns ASSORTED; baskets as `customers.swept` leaves them; known: as_ofs x products x 4."""
    found = np.empty(8, np.int64)
    answer = np.empty(len(ASSORTED), np.float64)
    lifts, gaps = np.empty(3, np.int64), np.empty(5, np.int64)
    for a in range(len(as_ofs)):
        for c in range(first, end):
            if row_of[a, c] < 0:
                continue
            for f in range(7):
                answer[f] = 0.0
            for f in range(7, len(answer)):
                answer[f] = np.nan
            highest_lift, highest_quantity = -np.inf, -np.inf
            lifts[0] = lifts[1] = lifts[2] = 0
            repeated, top, gross, largest = 0, 0, np.int64(0), np.int64(0)
            prices, quantities, recent = 0, 0, 0
            priced, counted = np.int64(0), np.int64(0)
            for f in range(5):
                gaps[f] = 0
            one, money = _unit(float(baskets[a, c, 1])), _unit(baskets[a, c, 0] / _SCALE)
            lifted = True
            i = 0
            while i < n[c]:
                product = ints[offsets[c] + order[offsets[c] + i], column]
                i = _basket(i, n[c], offsets[c], order, ints, longs, column, as_ofs[a], found)
                if found[0] == 0:
                    continue
                oldest, newest, spent = found[1], found[2], found[3]
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
                top += known[a, product, TOP] > 0
                lift = known[a, product, LIFT]
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
                weight = spent / _SCALE
                if found[5] > 0:
                    gap = float(found[4]) / found[5] / _SCALE - known[a, product, MARKET_PRICE]
                    prices += 1
                    gaps[0] += np.int64(np.rint(gap * one))
                    gaps[1] += np.int64(np.rint(gap * weight * money))
                    priced += spent
                if found[7] > 0:
                    gap = float(found[6]) / found[7] / _SCALE - known[a, product, MARKET_QUANTITY]
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
                answer[15] = gaps[1] / money / (priced / _SCALE)
                answer[16] = gaps[0] / one / prices
            if quantities:
                answer[17] = gaps[3] / money / (counted / _SCALE)
                answer[18] = gaps[2] / one / quantities
                answer[20] = highest_quantity
            if recent:
                answer[19] = gaps[4] / one / recent
            for f in range(len(answer)):
                answers[f, row_of[a, c]] = answer[f]


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def categorised(
    first: int, end: int, offsets: Array, ints: Array, longs: Array, column: int, order: Array, n: Array,
    as_ofs: Array, row_of: Array, answers: Array
) -> None:  # fmt: skip
    """Write the columns CATEGORISED."""
    found = np.empty(8, np.int64)
    for a in range(len(as_ofs)):
        for c in range(first, end):
            if row_of[a, c] < 0:
                continue
            year, quarter, gross, largest = 0, 0, np.int64(0), np.int64(0)
            i = 0
            while i < n[c]:
                i = _basket(i, n[c], offsets[c], order, ints, longs, column, as_ofs[a], found)
                if found[0]:
                    year += 1
                    quarter += found[2] <= 91
                    gross += found[3]
                    largest = max(largest, found[3])
            row = row_of[a, c]
            answers[0, row] = year
            answers[1, row] = quarter
            answers[2, row] = largest / float(gross) if gross > 0 else np.nan
