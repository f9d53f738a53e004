"""Who is seen at which as_of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt

from smartaccounts.features.sweep.coded import Coded
from smartaccounts.features.sweep.customers import earliest
from smartaccounts.features.sweep.ranges import over_ranges
from smartaccounts.timeline import day_number

_NEVER = np.iinfo(np.int32).max


@dataclass(frozen=True)
class Dates:
    """As_of dates with enough history: day numbers, ascending, and the days of history at each."""

    as_ofs: npt.NDArray[np.int64]
    history: npt.NDArray[np.int64]


@dataclass(frozen=True)
class Seen:
    """Who is seen at some as_of dates: the rows of the answer.

    row_of: as_ofs x customers, the row of the answer, -1 where no line was known; customer, date: of each row, the date as
    its place among the dates.
    """

    dates: Dates
    row_of: npt.NDArray[np.int64]
    customer: npt.NDArray[np.int32]
    date: npt.NDArray[np.int32]

    @property
    def rows(self) -> int:
        """Return how many rows there are."""
        return len(self.customer)


def first_days(held: Coded, dates: Sequence[date]) -> list[int | None]:
    """Return the first day of what was known at each of the dates, ascending; None where nothing was."""
    as_ofs = np.array([day_number(d) for d in dates], dtype=np.int64)

    def first(begin: int, end: int) -> npt.NDArray[np.int64]:
        found = np.full(len(as_ofs), _NEVER, dtype=np.int64)
        earliest(held.ints[held.offsets[begin] : held.offsets[end]], as_ofs, found)
        return found

    found = np.min([np.full(len(as_ofs), _NEVER), *over_ranges(held, first)], axis=0)
    return [None if d == _NEVER else int(d) for d in np.minimum.accumulate(found)]


def with_history(dates: Sequence[date], first: Sequence[int | None], *, horizon_days: int) -> Dates:
    """Return the dates that have so much history; `first` as of `first_days`, of all lines."""
    asked = np.array([day_number(d) for d in dates], dtype=np.int64)
    history = np.array([-1 if f is None else d - f for d, f in zip(asked, first, strict=True)], dtype=np.int64)
    enough = (history >= horizon_days) & (history >= 0)
    return Dates(asked[enough], history[enough])


def see(held: Coded, dates: Dates) -> Seen:
    """Return who is seen at the dates, ascending by customer and as_of."""
    here = held.first_known[:, None] < dates.as_ofs
    customer, date = np.nonzero(here)
    return _seen(dates, here.T, customer, date)


def see_by_date(held: Coded, dates: Dates) -> Seen:
    """Return who is seen at the dates, ascending by as_of and customer."""
    here = held.first_known < dates.as_ofs[:, None]
    date, customer = np.nonzero(here)
    return _seen(dates, here, customer, date)


def _seen(dates: Dates, here: npt.NDArray[np.bool_], customer: npt.NDArray[Any], date: npt.NDArray[Any]) -> Seen:
    row_of = np.full(here.shape, -1, dtype=np.int64)
    row_of[date, customer] = np.arange(len(customer))
    return Seen(dates, row_of, customer.astype(np.int32), date.astype(np.int32))


def everywhere(held: Coded, dates: Dates, *, first: int, of: int) -> Seen:
    """Return who is seen of a part that begins at a customer, in a table with a row for each of so many at each date."""
    rows = np.arange(len(dates.as_ofs))[:, None] * of + np.arange(first, first + len(held.first_known))
    seen = see(held, dates)
    return replace(seen, row_of=np.where(seen.row_of >= 0, rows, -1))
