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
from smartaccounts.features.families import CATALOGUE, absent_features
from smartaccounts.features.sweep import coded, customers, market, products, standing
from smartaccounts.features.sweep.coded import CATEGORY, DAY, KNOWN, PRODUCT, Coded
from smartaccounts.features.sweep.peers import Rows, peers
from smartaccounts.features.sweep.program import MONTHS, OWN_RULES, Column, Program, program
from smartaccounts.features.swept import Own
from smartaccounts.orders.contract import OrderLines
from smartaccounts.timeline import day_number, from_day_number

AT_ONCE = 12
"""As_of dates swept at once."""


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
) -> Iterator[tuple[int, list[list[pd.DataFrame]]]]:
    """Yield, a few as_of dates at a time, how many they were and per target the frames of those with enough history."""
    dates = sorted(set(as_ofs))
    held = coded.coded(lines, known_before=dates[-1])
    for start in range(0, len(dates), AT_ONCE):
        chunk = dates[start : start + AT_ONCE]
        yield len(chunk), _frames(held, chunk, targets, lines.provided)


def _frames(
    held: Coded, dates: Sequence[date], targets: Sequence[Target], provided: frozenset[str]
) -> list[list[pd.DataFrame]]:
    seen = see(held, dates, horizon_days=min(t.horizon_days for t in targets))
    absent = set(absent_features(provided))
    customer = [
        Column(f.name, None if f.name in absent else f.swept, f.zero)
        for f in CATALOGUE.values()
        if not isinstance(f.swept, Own) or f.name in OWN_RULES
    ]
    parts = [Column(f"{i} {name}", total) for i, t in enumerate(targets) for name, total in standing.totals(t).items()]
    plan = program([*customer, *parts], held.given)
    columns, baskets = _customers(held, seen, plan)
    columns |= _products(held, seen, baskets, absent)
    answer: list[list[pd.DataFrame]] = [[] for _ in targets]
    for a, as_of in enumerate(seen.as_ofs):
        rows = slice(seen.starts[a], seen.starts[a + 1])
        here = np.flatnonzero(seen.row_of[a] >= 0)
        at = {name: column[rows] for name, column in columns.items()}
        starts = np.searchsorted(here, held.markets)
        history = int(seen.history[a])
        at |= peers(Rows(at, starts, held.persons[here], history))
        who = held.customers.take(here).select(["market", "customer_id"]).to_pandas()
        who.insert(0, "as_of", pd.Timestamp(from_day_number(as_of)))
        for i, target in enumerate(targets):
            if history < target.horizon_days:
                continue
            spent = {name: at[f"{i} {name}"] for name in standing.totals(target)}
            stands = standing.standing(spent, starts, history, target)
            features = pd.DataFrame({name: at[name] for name in CATALOGUE})
            answer[i].append(pd.concat([who, pd.DataFrame(stands), features], axis=1))
    return answer


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


def _customers(held: Coded, seen: Seen, plan: Program) -> tuple[dict[str, Any], npt.NDArray[np.int64]]:
    """Return the columns of the program by name, and the baskets (customers.swept)."""
    answers = np.empty((len(plan.names), seen.starts[-1]))
    baskets = np.empty((*seen.row_of.shape, 2), dtype=np.int64)
    if not len(seen.as_ofs):
        return dict(zip(plan.names, answers, strict=True)), baskets
    span = int(max(seen.as_ofs[-1], held.ints[:, DAY].max()) - held.ints[:, DAY].min()) + 1
    fade = np.exp(-np.arange(span + 1) / plan.fading_days[:, None])
    months = np.searchsorted(plan.ages, [*MONTHS, 365]).astype(np.int64)

    def sweep(first: int, end: int) -> None:
        customers.swept(
            first, end, held.offsets, held.ints, held.longs, seen.as_ofs, seen.history, seen.row_of,
            plan.instructions, plan.ages, months, plan.fading, fade, answers, baskets
        )  # fmt: skip

    _over_customers(held, sweep)
    return dict(zip(plan.names, answers, strict=True)), baskets


def _products(held: Coded, seen: Seen, baskets: npt.NDArray[np.int64], absent: set[str]) -> dict[str, Any]:
    """Return the columns of assortment, position and categories by name."""
    n_rows = seen.starts[-1]
    answer: dict[str, Any] = {}
    assorted = np.full((len(products.ASSORTED), n_rows), np.nan)
    if not set(products.ASSORTED) <= absent:
        items = _items(held, PRODUCT)
        known = _known(held, seen, baskets, items)
        _over_customers(
            held,
            lambda first, end: products.assorted(
                first, end, *items, seen.as_ofs, seen.row_of, baskets, known, assorted
            ),
        )
    categorised = np.full((len(products.CATEGORISED), n_rows), np.nan)
    if not set(products.CATEGORISED) <= absent:
        items = _items(held, CATEGORY)
        _over_customers(
            held,
            lambda first, end: products.categorised(first, end, *items, seen.as_ofs, seen.row_of, categorised),
        )
    for names, columns in ((products.ASSORTED, assorted), (products.CATEGORISED, categorised)):
        for name, column in zip(names, columns, strict=True):
            answer[name] = np.full(n_rows, np.nan) if name in absent else column
    return answer


def _items(held: Coded, column: int) -> tuple[Any, Any, Any]:
    """Return each customer's purchases by their code in `column`: where they begin, and both tables of them (products.grouped)."""
    lines = (held.offsets, held.ints, held.longs, column)
    n = np.zeros(len(held.first_known), dtype=np.int64)
    _over_customers(held, lambda first, end: products.counted(first, end, *lines, n))
    begins = np.concatenate([[0], np.cumsum(n)]).astype(np.int64)
    item, paid = np.empty((begins[-1], 3), dtype=np.int32), np.empty((begins[-1], 3), dtype=np.int64)
    _over_customers(held, lambda first, end: products.grouped(first, end, *lines, begins, item, paid))
    return begins, item, paid


def _known(held: Coded, seen: Seen, baskets: Any, items: tuple[Any, Any, Any]) -> npt.NDArray[np.float64]:
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
            share > 0, np.log((large_buyers + 10 * share) / (buyers + 10) / share), np.nan
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


def _counts(held: Coded, seen: Seen, large: Any, items: tuple[Any, Any, Any]) -> npt.NDArray[np.int64]:
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
