"""The snapshot a few rows at a time: what the market must know of everybody is swept for first, the rest piece by piece."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from math import prod
from queue import SimpleQueue
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from smartaccounts.config import Target
from smartaccounts.engine.memory import Empty, Room, release
from smartaccounts.engine.threads import threads
from smartaccounts.features.extra import Extra, extra_of
from smartaccounts.features.families import CATALOGUE, absent_features
from smartaccounts.features.sweep import coded, sold
from smartaccounts.features.sweep.answer import Answer
from smartaccounts.features.sweep.coded import Coded
from smartaccounts.features.sweep.columns import Baskets, no_baskets
from smartaccounts.features.sweep.keys import Keys, keyed
from smartaccounts.features.sweep.peers import Rows
from smartaccounts.features.sweep.ranges import in_order
from smartaccounts.features.sweep.run import STOOD, answered, level_names, levels, stood
from smartaccounts.features.sweep.seen import Dates, everywhere, first_days, see, with_history
from smartaccounts.orders.contract import OrderLines
from smartaccounts.timeline import from_day_number

Made = TypeVar("Made")
ROWS = 1 << 15
"""Rows of a piece, at most, and of one customer at least."""


def pieces(
    lines: OrderLines,
    as_ofs: Sequence[date],
    target: Target,
    finish: Callable[[pd.DataFrame], Made],
    *,
    keys: Keys | None = None,
    extra: Sequence[Extra] = (),
) -> Iterator[Made]:
    """Yield what `finish` makes of the rows of `run.whole`, some at a time, by market, customer_id and as_of.

    `finish` is called in several threads; the next rows come in the place of those that it was given. extra: features of
    the pipeline file, whose columns come behind the others. keys: as in `run.whole`.
    """
    asked = sorted(set(as_ofs))
    held = coded.coded(lines, keys or keyed(lines, known_before=asked[-1]))
    dates = with_history(asked, first_days(held, asked), horizon_days=target.horizon_days)
    number, customers = len(dates.as_ofs), len(held.first_known)
    if not number:
        return
    most = max(1, ROWS // number)
    cuts = list(pairwise([*range(0, customers, most), customers]))
    market = _Market.of(held, dates, target, frozenset(absent_features(lines.provided)), lines.engine.room)
    own = _own(lines, held, dates, extra)
    spare: SimpleQueue[npt.NDArray[np.float64]] = SimpleQueue()
    for _ in range(min(threads(), len(cuts))):  # fresh memory is slow to write to
        spare.put(np.empty(len(CATALOGUE) * min(most, customers) * number))

    def piece(first: int, end: int) -> Made | None:
        flat = spare.get()
        try:
            rows = market.rows(first, end, known, own, lambda shape: flat[: prod(shape)].reshape(shape))
            return finish(rows) if len(rows) else None
        finally:
            spare.put(flat)

    with ThreadPoolExecutor(threads()) as pool:
        list(pool.map(market.level, *zip(*cuts, strict=True)))
        known = sold.known(held, dates, market.baskets)
        release(market.baskets)
        list(pool.map(market.stand, range(number)))
        yield from (made for made in in_order(pool, piece, cuts) if made is not None)


Own = dict[str, npt.NDArray[np.float64]]
"""Features of the pipeline file by name: as_ofs x customers."""


def _own(lines: OrderLines, held: Coded, dates: Dates, extra: Sequence[Extra]) -> Own:
    room = lines.engine.room
    own = {e.name: room.empty((len(dates.as_ofs), len(held.first_known)), np.float64) for e in extra}
    for a, as_of in enumerate(dates.as_ofs.tolist() if extra else []):
        for name, values in extra_of(lines, from_day_number(as_of), extra, held.customers).items():
            own[name][a] = values
    return own


@dataclass(frozen=True)
class _Columns(Mapping[str, npt.NDArray[np.float64]]):
    """Some rows of columns by name; a column is copied each time that it is asked for."""

    place: Mapping[str, int]
    columns: npt.NDArray[np.float64]
    rows: npt.NDArray[np.intp]

    def __getitem__(self, name: str) -> npt.NDArray[np.float64]:
        """Return a column; KeyError where there is none of that name."""
        found: npt.NDArray[np.float64] = self.columns[self.place[name]][self.rows]
        return found

    def __iter__(self) -> Iterator[str]:
        """Yield the names."""
        return iter(self.place)

    def __len__(self) -> int:
        """Return how many columns there are."""
        return len(self.place)


def _places(target: Target) -> dict[str, int]:
    """Return where the levels lie in the table of a market."""
    return {name: i for i, name in enumerate(level_names(target))}


@dataclass(frozen=True)
class _Market:
    """Everybody at every as_of. table: columns x as_ofs x customers, the levels first, then how each stands in its market."""

    held: Coded
    dates: Dates
    target: Target
    absent: frozenset[str]
    room: Room
    table: npt.NDArray[np.float64]
    baskets: Baskets

    @classmethod
    def of(cls, held: Coded, dates: Dates, target: Target, absent: frozenset[str], room: Room) -> _Market:
        """Make room for it."""
        shape = (len(dates.as_ofs), len(held.first_known))
        columns = max(len(level_names(target)), len(STOOD))
        table, baskets = room.empty((columns, *shape), np.float64), room.empty((*shape, 2), np.int64)
        return cls(held, dates, target, absent, room, table, baskets)

    def level(self, first: int, end: int) -> None:
        """Sweep some customers for what their market must know of them."""
        part = self.held.part(first, end)
        seen = everywhere(part, self.dates, first=first, of=len(self.held.first_known))
        answer = Answer(_places(self.target), self.absent, self.table.reshape(len(self.table), -1))
        baskets = no_baskets(seen)
        levels(part, seen, self.target, answer, baskets)
        self.baskets[:, first:end] = baskets
        release(self.held.ints, self.held.longs, self.baskets, self.table)

    def stand(self, a: int) -> None:
        """Put how everybody stands at an as_of in the place of the levels."""
        here = np.flatnonzero(self.held.first_known < self.dates.as_ofs[a])
        at = _Columns(_places(self.target), self.table[:, a], here)
        rows = Rows(at, np.searchsorted(here, self.held.markets), self.held.persons[here], int(self.dates.history[a]))
        found = self.room.empty((len(STOOD), len(here)), np.float64)
        for name, values in stood(rows, self.target):
            found[STOOD.index(name)] = values
            release(found, self.table)
        for column, values in zip(self.table[:, a], found, strict=False):
            column[here] = values
            release(found, self.table)

    def rows(self, first: int, end: int, known: npt.NDArray[np.float64], own: Own, empty: Empty) -> pd.DataFrame:
        """Return the rows of some customers, in a table that `empty` makes."""
        part = self.held.part(first, end)
        seen = see(part, self.dates)
        at = seen.date, first + seen.customer
        stands = {name: self.table[i][at] for i, name in enumerate(STOOD)}
        rows = answered(part, seen, self.absent, known, stands, empty)
        for name, values in own.items():
            rows[name] = values[at]
        release(self.held.ints, self.held.longs, self.table, *own.values())
        return rows
