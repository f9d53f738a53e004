"""Lines to the place of their customer: those that are read, and those that are kept as numbers."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from smartaccounts.engine.compiled import Ints, Longs
from smartaccounts.engine.memory import Room, release
from smartaccounts.engine.threads import threads
from smartaccounts.errors import InputError
from smartaccounts.features.sweep.kept import Kept, damaged
from smartaccounts.features.sweep.keys import Index, Keys
from smartaccounts.features.sweep.numbers import CATEGORY, DAY, FLAGS, PRODUCT, numbers, width
from smartaccounts.features.sweep.scatter import UNSEEN, by_code, filed, merged, placed, queued, settled
from smartaccounts.orders.contract import OrderLines

Columns = list[npt.NDArray[Any]]

BATCH = 1 << 18
RANGE = 1 << 18
"""Lines of a range of customers, about: they lie together in the cache when they are put in place and swept."""


class Laid(NamedTuple):
    """`ints`, `longs` and `span` of a `Coded`."""

    ints: Ints
    longs: Longs
    span: tuple[int, int]


def offsets_of(counts: Longs) -> Longs:
    """Return where the lines of each customer begin, and where the last ones end."""
    offsets = np.zeros(len(counts) + 1, dtype=np.int64)
    np.cumsum(counts, out=offsets[1:])
    return offsets


def bounds_of(offsets: Longs) -> Longs:
    """Return where ranges of about RANGE lines begin, and where the last one ends."""
    bounds: Longs = np.unique(
        np.append(np.searchsorted(offsets, np.arange(0, offsets[-1], RANGE)), len(offsets) - 1)
    ).astype(np.int64)
    return bounds


def laid_out(lines: OrderLines, keys: Keys, offsets: Longs, bounds: Longs) -> Laid:
    """Lay out the lines of `keys.source`."""
    return _placed(_batches(lines, keys), keys, offsets, bounds, width=width(lines.provided), room=lines.engine.room)


def joined(lines: OrderLines, keys: Keys, held: Kept, offsets: Longs) -> Laid:
    """Lay out the lines that are not kept, and both together: the lines of a customer ascend by product in either.

    InputError where what is kept is not as it was written.
    """
    whose = keys.customers["kept"].to_numpy()
    places = [np.flatnonzero(t["kept"].to_numpy()) for t in (keys.customers, keys.products, keys.categories)]
    more_offsets = offsets_of(keys.customers["lines"].to_numpy() - whose)
    more = laid_out(lines, keys, more_offsets, bounds_of(more_offsets))
    kept_offsets = offsets_of(held.counts())
    groups = offsets_of(np.array(held.groups(), np.int64))
    bounds = np.searchsorted(kept_offsets, groups)
    if not np.array_equal(whose[places[0]], np.diff(kept_offsets)) or (kept_offsets[bounds] != groups).any():
        raise damaged(held.folder)
    room, rows = lines.engine.room, int(offsets[-1])
    ints, longs = room.empty((rows, FLAGS + 1), np.int32), room.empty((rows, width(lines.provided)), np.int64)
    to = np.repeat(offsets[:-1] - more_offsets[:-1], np.diff(more_offsets)) + np.arange(more_offsets[-1])

    def join(group: int) -> None:
        first, end = bounds[group], bounds[group + 1]
        columns = held.lines(group)
        for column, now in ((PRODUCT, places[1]), (CATEGORY, places[2])):
            columns[column] = np.append(now, UNSEEN).astype(np.int32)[columns[column]]
        at = np.empty(len(columns[PRODUCT]), np.int64)
        begins = kept_offsets[first : end + 1] - kept_offsets[first]
        customers, more_codes = places[0][first:end], more.ints[:, PRODUCT]
        merged(customers, begins, columns[PRODUCT], more_offsets, more_codes, offsets, at, to)
        settled(np.stack(columns[: FLAGS + 1]), at, ints)
        settled(np.stack(columns[FLAGS + 1 :]), at, longs)
        release(ints, longs)

    with ThreadPoolExecutor(threads()) as pool:
        list(pool.map(join, range(len(groups) - 1)))
    for some in np.split(np.arange(len(to)), np.searchsorted(to, np.arange(RANGE, rows, RANGE))):  # `to` ascends
        ints[to[some]], longs[to[some]] = more.ints[some], more.longs[some]
        release(ints, longs, more.ints, more.longs)
    spans = [held.span, *([more.span] if len(to) else [])]
    return Laid(ints, longs, (min(first for first, _ in spans), max(last for _, last in spans)))


def _placed(batches: Iterator[Columns], keys: Keys, offsets: Longs, bounds: Longs, *, width: int, room: Room) -> Laid:
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
            raise _changed()
        for some, table in (([c], whose), ([*columns[3:5], product, category, columns[5]], ints), (columns[6:], longs)):
            for k, values in enumerate(some):
                filed(values, order, begins, free, starts, k, table.shape[1], table.reshape(-1))
        free[:] += np.diff(begins)
        release(whose, ints, longs)

    def settle(first: int, end: int) -> tuple[int, int]:
        lines = slice(offsets[first], offsets[end])
        n = int(lines.stop - lines.start)
        rows, columns = np.empty(n, np.int64), ints[lines].reshape(-1, n)
        own, begins = whose[lines, 0] - np.int32(first), offsets[first : end + 1] - offsets[first]
        if not placed(own, begins[:-1].copy(), begins[1:], rows):
            raise _changed()
        by_code(begins, columns[PRODUCT], rows)
        days = int(columns[DAY].min()), int(columns[DAY].max())
        for table in (ints, longs):
            settled(table[lines].reshape(-1, n).copy(), rows, table[lines])
        release(whose, ints, longs)
        return days

    # never in the first thread: there a Ctrl-C would be lost, should numba have to compile something yet
    with ThreadPoolExecutor(threads()) as pool:
        indexes = pool.submit(keys.indexes).result()
        for columns in batches:
            pool.submit(file, columns, indexes).result()
        if (free != starts[1:]).any():
            raise _changed()
        filled = [(first, end) for first, end in pairwise(bounds) if offsets[first] < offsets[end]]
        days = list(pool.map(settle, *zip(*filled, strict=True))) if filled else []
    span = min((first for first, _ in days), default=0), max((last for _, last in days), default=0)
    return Laid(ints, longs, span)


def _changed() -> InputError:
    """Return the error of lines that are not the same when they are read again."""
    return InputError(
        "Expected the same order lines when they are read again, got others in the source.",
        hint="Run the command again when its files are complete.",
    )


def _batches(lines: OrderLines, keys: Keys) -> Iterator[Columns]:
    """Yield the lines, some at a time: the hashes of their keys, their day and known day, flags, the columns of `longs`."""
    sql = f"SELECT {', '.join([*keys.hashes(), *numbers(lines.provided, keys.scale)])} FROM {keys.source} l"
    for batch in lines.engine.batches(sql, rows=BATCH):
        yield [column.to_numpy() for column in batch.columns]
