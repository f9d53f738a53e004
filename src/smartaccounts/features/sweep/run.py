"""The snapshot by the sweep: lines are laid out once, then swept for a few as_of dates at a time."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from functools import partial
from itertools import pairwise
from math import prod
from queue import SimpleQueue
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from smartaccounts.config import Target
from smartaccounts.engine.memory import Room, release
from smartaccounts.engine.threads import threads
from smartaccounts.features.assortment import PRIOR_CUSTOMERS
from smartaccounts.features.families import CATALOGUE, absent_features
from smartaccounts.features.sweep import coded, customers, market, products, standing
from smartaccounts.features.sweep.coded import DAY, KNOWN, Coded
from smartaccounts.features.sweep.keys import Keys, keyed
from smartaccounts.features.sweep.measures import flagged
from smartaccounts.features.sweep.peers import Rows, peers
from smartaccounts.features.sweep.program import MONTHS, OWN_RULES, Column, Program, program
from smartaccounts.features.swept import Own
from smartaccounts.orders.contract import OrderLines
from smartaccounts.timeline import day_number

AT_ONCE, ROWS_AT_ONCE = 12, 1_000_000
"""As_of dates, and rows, swept at once at most; one date at least."""
Empty = Callable[[tuple[int, int]], npt.NDArray[np.float64]]


@dataclass(frozen=True)
class Seen:
    """Who is seen at some as_of dates: the rows of the answer.

    as_ofs: day numbers, ascending; history: days of it at each. row_of: as_ofs x customers, the row of the answer, -1
    where no line was known; customer: of each row. starts: where the rows of each as_of begin, one more at the end.
    """

    as_ofs: npt.NDArray[np.int64]
    history: npt.NDArray[np.int64]
    row_of: npt.NDArray[np.int64]
    customer: npt.NDArray[np.int32]
    starts: npt.NDArray[np.int64]


def frames(
    lines: OrderLines,
    as_ofs: Sequence[date],
    targets: Sequence[Target],
    *,
    keys: Keys | None = None,
    rows: int | None = None,
) -> Iterator[tuple[int, list[pd.DataFrame]]]:
    """Yield, a few as_of dates at a time, how many they were and per target the rows of those with enough history.

    keys: of the lines known before the last of them, where they are there already. With `rows` in pieces of so many at
    most, each there until the next is asked for; with all but the last of some dates the number of dates is 0.
    """
    dates = sorted(set(as_ofs))
    held = coded.coded(lines, keys or keyed(lines, known_before=dates[-1]))
    absent = frozenset(absent_features(lines.provided))
    room = lines.engine.room
    at_once = int(np.clip(ROWS_AT_ONCE // max(len(held.first_known), 1), 1, AT_ONCE))
    chunks = [dates[start : start + at_once] for start in range(0, len(dates), at_once)]
    most = max(sum(int((held.first_known < day_number(d)).sum()) for d in chunk) for chunk in chunks)
    empty: Empty = partial(room.empty, dtype=np.float64) if rows is None else _again(room, rows=most)
    for chunk in chunks:
        seen = see(held, chunk, first_days(held, chunk), horizon_days=min(t.horizon_days for t in targets))
        answer, stands = _answered(held, seen, targets, absent, empty)
        total = int(seen.starts[-1])
        piece = rows or max(total, 1)
        for first in range(0, max(total, 1), piece):
            asked = slice(first, min(first + piece, total))
            found = [frame(held, seen, t, s, answer, asked) for t, s in zip(targets, stands, strict=True)]
            yield (len(chunk) if asked.stop == total else 0), found
            release(answer.values)


def _again(room: Room, *, rows: int) -> Empty:
    """Return what makes one table of at most so many rows in the place of another: fresh memory is slow to write to."""
    flat: list[npt.NDArray[np.float64]] = []

    def empty(shape: tuple[int, int]) -> npt.NDArray[np.float64]:
        if not flat:
            flat.append(room.empty((shape[0] * rows,), np.float64))
        table: npt.NDArray[np.float64] = flat[0][: prod(shape)].reshape(shape)
        return table

    return empty


def _answered(
    held: Coded,
    seen: Seen,
    targets: Sequence[Target],
    absent: frozenset[str],
    empty: Empty,
) -> tuple[Answer, list[dict[str, Any]]]:
    """Return the columns of the catalogue, and per target those of its standing."""
    parts = [Column(f"{i} {name}", total) for i, t in enumerate(targets) for name, total in standing.totals(t).items()]
    answer = Answer.of([*CATALOGUE, *(part.name for part in parts)], absent, rows=int(seen.starts[-1]), empty=empty)
    baskets = write_customers(held, seen, program([*own_columns(absent), *parts], held.given), answer)
    if not absent.issuperset(products.ASSORTED):
        write_assortment(held, seen, baskets, _known(held, seen, baskets), answer)
    if not absent.issuperset(products.CATEGORISED):
        write_categories(held, seen, answer)
    stands: list[list[dict[str, Any]]] = [[] for _ in targets]
    for a, history in enumerate(seen.history.tolist()):
        rows, here = slice(seen.starts[a], seen.starts[a + 1]), np.flatnonzero(seen.row_of[a] >= 0)
        at = {name: values[rows] for name, values in answer.columns()}
        starts = np.searchsorted(here, held.markets)
        for name, values in peers(Rows(at, starts, held.persons[here], history)).items():
            at[name][:] = values
        for i, target in enumerate(targets):
            spent = {name: at[f"{i} {name}"] for name in standing.totals(target)}
            stands[i].append(standing.standing(spent, starts, history, target))
        release(answer.values)
    return answer, [
        {name: np.concatenate([s[name] for s in stood]) for name in stood[0]} if stood else {} for stood in stands
    ]


def own_columns(absent: Collection[str]) -> list[Column]:
    """Return the features that are made of a customer's own lines."""
    return [
        Column(f.name, f.swept, f.zero)
        for f in CATALOGUE.values()
        if f.name not in absent and (not isinstance(f.swept, Own) or f.name in OWN_RULES)
    ]


def frame(
    held: Coded, seen: Seen, target: Target, stood: Mapping[str, Any], answer: Answer, asked: slice
) -> pd.DataFrame:
    """Return the rows asked for, but for those of as_of dates without enough history for a target: they come first.

    stood: the columns of `standing`, of all rows.
    """
    least = int(seen.starts[np.searchsorted(seen.history, target.horizon_days)])
    rows = slice(max(asked.start, least), max(asked.stop, least))
    found = held.customers.select(["market", "customer_id"]).take(seen.customer[rows]).to_pandas()
    days = seen.as_ofs.astype("datetime64[D]").astype("datetime64[us]")
    which = np.searchsorted(seen.starts, np.arange(rows.start, rows.stop), side="right") - 1
    found.insert(0, "as_of", days[which])
    for name, values in stood.items():
        found[name] = values[rows]
    features = pd.DataFrame(answer.values[: len(CATALOGUE), rows].T, columns=[*CATALOGUE], copy=False)
    answered: pd.DataFrame = pd.concat([found, features], axis=1)
    return answered


@dataclass(frozen=True)
class Answer:
    """The columns that are being written: one row of `values` each, null where nothing is written."""

    place: dict[str, int]
    absent: frozenset[str]
    values: npt.NDArray[np.float64]

    @classmethod
    def of(cls, names: Sequence[str], absent: frozenset[str], *, rows: int, empty: Empty = np.empty) -> Answer:
        """Make some columns, those that are absent null; `empty` makes a table of a shape."""
        place = {name: i for i, name in enumerate(names)}
        values = empty((len(names), rows))
        later = (*absent, *products.ASSORTED, *products.CATEGORISED)
        values[[place[name] for name in later if name in place]] = np.nan
        return cls(place, absent, values)

    def columns(self) -> Iterator[tuple[str, npt.NDArray[np.float64]]]:
        """Yield the columns by name."""
        return zip(self.place, self.values, strict=True)

    def into(self, names: Sequence[str]) -> npt.NDArray[np.int64]:
        """Return where columns are written; -1 where one is absent."""
        return np.array([-1 if n in self.absent else self.place[n] for n in names], dtype=np.int64)


def first_days(held: Coded, dates: Sequence[date]) -> list[int | None]:
    """Return the first day of what was known at each date, None where nothing was."""
    days, known = held.ints[:, DAY], held.ints[:, KNOWN]
    asked = [day_number(d) for d in dates]
    return [int(days[before].min()) if (before := known < d).any() else None for d in asked]


def see(held: Coded, dates: Sequence[date], first: Sequence[int | None], *, horizon_days: int) -> Seen:
    """Return who is seen at the dates that have so much history; `first` as of `first_days`, of all lines."""
    asked = np.array([day_number(d) for d in dates], dtype=np.int64)
    history = np.array([-1 if f is None else d - f for d, f in zip(asked, first, strict=True)], dtype=np.int64)
    enough = (history >= horizon_days) & (history >= 0)
    as_ofs = asked[enough]
    here = held.first_known[None, :] < as_ofs[:, None]
    row_of = np.cumsum(here.ravel()).reshape(here.shape) - 1
    row_of[~here] = -1
    starts = np.concatenate([[0], np.cumsum(here.sum(axis=1))]).astype(np.int64)
    return Seen(as_ofs, history[enough], row_of, np.nonzero(here)[1].astype(np.int32), starts)


def write_customers(held: Coded, seen: Seen, plan: Program, answer: Answer) -> npt.NDArray[np.int64]:
    """Write the columns of the program; return the baskets (customers.swept)."""
    baskets = np.empty((*seen.row_of.shape, 2), dtype=np.int64)
    if not len(seen.as_ofs):
        return baskets
    span = int(max(seen.as_ofs[-1], held.ints[:, DAY].max()) - held.ints[:, DAY].min()) + 1
    fade = np.exp(-np.arange(span + 1) / plan.fading_days[:, None])
    months = np.searchsorted(plan.ages, [*MONTHS, 365]).astype(np.int64)
    into = answer.into(plan.names)

    def sweep(first: int, end: int) -> None:
        customers.swept(
            first, end, held.offsets, held.ints, held.longs, len(flagged(held.given)), seen.as_ofs, seen.history,
            seen.row_of, plan.instructions, plan.ages, months, plan.fading, fade, into, answer.values, baskets
        )  # fmt: skip

    _over_customers(held, sweep, answer.values)
    return baskets


def write_assortment(
    held: Coded, seen: Seen, baskets: npt.NDArray[np.int64], known: npt.NDArray[np.float64], answer: Answer
) -> None:
    """Write the columns of assortment and position; `known` as of `known_of`."""
    into, lines = answer.into(products.ASSORTED), (held.offsets, held.ints, held.longs)
    rows = (seen.as_ofs, seen.row_of, baskets, known, into, answer.values)
    _over_customers(held, lambda first, end: products.assorted(first, end, *lines, *rows), answer.values)


def write_categories(held: Coded, seen: Seen, answer: Answer) -> None:
    """Write the columns of categories."""
    into, lines = answer.into(products.CATEGORISED), (held.offsets, held.ints, held.longs, held.categories)
    rows = (seen.as_ofs, seen.row_of, into, answer.values)
    _over_customers(held, lambda first, end: products.categorised(first, end, *lines, *rows), answer.values)


def _known(held: Coded, seen: Seen, baskets: Any) -> npt.NDArray[np.float64]:
    """Return what is known of every product at every as_of, of lines that are all here (`known_of`)."""
    large = np.full(baskets.shape[:2], -1, dtype=np.int8)
    shares = np.full((len(seen.as_ofs), len(held.markets) - 1), np.nan)
    for a in range(len(seen.as_ofs)):
        for m, (first, end) in enumerate(pairwise(held.markets)):
            buys = np.flatnonzero(baskets[a, first:end, 1]) + first
            if len(buys):
                is_large = large_buyers(baskets[a, buys, 0])
                large[a, buys] = is_large
                shares[a, m] = is_large.sum() / len(buys)
    return known_of(counts(held, seen, large), shares, held.product_market)


def large_buyers(spent: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Say which buyers of a market at one as_of are large: the top tenth by what they spent on products."""
    is_large: npt.NDArray[np.bool_] = market.percent_rank(spent) >= 0.9
    return is_large


def counts(held: Coded, seen: Seen, large: npt.NDArray[np.int8]) -> npt.NDArray[np.int64]:
    """Return what is counted of every product at every as_of: as_ofs x products x 6 (products.BUYERS and so on)."""
    shape = (len(seen.as_ofs), len(held.product_market), 6)
    each = [np.zeros(shape, dtype=np.int64) for _ in range(threads())]
    free: SimpleQueue[npt.NDArray[np.int64]] = SimpleQueue()
    for one in each:
        free.put(one)

    def count(first: int, end: int) -> None:
        some = free.get()
        products.weighed(first, end, held.offsets, held.ints, held.longs, seen.as_ofs, large, some)
        free.put(some)

    _over_customers(held, count)
    total: npt.NDArray[np.int64] = np.sum(each, axis=0)
    return total


def known_of(
    counted: npt.NDArray[np.int64], shares: npt.NDArray[np.float64], product_market: npt.NDArray[np.int32]
) -> npt.NDArray[np.float64]:
    """Return what is known of every product at every as_of: as_ofs x products x 4 (products.LIFT and so on).

    counted: as of `counts`, of the whole market; shares: as_ofs x markets, of large buyers among the buyers, NaN without one;
    product_market: ascending.
    """
    known = np.full((*counted.shape[:2], 4), np.nan)
    share = shares[:, product_market]
    buyers, large = counted[..., products.BUYERS], counted[..., products.LARGE_BUYERS]
    with np.errstate(divide="ignore", invalid="ignore"):
        known[..., products.LIFT] = np.where(
            share > 0, np.log((large + PRIOR_CUSTOMERS * share) / (buyers + PRIOR_CUSTOMERS) / share), np.nan
        )
        for to, logs, number in (
            (products.MARKET_PRICE, products.SUM_PRICE, products.PRICES),
            (products.MARKET_QUANTITY, products.SUM_QUANTITY, products.QUANTITIES),
        ):
            known[..., to] = counted[..., logs] / counted[..., number] / 1e9
    bounds = np.searchsorted(product_market, np.arange(shares.shape[1] + 1))
    for a in range(len(counted)):
        for first, end in pairwise(bounds):
            sold = np.flatnonzero(buyers[a, first:end]) + first
            known[a, sold, products.TOP] = market.percent_rank(-buyers[a, sold]) <= 0.1
    return known


def _over_customers(held: Coded, do: Callable[[int, int], None], *touched: npt.NDArray[Any]) -> None:
    """Do it for every range of customers, in as many threads as allowed; `touched` are released after each."""

    def one(first: int, end: int) -> None:
        do(first, end)
        release(held.ints, held.longs, *touched)

    with ThreadPoolExecutor(threads()) as pool:
        list(pool.map(one, held.bounds[:-1].tolist(), held.bounds[1:].tolist()))
