"""Lines to their customer's place: compiled."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from smartaccounts.engine.compiled import compiled
from smartaccounts.features.sweep.ordering import longest, ordered

UNSEEN = -1

Array = npt.NDArray[Any]


@compiled
def slotted(hashes: Array, slots: Array) -> None:
    """Write the place of each hash to a free slot; `slots` are a power of two, more than there are hashes, all UNSEEN."""
    mask = np.uint64(len(slots) - 1)
    for i in range(len(hashes)):
        s = hashes[i] & mask
        while slots[s] >= 0:
            s = (s + np.uint64(1)) & mask
        slots[s] = i


@compiled
def numbered(asked: Array, hashes: Array, slots: Array, found: Array) -> None:
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
def queued(c: Array, range_of: Array, order: Array, begins: Array) -> bool:
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
def filed(values: Array, order: Array, begins: Array, free: Array, starts: Array, column: int, table: Array) -> None:
    """Write a column of some `queued` lines to the free rows of their ranges.

    Of each range `table` has one column after the other for now.
    """
    width, flat = table.shape[1], table.reshape(-1)
    for r in range(len(begins) - 1):
        to = starts[r] * width + column * (starts[r + 1] - starts[r]) + free[r] - starts[r]
        for k in range(begins[r], begins[r + 1]):
            flat[to] = values[order[k]]
            to += 1


@compiled
def placed(c: Array, free: Array, ends: Array, rows: Array) -> bool:
    """Write the next free row of each line's customer, and move `free` on; say whether there was room for all."""
    for i in range(len(c)):
        if free[c[i]] >= ends[c[i]]:
            return False
        rows[i] = free[c[i]]
        free[c[i]] += 1
    return True


@compiled
def by_code(begins: Array, codes: Array, rows: Array) -> None:
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
def settled(columns: Array, rows: Array, table: Array) -> None:
    """Write some lines, one column after the other, to their rows of `table`."""
    n, width = len(rows), table.shape[1]
    for i in range(n):
        for k in range(width):
            table[rows[i], k] = columns[k * n + i]


@compiled
def merged(
    customers: Array, begins: Array, codes: Array, more_begins: Array, more_codes: Array,
    starts: Array, rows: Array, more_rows: Array,
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
