"""Lines to their customer's place: compiled."""

from __future__ import annotations

import numpy as np

from smartaccounts.engine.compiled import Column, Hashes, Ints, Longs, Out, Strided, Table, compiled
from smartaccounts.features.sweep.ordering import longest, ordered

UNSEEN = -1


@compiled
def slotted(hashes: Hashes, slots: Out[Ints]) -> None:
    """Write the place of each hash to a free slot; `slots` are a power of two, more than there are hashes, all UNSEEN."""
    mask = np.uint64(len(slots) - 1)
    for i in range(len(hashes)):
        s = hashes[i] & mask
        while slots[s] >= 0:
            s = (s + np.uint64(1)) & mask
        slots[s] = i


@compiled
def numbered(asked: Hashes, hashes: Hashes, slots: Ints, found: Out[Ints]) -> None:
    """Write the place of each hash that is asked for among `hashes`, UNSEEN where it is not there."""
    mask = np.uint64(len(slots) - 1)
    for i in range(len(asked)):
        s = asked[i] & mask
        place = slots[s]
        while place >= 0 and hashes[place] != asked[i]:
            s = (s + np.uint64(1)) & mask
            place = slots[s]
        found[i] = place


@compiled
def queued(c: Ints, range_of: Ints, order: Out[Ints], begins: Out[Longs]) -> bool:
    """Write the places of lines of the customers `c`, range by range as they come, and where each range begins among them.

    Say whether there is a customer for each; `begins` are zeros, one more than there are ranges.
    """
    for i in range(len(c)):
        if c[i] < 0:
            return False
        begins[range_of[c[i]] + 1] += 1
    for r in range(len(begins) - 1):
        begins[r + 1] += begins[r]
    free = begins.copy()
    for i in range(len(c)):
        r = range_of[c[i]]
        order[free[r]] = i
        free[r] += 1
    return True


@compiled
def filed(
    values: Column, order: Ints, begins: Longs, free: Longs, starts: Longs, column: int, width: int, table: Out[Column]
) -> None:
    """Write a column of some `queued` lines to the free rows of their ranges.

    Of each range `table`, `width` numbers a line, has one column after the other for now.
    """
    for r in range(len(begins) - 1):
        to = starts[r] * width + column * (starts[r + 1] - starts[r]) + free[r] - starts[r]
        for k in range(begins[r], begins[r + 1]):
            table[to] = values[order[k]]
            to += 1


@compiled
def placed(c: Ints, free: Out[Longs], ends: Longs, rows: Out[Longs]) -> bool:
    """Write the next free row of each line's customer, and move `free` on; say whether there was room for all."""
    for i in range(len(c)):
        if free[c[i]] >= ends[c[i]]:
            return False
        rows[i] = free[c[i]]
        free[c[i]] += 1
    return True


@compiled
def by_code(begins: Longs, codes: Ints, rows: Out[Longs]) -> None:
    """Change the rows of lines so that those of each customer, from its row in `begins` on, ascend by their code."""
    n, most = len(rows), longest(0, len(begins) - 1, begins)
    line_at = np.empty(n, np.int64)
    for i in range(n):
        line_at[rows[i]] = i
    keys, places, spare = np.empty(most, np.int64), np.empty(most, np.int64), np.empty(most, np.int64)
    for c in range(len(begins) - 1):
        first, lines = begins[c], begins[c + 1] - begins[c]
        for k in range(lines):
            keys[k] = codes[line_at[first + k]]
        ordered(keys, lines, places, spare)
        for k in range(lines):
            rows[line_at[first + places[k]]] = first + k


@compiled
def settled(columns: Table, rows: Longs, table: Out[Table]) -> None:
    """Write some lines, one column after the other, to their rows of `table`."""
    for i in range(len(rows)):
        for k in range(len(columns)):
            table[rows[i], k] = columns[k, i]


@compiled
def merged(
    customers: Longs, begins: Longs, codes: Ints, more_begins: Longs, more_codes: Strided[Ints], starts: Longs,
    rows: Out[Longs], more_rows: Out[Longs],
) -> None:  # fmt: skip
    """Write to which rows the lines of some customers go, and more lines of the same, so that both ascend by their code.

    Customer `customers[i]` has the lines `begins[i]:begins[i + 1]`, of the others those at its own number in
    `more_begins`, and its rows begin at its own in `starts`.
    """
    for i in range(len(customers)):
        c = customers[i]
        k, more, to = begins[i], more_begins[c], starts[c]
        while k < begins[i + 1] or more < more_begins[c + 1]:
            if more == more_begins[c + 1] or (k < begins[i + 1] and codes[k] <= more_codes[more]):
                rows[k] = to
                k += 1
            else:
                more_rows[more] = to
                more += 1
            to += 1
