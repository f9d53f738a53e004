"""The lines of one customer, swept once for all as_of dates: compiled.

Lines become orders (one row per order_id, day and day on which it was known), orders become days with running totals,
and a window is the difference of two of them. The days are laid out once for all as_of dates at which every line of an
earlier day was known; for each other one anew, from what was known by then.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from smartaccounts.engine.compiled import Bools, Floats, FloatTable, IntTable, LongCube, Longs, LongTable, Out, compiled
from smartaccounts.features.sweep.measures import FIXED
from smartaccounts.features.sweep.numbers import AMOUNT, DAY, FIRST_GIVEN, FLAGS, KNOWN, ORDER, PRODUCT
from smartaccounts.features.sweep.ordering import longest, ordered
from smartaccounts.features.sweep.program import (
    COUNT,
    DIFFERENCE,
    FADED_COUNT,
    FADED_MONEY,
    MONEY,
    NULL,
    OWN,
    REST,
)

_AMOUNT, _GROSS, _RETURNED, _LINES, _RETURN_LINES, _IS_ORDER = range(6)
_PRODUCT_GROSS, _PRODUCT_LINES, _BOUGHT, _GAPS, _GAP, _GAP_SQUARED = range(6, 12)
_FIXED = len(FIXED)


@compiled
def earliest(ints: IntTable, as_ofs: Longs, found: Out[Longs]) -> None:
    """Lower `found` to the first day of the lines that were known at an as_of, ascending, and not at the one before."""
    for i in range(len(ints)):
        for a in range(len(as_ofs)):
            if ints[i, KNOWN] < as_ofs[a]:
                found[a] = min(found[a], ints[i, DAY])
                break


@compiled
def spent(
    first: int, end: int, offsets: Longs, ints: IntTable, longs: LongTable, scale: float, as_of: int, row_of: Longs,
    ages: LongTable, into: Longs, answers: Out[FloatTable]
) -> None:  # fmt: skip
    """Write what the customers `[first, end)` spent, at one as_of: totals as `swept` has them, without a look at days.

    answers[into[k], row_of[c]]: on the days that are older than ages[k, 0] and not older than ages[k, 1].
    """
    sums = np.empty(len(ages), np.int64)
    for c in range(first, end):
        if row_of[c] < 0:
            continue
        sums[:] = 0
        for i in range(offsets[c], offsets[c + 1]):
            age = as_of - ints[i, DAY]
            if ints[i, KNOWN] < as_of:
                for k in range(len(ages)):
                    if ages[k, 0] < age <= ages[k, 1]:
                        sums[k] += longs[i, AMOUNT]
        for k in range(len(ages)):
            answers[into[k], row_of[c]] = _rounded(sums[k] / scale)


@compiled
def _rounded(value: float) -> Any:
    """Round half away from zero to 1e-6, as SQL does."""
    return np.floor(abs(value) * 1e6 + 0.5) / 1e6 * (1.0 if value >= 0 else -1.0)


@compiled
def _orders(
    ints: IntTable, longs: LongTable, by_order: Out[Longs], row_day: Out[Longs], row_known: Out[Longs], row: Out[LongTable]
) -> int:  # fmt: skip
    """Write one row per (order, day, known); `by_order` are the places of the lines by order. Return how many rows."""
    n = len(ints)
    # within an order by (known, day): nearly always one day, so an insertion sort does
    for i in range(1, n):
        j = i
        while j > 0:
            a, b = by_order[j - 1], by_order[j]
            if longs[a, ORDER] != longs[b, ORDER]:
                break
            if ints[a, KNOWN] < ints[b, KNOWN] or (ints[a, KNOWN] == ints[b, KNOWN] and ints[a, DAY] <= ints[b, DAY]):
                break
            by_order[j - 1], by_order[j] = b, a
            j -= 1
    rows = -1
    for i in range(n):
        at = by_order[i]
        before = by_order[i - 1] if i else -1
        same_order = i > 0 and longs[before, ORDER] == longs[at, ORDER]
        if not (same_order and ints[before, DAY] == ints[at, DAY] and ints[before, KNOWN] == ints[at, KNOWN]):
            rows += 1
            row_day[rows] = ints[at, DAY]
            row_known[rows] = ints[at, KNOWN]
            for k in range(row.shape[1]):
                row[rows, k] = 0
            row[rows, _IS_ORDER] = 0 if same_order else 1
        amount = longs[at, AMOUNT]
        row[rows, _AMOUNT] += amount
        row[rows, _LINES] += 1
        if amount > 0:
            row[rows, _GROSS] += amount
            if ints[at, PRODUCT] >= 0:
                row[rows, _PRODUCT_GROSS] += amount
                row[rows, _PRODUCT_LINES] += 1
        elif amount < 0:
            row[rows, _RETURNED] -= amount
            row[rows, _RETURN_LINES] += 1
        for k in range(FIRST_GIVEN, longs.shape[1]):
            row[rows, _FIXED + k - FIRST_GIVEN] += longs[at, k]
        flags, k = ints[at, FLAGS], _FIXED + longs.shape[1] - FIRST_GIVEN
        while flags:
            if flags & 1:
                row[rows, k] += amount
            flags >>= 1
            k += 1
    return rows + 1


@compiled
def _days(
    rows: int, by_day: Longs, row_day: Longs, row_known: Longs, row: LongTable, as_of: int, fading: Longs, fade: FloatTable,
    days: Out[Longs], total: Out[LongTable], faded: Out[FloatTable], since: Out[LongTable], most: Out[LongTable],
    bought: Out[LongTable],
) -> int:  # fmt: skip
    """Lay out the days of the rows known before as_of, of days before it; return how many.

    total[d + 1] are the totals of the days up to d, faded[d] what is left of all amounts on the day since[d], most[d] the largest
    net and gross order of the day and the largest net one so far, and the longest gap so far; bought[d] the places of
    the first purchase day and of the last one up to d, and how many days lie before the first purchase day + 90.
    """
    n = 0
    first, last, early = -1, -1, 0
    largest, pause = np.iinfo(np.int64).min, 0
    for k in range(total.shape[1]):
        total[0, k] = 0
    i = 0
    while i < rows:
        day = row_day[by_day[i]]
        if day >= as_of:
            break
        here = False
        while i < rows and row_day[by_day[i]] == day:
            r = by_day[i]
            i += 1
            if row_known[r] >= as_of:
                continue
            if not here:
                here = True
                for k in range(total.shape[1]):
                    total[n + 1, k] = total[n, k]
                most[n, 0] = row[r, _AMOUNT]
                most[n, 1] = row[r, _GROSS]
            for k in range(row.shape[1]):
                total[n + 1, k] += row[r, k]
            most[n, 0] = max(most[n, 0], row[r, _AMOUNT])
            most[n, 1] = max(most[n, 1], row[r, _GROSS])
        if not here:
            continue
        days[n] = day
        largest = max(largest, most[n, 0])
        if total[n + 1, _GROSS] > total[n, _GROSS]:
            total[n + 1, _BOUGHT] += 1
            if last >= 0:
                gap = day - days[last]
                total[n + 1, _GAPS] += 1
                total[n + 1, _GAP] += gap
                total[n + 1, _GAP_SQUARED] += gap * gap
                pause = max(pause, gap)
            else:
                first = n
            last = n
        most[n, 2] = largest
        most[n, 3] = pause
        bought[n, 0] = first
        bought[n, 1] = last
        if first < 0 or day < days[first] + 90:
            early = n + 1
        bought[n, 2] = early
        for k in range(len(fading)):
            new = float(total[n + 1, fading[k]] - total[n, fading[k]])
            # a day that adds nothing changes no digit: customers with the same orders tie
            if n > 0 and new == 0.0:
                faded[n, k], since[n, k] = faded[n - 1, k], since[n - 1, k]
            else:
                left = faded[n - 1, k] * fade[k, day - since[n - 1, k]] if n > 0 else 0.0
                faded[n, k], since[n, k] = left + new, day
        n += 1
    return n


@compiled
def _own(
    own: Out[Floats], n: int, as_of: int, scale: float, days: Longs, total: LongTable, most: LongTable, bought: LongTable, at: Longs,
    place: Longs
) -> None:  # fmt: skip
    """Compute OWN_RULES in their order; `at[place[m]]` are the days older than m months of 30 days, of a year last."""
    for k in range(len(own)):
        own[k] = np.nan
    year = at[place[-1]]
    # zero, not null, for a customer without a line of a day before as_of
    own[0] = own[4] = own[5] = own[8] = own[9] = 0.0
    if n == 0:
        return
    largest, gross = np.iinfo(np.int64).min, np.int64(0)
    for d in range(year, n):
        largest = max(largest, most[d, 0])
        gross = max(gross, most[d, 1])
    if year < n:
        own[1] = largest / scale
    own[2] = most[n - 1, 2] / scale
    all_gross = total[n, _GROSS] - total[year, _GROSS]
    if all_gross > 0:
        own[3] = float(gross) / float(all_gross)
    first, last = bought[n - 1, 0], bought[n - 1, 1]
    if first < 0:
        return
    own[0] = _rounded(total[bought[n - 1, 2], _AMOUNT] / scale)
    own[4] = _rounded((total[first + 1, _GROSS] - total[first, _GROSS]) / scale)
    own[5] = _rounded((total[last + 1, _GROSS] - total[last, _GROSS]) / scale)
    own[6] = as_of - days[first]
    own[7] = as_of - days[last]
    for m in range(12):
        if total[at[place[m]], _BOUGHT] > total[at[place[m + 1]], _BOUGHT]:
            own[8] += 1
            if m < 6:
                own[9] += 1
    gaps, gap, squared = float(total[n, _GAPS]), float(total[n, _GAP]), float(total[n, _GAP_SQUARED])
    if gaps > 0:
        own[11] = most[n - 1, 3]
        own[13] = own[7] / (gap / gaps)
    if gaps > 1:
        own[10] = np.sqrt(max((squared - gap * gap / gaps) / (gaps - 1), 0.0))
        own[12] = own[10] / (gap / gaps)


@compiled
def _executed(
    instructions: LongTable, history: int, n: int, as_of: int, scale: float, total: LongTable, faded: FloatTable, since: LongTable,
    fade: FloatTable, at: Longs, own: Floats, answer: Out[Floats]
) -> None:  # fmt: skip
    """Execute the program for one customer at one as_of."""
    for f in range(len(instructions)):
        what = instructions[f, 0]
        one = total[at[instructions[f, 2]], instructions[f, 1]] - total[at[instructions[f, 3]], instructions[f, 1]]
        value = np.nan
        if what == NULL or (n == 0 and instructions[f, 9] == 0):
            pass
        elif what == MONEY:
            if history >= instructions[f, 8]:
                value = _rounded(one / scale)
        elif what == COUNT:
            if history >= instructions[f, 8]:
                value = float(one)
        elif what == OWN:
            value = own[instructions[f, 1]]
        elif what in (FADED_MONEY, FADED_COUNT):
            value = 0.0
            if n > 0:
                k = instructions[f, 2]
                value = faded[n - 1, k] * fade[k, as_of - since[n - 1, k]]
                if what == FADED_MONEY:
                    value /= scale
        else:
            m = instructions[f, 4]
            other = total[at[instructions[f, 5]], m] - total[at[instructions[f, 6]], m]
            if what == DIFFERENCE:
                value = _rounded((float(one) - float(other)) / scale)
            elif other > 0:
                money = instructions[f, 7]
                above = _rounded(one / scale) if money & 2 else float(one)
                below = _rounded(other / scale) if money & 1 else float(other)
                value = above / below
                if what == REST:
                    value = 1.0 - value
        answer[f] = value


@compiled
def _in_flight(rows: int, row_day: Longs, row_known: Longs, as_ofs: Longs, in_flight: Out[Bools]) -> None:
    """Say of every as_of whether a row of a day before it was not known yet."""
    in_flight[:] = False
    for r in range(rows):
        if row_known[r] > row_day[r]:
            for a in range(len(as_ofs)):
                if row_day[r] < as_ofs[a] <= row_known[r]:
                    in_flight[a] = True


@compiled
def swept(
    first: int,
    end: int,
    offsets: Longs,
    ints: IntTable,
    longs: LongTable,
    flags: int,
    scale: float,
    as_ofs: Longs,
    history: Longs,
    row_of: LongTable,
    instructions: LongTable,
    ages: Longs,
    months: Longs,
    fading: Longs,
    fade: FloatTable,
    into: Longs,
    answers: Out[FloatTable],
    baskets: Out[LongCube],
) -> None:
    """Sweep the customers `[first, end)`.

    as_ofs ascending; row_of[a, c] is the row of `answers` (columns x rows) that is written, -1: none; into[f] the
    column. flags: how many measures are `flagged`; scale: of money. baskets[a, c] is what the customer bought of
    products in the last 365 days, scaled, and in how many lines.
    """
    most_lines = longest(first, end, offsets)
    measures = _FIXED + longs.shape[1] - FIRST_GIVEN + flags
    room = np.empty((7, most_lines), np.int64)
    orders, by_order, by_day, spare = room[0], room[1], room[2], room[3]
    row_day, row_known, days = room[4], room[5], room[6]
    row = np.empty((most_lines, measures), np.int64)
    total = np.empty((most_lines + 1, measures), np.int64)
    faded = np.empty((most_lines, len(fading)), np.float64)
    since = np.empty((most_lines, len(fading)), np.int64)
    most = np.empty((most_lines, 4), np.int64)
    bought = np.empty((most_lines, 3), np.int64)
    at = np.empty(len(ages), np.int64)
    own = np.empty(14, np.float64)
    answer = np.empty(len(instructions), np.float64)
    in_flight = np.empty(len(as_ofs), np.bool_)
    baskets[:, first:end] = 0
    for c in range(first, end):
        low, high = offsets[c], offsets[c + 1]
        for i in range(low, high):
            orders[i - low] = longs[i, ORDER]
        ordered(orders, high - low, by_order, spare)
        rows = _orders(ints[low:high], longs[low:high], by_order, row_day, row_known, row)
        ordered(row_day, rows, by_day, spare)
        _in_flight(rows, row_day, row_known, as_ofs, in_flight)
        for alone in (False, True):
            n_all = -1
            for a in range(len(as_ofs)):
                if row_of[a, c] < 0 or in_flight[a] != alone:
                    continue
                as_of = as_ofs[a]
                if alone or n_all < 0:
                    until = as_of if alone else as_ofs[-1]
                    n_all = _days(
                        rows, by_day, row_day, row_known, row, until, fading, fade,
                        days, total, faded, since, most, bought
                    )  # fmt: skip
                n = n_all
                while n > 0 and days[n - 1] >= as_of:
                    n -= 1
                d = n
                for e in range(len(ages)):
                    while d > 0 and days[d - 1] >= as_of - ages[e]:
                        d -= 1
                    at[e] = d
                year = at[months[13]]
                baskets[a, c, 0] = total[n, _PRODUCT_GROSS] - total[year, _PRODUCT_GROSS]
                baskets[a, c, 1] = total[n, _PRODUCT_LINES] - total[year, _PRODUCT_LINES]
                _own(own, n, as_of, scale, days, total, most, bought, at, months)
                _executed(instructions, history[a], n, as_of, scale, total, faded, since, fade, at, own, answer)
                for f in range(len(answer)):
                    answers[into[f], row_of[a, c]] = answer[f]
