"""Dates only: day numbers, as_of dates and folds. No data is read here.

A day number is the count of days since 1970-01-01. Windows are half-open, `[start, end)`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from smartaccounts.errors import HistoryError, PipelineError

EPOCH = date(1970, 1, 1)


def day_number(day: date) -> int:
    """Return the days from 1970-01-01 to `day`.

    >>> day_number(date(1970, 1, 2))
    1
    """
    return (day - EPOCH).days


def from_day_number(number: int) -> date:
    """Return the date of a day number.

    >>> from_day_number(1)
    datetime.date(1970, 1, 2)
    """
    return EPOCH + timedelta(days=int(number))


def parse_as_of(text: str, *, where: str = "--as-of") -> date:
    """Read an as_of date, written YYYY-MM-DD; PipelineError otherwise, which names `where` it was given."""
    try:
        day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).date()
        if str(day) != text or not 1900 <= day.year <= 2200:
            raise ValueError
        return day
    except ValueError:
        raise PipelineError(
            f"Expected an as_of date as YYYY-MM-DD, got {text!r} in {where}.",
            hint=f"Write for example {where} 2026-07-01.",
        ) from None


def firsts_of_months(start: date, end: date) -> list[date]:
    """Return every first of a month in `[start, end]`, ascending.

    >>> firsts_of_months(date(2020, 11, 2), date(2021, 1, 1))
    [datetime.date(2020, 12, 1), datetime.date(2021, 1, 1)]
    """
    months = range(start.year * 12 + start.month - 1, end.year * 12 + end.month)
    firsts = (date(m // 12, m % 12 + 1, 1) for m in months)
    return [d for d in firsts if start <= d <= end]


@dataclass(frozen=True)
class Fold:
    """Training as_of dates whose horizons end by `test`, and the one as_of date that is tested."""

    train: tuple[date, ...]
    test: date
    horizon_days: int

    def __post_init__(self) -> None:
        """Refuse a fold in which a training horizon would reach past the test date."""
        late = [str(d) for d in self.train if d + timedelta(days=self.horizon_days) > self.test]
        if late:
            raise ValueError(f"train as_of + horizon must be <= {self.test}, got {', '.join(late)}")


def training_dates(as_of: date, *, first_day: date, horizon_days: int, most: int | None = None) -> tuple[date, ...]:
    """Return the firsts of months that may train a model for `as_of`, ascending.

    Each has at least `horizon_days` of history behind it (`first_day` is the source's first line) and its horizon ends
    by `as_of`. With `most`, only the latest ones.
    """
    horizon = timedelta(days=horizon_days)
    dates = firsts_of_months(first_day + horizon, as_of - horizon)
    return tuple(dates[-most:] if most else dates)


def judged_dates(
    as_of: date,
    *,
    first_known: Callable[[date], date],
    horizon_days: int,
    most: int,
    after: date | None = None,
    borrows: Callable[[date], bool] = lambda _: False,
) -> tuple[date, ...]:
    """Return up to `most` past dates on which rankers can be judged as of `as_of`, ascending.

    Firsts of quarters (so that trainings of different days share dates) whose horizon is over by `as_of` and that have
    training dates before them, or that `borrows` says can be learned for without, the last ones; where fewer than half
    of `most` fit, firsts of months. With `after`, only dates whose horizon ends after it. `first_known` gives the first
    day of the history as it was known at a date.
    """
    horizon = timedelta(days=horizon_days)
    able = [
        d
        for d in training_dates(as_of, first_day=first_known(as_of), horizon_days=horizon_days)
        if (after is None or d + horizon > after)
        and first_known(d) + horizon <= d
        and (training_dates(d, first_day=first_known(d), horizon_days=horizon_days) or borrows(d))
    ]
    quarters = [d for d in able if d.month % 3 == 1]
    return tuple((quarters if len(quarters) >= most / 2 else able)[-most:])


def too_short(as_of: date, *, first_day: date, horizon_days: int) -> HistoryError:
    """Return the error for an as_of with less than `horizon_days` of history behind it."""
    return HistoryError(
        f"Expected an as_of with at least {horizon_days} days of history, got {as_of} "
        f"in a source that begins on {first_day}.",
        hint=f"The first possible as_of is {first_day + timedelta(days=horizon_days)}.",
    )


def folds(tests: Sequence[date], *, first_day: date, horizon_days: int, most: int | None = None) -> tuple[Fold, ...]:
    """Return one fold for each test date, ascending; a fold's `train` is empty where no date fits.

    HistoryError where a test date has less than `horizon_days` of history behind it.
    """
    earliest = first_day + timedelta(days=horizon_days)
    early = [d for d in sorted(set(tests)) if d < earliest]
    if early:
        raise too_short(early[0], first_day=first_day, horizon_days=horizon_days)
    return tuple(
        Fold(training_dates(d, first_day=first_day, horizon_days=horizon_days, most=most), d, horizon_days)
        for d in sorted(set(tests))
    )
