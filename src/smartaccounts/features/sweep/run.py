"""The snapshot by the sweep: lines are laid out once, then swept for a few as_of dates at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from smartaccounts.config import Target
from smartaccounts.engine.threads import threads
from smartaccounts.features.assortment import PRIOR_CUSTOMERS
from smartaccounts.features.families import CATALOGUE, absent_features
from smartaccounts.features.sweep import coded, customers, market, products, standing
from smartaccounts.features.sweep.coded import CATEGORY, DAY, KNOWN, PRODUCT, Coded
from smartaccounts.features.sweep.peers import Rows, peers
from smartaccounts.features.sweep.program import MONTHS, OWN_RULES, Column, Program, program
from smartaccounts.features.swept import Own
from smartaccounts.orders.contract import OrderLines
from smartaccounts.timeline import day_number

AT_ONCE, ROWS_AT_ONCE = 12, 2_000_000
"""As_of dates, and rows, swept at once at most; one date at least."""
CODES = ((products.ASSORTED, PRODUCT), (products.CATEGORISED, CATEGORY))
"""Columns that need the purchases by product, and by category."""

Items = tuple[Any, Any, Any]


@dataclass(frozen=True)
class Seen:
    """Who is seen at some as_of dates: the rows of the answer.

    as_ofs: day numbers, ascending; history: days of it at each. row_of: as_ofs x customers, the row of the answer, -1
    where no line was known. starts: where the rows of each as_of begin, one more at the end.
    """

    as_ofs: npt.NDArray[np.int64]
    history: npt.NDArray[np.int64]
    row_of: npt.NDArray[np.int64]
    starts: npt.NDArray[np.int64]


def frames(
    lines: OrderLines, as_ofs: Sequence[date], targets: Sequence[Target]
) -> Iterator[tuple[int, list[pd.DataFrame]]]:
    """Yield, a few as_of dates at a time, how many they were and per target the rows of those with enough history."""
    dates = sorted(set(as_ofs))
    held = coded.coded(lines, known_before=dates[-1])
    absent = frozenset(absent_features(lines.provided))
    bought = [None if absent.issuperset(names) else _items(held, column) for names, column in CODES]
    at_once = int(np.clip(ROWS_AT_ONCE // max(len(held.first_known), 1), 1, AT_ONCE))
    for start in range(0, len(dates), at_once):
        chunk = dates[start : start + at_once]
        seen = see(held, chunk, horizon_days=min(t.horizon_days for t in targets))
        yield len(chunk), _frames(held, seen, targets, absent, bought)


def _frames(
    held: Coded, seen: Seen, targets: Sequence[Target], absent: frozenset[str], bought: Sequence[Items | None]
) -> list[pd.DataFrame]:
    parts = [Column(f"{i} {name}", total) for i, t in enumerate(targets) for name, total in standing.totals(t).items()]
    answer = Answer.of([*CATALOGUE, *(part.name for part in parts)], absent, rows=int(seen.starts[-1]))
    own = [
        Column(f.name, f.swept, f.zero)
        for f in CATALOGUE.values()
        if f.name not in absent and (not isinstance(f.swept, Own) or f.name in OWN_RULES)
    ]
    baskets = _customers(held, seen, program([*own, *parts], held.given), answer)
    _products(held, seen, baskets, bought, answer)
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
    return [_frame(held, seen, target, stood, answer) for target, stood in zip(targets, stands, strict=True)]


def _frame(held: Coded, seen: Seen, target: Target, stood: Sequence[dict[str, Any]], answer: Answer) -> pd.DataFrame:
    """Return the rows of the as_of dates with enough history for a target: they are the last ones."""
    first = int(np.searchsorted(seen.history, target.horizon_days))
    row = int(seen.starts[first])
    _, who = np.nonzero(seen.row_of[first:] >= 0)
    frame = held.customers.select(["market", "customer_id"]).take(who).to_pandas()
    days = seen.as_ofs[first:].astype("datetime64[D]").astype("datetime64[us]")
    frame.insert(0, "as_of", np.repeat(days, np.diff(seen.starts[first:])))
    for name in stood[0] if stood else ():
        frame[name] = np.concatenate([s[name] for s in stood[first:]] or [[]])
    features = pd.DataFrame(answer.values[: len(CATALOGUE), row:].T, columns=[*CATALOGUE], copy=False)
    rows: pd.DataFrame = pd.concat([frame, features], axis=1)
    return rows


@dataclass(frozen=True)
class Answer:
    """The columns that are being written: one row of `values` each, null where nothing is written."""

    place: dict[str, int]
    absent: frozenset[str]
    values: npt.NDArray[np.float64]

    @classmethod
    def of(cls, names: Sequence[str], absent: frozenset[str], *, rows: int) -> Answer:
        """Make room for some columns; those that are absent are null."""
        place = {name: i for i, name in enumerate(names)}
        values = np.empty((len(names), rows))
        values[[place[name] for name in (*absent, *products.ASSORTED, *products.CATEGORISED)]] = np.nan
        return cls(place, absent, values)

    def columns(self) -> Iterator[tuple[str, npt.NDArray[np.float64]]]:
        """Yield the columns by name."""
        return zip(self.place, self.values, strict=True)

    def into(self, names: Sequence[str]) -> npt.NDArray[np.int64]:
        """Return where columns are written; -1 where one is absent."""
        return np.array([-1 if n in self.absent else self.place[n] for n in names], dtype=np.int64)


def see(held: Coded, dates: Sequence[date], *, horizon_days: int) -> Seen:
    """Return who is seen at the dates that have so much history."""
    days, known = held.ints[:, DAY], held.ints[:, KNOWN]
    asked = np.array([day_number(d) for d in dates], dtype=np.int64)
    history = np.array([d - days[before].min() if (before := known < d).any() else -1 for d in asked], dtype=np.int64)
    enough = (history >= horizon_days) & (history >= 0)
    as_ofs = asked[enough]
    here = held.first_known[None, :] < as_ofs[:, None]
    row_of = np.cumsum(here.ravel()).reshape(here.shape) - 1
    row_of[~here] = -1
    starts = np.concatenate([[0], np.cumsum(here.sum(axis=1))]).astype(np.int64)
    return Seen(as_ofs, history[enough], row_of, starts)


def _customers(held: Coded, seen: Seen, plan: Program, answer: Answer) -> npt.NDArray[np.int64]:
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
            first, end, held.offsets, held.ints, held.longs, seen.as_ofs, seen.history, seen.row_of,
            plan.instructions, plan.ages, months, plan.fading, fade, into, answer.values, baskets
        )  # fmt: skip

    _over_customers(held, sweep)
    return baskets


def _products(
    held: Coded, seen: Seen, baskets: npt.NDArray[np.int64], bought: Sequence[Items | None], answer: Answer
) -> None:
    """Write the columns of assortment, position and categories."""
    by_product, by_category = bought
    if by_product is not None:
        known, into = _known(held, seen, baskets, by_product), answer.into(products.ASSORTED)
        _over_customers(
            held,
            lambda first, end: products.assorted(
                first, end, *by_product, seen.as_ofs, seen.row_of, baskets, known, into, answer.values
            ),
        )
    if by_category is not None:
        names = answer.into(products.CATEGORISED)
        _over_customers(
            held,
            lambda first, end: products.categorised(
                first, end, *by_category, seen.as_ofs, seen.row_of, names, answer.values
            ),
        )


def _items(held: Coded, column: int) -> Items:
    """Return each customer's purchases by their code in `column`: where they begin, and both tables of them (products.grouped)."""
    lines = (held.offsets, held.ints, held.longs, column)
    n = np.zeros(len(held.first_known), dtype=np.int64)
    _over_customers(held, lambda first, end: products.counted(first, end, *lines, n))
    begins = np.concatenate([[0], np.cumsum(n)]).astype(np.int64)
    item, paid = np.empty((begins[-1], 3), dtype=np.int32), np.empty((begins[-1], 3), dtype=np.int64)
    _over_customers(held, lambda first, end: products.grouped(first, end, *lines, begins, item, paid))
    return begins, item, paid


def _known(held: Coded, seen: Seen, baskets: Any, items: Items) -> npt.NDArray[np.float64]:
    """Return what is known of every product at every as_of: as_ofs x products x 4 (products.LIFT and so on)."""
    large = np.full(baskets.shape[:2], -1, dtype=np.int8)
    shares = np.full((len(seen.as_ofs), len(held.markets) - 1), np.nan)
    for a in range(len(seen.as_ofs)):
        for m, (first, end) in enumerate(pairwise(held.markets)):
            buys = np.flatnonzero(baskets[a, first:end, 1]) + first
            if len(buys):
                is_large = market.percent_rank(baskets[a, buys, 0]) >= 0.9
                large[a, buys] = is_large
                shares[a, m] = is_large.sum() / len(buys)
    counts = _counts(held, seen, large, items)
    known = np.full((*counts.shape[:2], 4), np.nan)
    share = shares[:, held.product_market]
    buyers, large_buyers = counts[..., products.BUYERS], counts[..., products.LARGE_BUYERS]
    with np.errstate(divide="ignore", invalid="ignore"):
        known[..., products.LIFT] = np.where(
            share > 0, np.log((large_buyers + PRIOR_CUSTOMERS * share) / (buyers + PRIOR_CUSTOMERS) / share), np.nan
        )
        for to, logs, number in (
            (products.MARKET_PRICE, products.SUM_PRICE, products.PRICES),
            (products.MARKET_QUANTITY, products.SUM_QUANTITY, products.QUANTITIES),
        ):
            known[..., to] = counts[..., logs] / counts[..., number] / 1e9
    bounds = np.searchsorted(held.product_market, np.arange(len(held.markets)))
    for a in range(len(seen.as_ofs)):
        for first, end in pairwise(bounds):
            sold = np.flatnonzero(buyers[a, first:end]) + first
            known[a, sold, products.TOP] = market.percent_rank(-buyers[a, sold]) <= 0.1
    return known


def _counts(held: Coded, seen: Seen, large: Any, items: Items) -> npt.NDArray[np.int64]:
    """Return what is counted of every product at every as_of: as_ofs x products x 6 (products.BUYERS and so on)."""

    def count(first: int, end: int) -> npt.NDArray[np.int64]:
        counts = np.zeros((len(seen.as_ofs), len(held.product_market), 6), dtype=np.int64)
        products.weighed(first, end, *items, seen.as_ofs, large, counts)
        return counts

    counts: npt.NDArray[np.int64] = sum(_over_customers(held, count))
    return counts


def _over_customers(held: Coded, do: Callable[[int, int], Any]) -> list[Any]:
    """Do it for a share of the customers in each thread."""
    workers = threads()
    bounds = np.searchsorted(held.offsets, np.linspace(0, held.offsets[-1], workers + 1)[1:-1])
    ends = [0, *(int(b) for b in bounds), len(held.offsets) - 1]
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(do, ends[:-1], ends[1:]))
