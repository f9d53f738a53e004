"""The snapshot by the sweep: lines are laid out once, then swept for all as_of dates at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from smartaccounts.config import Target
from smartaccounts.engine.memory import IN_MEMORY, Empty, Room, release, scattered
from smartaccounts.features.families import CATALOGUE, absent_features
from smartaccounts.features.piecewise import texts_taken
from smartaccounts.features.standing import STANDING
from smartaccounts.features.sweep import coded, sold, standing
from smartaccounts.features.sweep.answer import Answer
from smartaccounts.features.sweep.coded import Coded
from smartaccounts.features.sweep.columns import (
    Baskets,
    no_baskets,
    own_columns,
    write_customers,
    write_items,
    write_spent,
)
from smartaccounts.features.sweep.keys import Keys, keyed
from smartaccounts.features.sweep.peers import LEVELS, PEERS, Rows, peers
from smartaccounts.features.sweep.program import Column, program
from smartaccounts.features.sweep.ranges import over_ranges
from smartaccounts.features.sweep.seen import Dates, Seen, first_days, see_by_date, with_history
from smartaccounts.orders.contract import OrderLines

Columns = Mapping[str, npt.NDArray[Any]]
STOOD = (*PEERS, *STANDING)
"""What a market is needed for: the family of peers and the standing."""


def whole(
    lines: OrderLines, as_ofs: Sequence[date], targets: Sequence[Target], *, keys: Keys | None = None
) -> list[pd.DataFrame]:
    """Return per target the rows of the as_of dates that have enough history for it, by as_of, market and customer_id.

    keys: of the lines known before the last of the dates, where they are there already.
    """
    dates = sorted(set(as_ofs))
    held = coded.coded(lines, keys or keyed(lines, known_before=dates[-1]))
    shortest = min(t.horizon_days for t in targets)
    return _rows(lines, held, with_history(dates, first_days(held, dates), horizon_days=shortest), targets)


def latest(
    lines: OrderLines, earlier: date, as_of: date, target: Target, *, keys: Keys
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return how customers stood at an earlier date, without any feature, and the rows of `whole` at as_of."""
    held = coded.coded(lines, keys)
    then, now = (
        with_history([day], [first], horizon_days=target.horizon_days)
        for day, first in zip((earlier, as_of), first_days(held, [earlier, as_of]), strict=True)
    )
    return _standing(held, then, target, lines.engine.room), _rows(lines, held, now, [target])[0]


def _standing(held: Coded, dates: Dates, target: Target, room: Room) -> pd.DataFrame:
    """Return the rows at one date at most, with their standing alone."""
    totals, seen = standing.totals(target), see_by_date(held, dates)
    answer = Answer.of([*totals], frozenset(n for n, total in totals.items() if total is None), rows=seen.rows)
    if seen.rows:
        over_ranges(held, lambda *where: write_spent(held, seen, totals, answer, where))
    starts = np.searchsorted(seen.customer, held.markets)
    stood = [dict(standing.standing(dict(answer.columns()), starts, int(h), target)) for h in dates.history]
    columns = stood[0] if stood else dict.fromkeys(STANDING, np.zeros(0))
    return pd.concat([_keys(held, seen, slice(0, seen.rows), room), pd.DataFrame(columns)], axis=1)


def _rows(lines: OrderLines, held: Coded, dates: Dates, targets: Sequence[Target]) -> list[pd.DataFrame]:
    seen = see_by_date(held, dates)
    begins = np.searchsorted(seen.date, np.arange(len(seen.dates.as_ofs) + 1))
    answer = _swept(lines, held, seen, targets)
    for a, history in enumerate(seen.dates.history.tolist()):
        rows = slice(begins[a], begins[a + 1])
        here = seen.customer[rows]
        at = {name: values[rows] for name, values in answer.columns()}
        starts = np.searchsorted(here, held.markets)
        for name, values in peers(Rows(at, starts, held.persons[here], history)):
            at[name][:] = values
        for i, target in enumerate(targets):
            spent = {name: at[f"{i} {name}"] for name in standing.totals(target)}
            for name, values in standing.standing(spent, starts, history, target):
                at[f"{i} {name}"][:] = values
        release(answer.values)
    frames = []
    for i, target in enumerate(targets):
        rows = slice(int(begins[np.searchsorted(seen.dates.history, target.horizon_days)]), seen.rows)
        stood = answer.frame([f"{i} {name}" for name in STANDING], rows).set_axis(STANDING, axis=1)
        frames.append(frame(held, seen, stood, answer, rows, lines.engine.room))
    return frames


def _swept(lines: OrderLines, held: Coded, seen: Seen, targets: Sequence[Target]) -> Answer:
    """Return what is told of customers by themselves; columns of the standing of target i are called 'i name'."""
    absent = frozenset(absent_features(lines.provided))
    parts = [Column(f"{i} {name}", total) for i, t in enumerate(targets) for name, total in standing.totals(t).items()]
    stands = [f"{i} {name}" for i in range(len(targets)) for name in STANDING]
    names = [*dict.fromkeys([*CATALOGUE, *stands, *(part.name for part in parts)])]  # some parts are told as they are
    answer = Answer.of(names, absent, rows=seen.rows, empty=lines.engine.room.table)
    plan, baskets = program([*own_columns(absent), *parts], held.given), no_baskets(seen)
    with scattered(answer.values):
        over_ranges(held, lambda *where: write_customers(held, seen, plan, answer, baskets, where), answer.values)
        known = sold.known(held, seen.dates, baskets)
        over_ranges(held, lambda *where: write_items(held, seen, baskets, known, answer, where), answer.values)
    return answer


def level_names(target: Target) -> list[str]:
    """Return the columns that a market is ranked and summed by."""
    return [*LEVELS, *standing.totals(target)]


def stood(rows: Rows, target: Target) -> Iterator[tuple[str, npt.NDArray[Any]]]:
    """Yield the columns STOOD of the rows of one as_of, by name, one after another; `rows` have those of `level_names`."""
    yield from peers(rows)
    yield from standing.standing(rows.columns, rows.starts, rows.history_days, target)


def levels(held: Coded, seen: Seen, target: Target, answer: Answer, baskets: Baskets) -> None:
    """Write the columns `level_names`, and the baskets."""
    columns = [Column(n, CATALOGUE[n].swept, CATALOGUE[n].zero) for n in LEVELS]
    totals = [Column(name, total) for name, total in standing.totals(target).items()]
    plan = program([*columns, *totals], held.given)
    for where in pairwise(held.bounds):
        write_customers(held, seen, plan, answer, baskets, where)


def answered(
    held: Coded,
    seen: Seen,
    absent: frozenset[str],
    known: npt.NDArray[np.float64],
    stood: Columns,
    empty: Empty = np.empty,
) -> pd.DataFrame:
    """Return the rows with all their columns, in a table that `empty` makes.

    stood: the columns STOOD; known: as of `sold.known_of`.
    """
    answer = Answer.of([*CATALOGUE], absent, rows=seen.rows, empty=empty)
    plan, baskets = program(own_columns(absent), held.given), no_baskets(seen)
    for where in pairwise(held.bounds):
        write_customers(held, seen, plan, answer, baskets, where)
        write_items(held, seen, baskets, known, answer, where)
    at = dict(answer.columns())
    for name in PEERS:
        at[name][:] = stood[name]
    return frame(held, seen, pd.DataFrame({n: stood[n] for n in STANDING}), answer, slice(0, seen.rows))


def frame(
    held: Coded, seen: Seen, stood: pd.DataFrame, answer: Answer, rows: slice, room: Room = IN_MEMORY
) -> pd.DataFrame:
    """Return some rows; `stood`: their columns of STANDING, as numbers. Numbers that lie in the answer are not copied.

    room: where the texts lie.
    """
    flags = stood[["active", "eligible"]] > 0
    release(answer.values)
    amounts = stood.iloc[:, STANDING.index("eligible") + 1 :]
    parts = [_keys(held, seen, rows, room), flags, amounts, answer.frame([*CATALOGUE], rows)]
    answered: pd.DataFrame = pd.concat(parts, axis=1)
    return answered


def _keys(held: Coded, seen: Seen, rows: slice, room: Room) -> pd.DataFrame:
    """Return when some rows are and whose."""
    found = texts_taken(held.customers.select(["market", "customer_id"]), seen.customer[rows], room)
    days = seen.dates.as_ofs.astype("datetime64[D]").astype("datetime64[us]")
    found.insert(0, "as_of", days[seen.date[rows]])
    return found
