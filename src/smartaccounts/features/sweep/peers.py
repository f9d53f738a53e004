"""The features of the family `peers` for the rows of one as_of: what features/peers.py says in SQL."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from smartaccounts.features import peers as family
from smartaccounts.features.sweep.market import Floats, Longs, exact_sum, over_markets, percent_rank, quotient, spread

_FINE = 1e12

LEVELS = (
    "spend_91d",
    "spend_182d",
    "spend_365d",
    "spend_prior_182d",
    "spend_decay_180d",
    "tenure_days",
    "spend_year_ago_ahead_182d",
    "spend_year_ago_behind_182d",
)
"""Features of customers that the family is made of."""
PEERS = tuple(f.name for f in family.PEERS.features)
"""Features of the family."""


@dataclass(frozen=True)
class Rows:
    """The rows of one as_of: features by name, where markets begin, who the customer is in whatever market (from 0)."""

    columns: Mapping[str, Floats]
    starts: Longs
    person: Longs
    history_days: int


def peers(rows: Rows) -> Iterator[tuple[str, Floats]]:
    """Yield the columns of the family by name, one after another: all customers at once are many."""
    column, starts, history = rows.columns, rows.starts, rows.history_days

    def ranked(name: str) -> Floats:
        values = column[name]
        return np.concatenate(over_markets(starts, lambda s: percent_rank(values[s])))

    def total(name: str) -> Floats:
        values = column[name]
        return np.array(over_markets(starts, lambda s: exact_sum(values[s], 1e6)), dtype=np.float64)

    def size(name: str) -> Floats:
        return quotient(column[name] * spread(starts, np.diff(starts)), spread(starts, total(name)))

    def count(which: npt.NDArray[np.bool_]) -> Floats:
        return np.array(over_markets(starts, lambda s: which[s].sum()), dtype=np.float64)

    def everywhere(value: float) -> Floats:
        return np.full(int(starts[-1]), value, dtype=np.float64)

    yield "rank_spend_91d", ranked("spend_91d")
    yield "rank_spend_decay_180d", ranked("spend_decay_180d")
    rank, size_365d = ranked("spend_365d"), size("spend_365d")
    yield "rank_spend_365d", rank
    yield "spend_to_mean_365d", size_365d
    yield "history_days", everywhere(history)
    active = column["spend_182d"] > 0
    active_182d, young_182d = count(active), count(active & (column["tenure_days"] <= 182))
    half, ahead = total("spend_182d"), total("spend_year_ago_ahead_182d")
    growth = quotient(half, total("spend_prior_182d"))
    yield "market_customers", spread(starts, active_182d)
    yield "market_growth_182d", spread(starts, growth) if history >= 364 else everywhere(np.nan)
    yield "market_season_182d", spread(starts, quotient(ahead, total("spend_year_ago_behind_182d")))
    yield "market_ahead_to_now_182d", spread(starts, quotient(ahead, half))
    yield "market_young_share_182d", spread(starts, quotient(young_182d, active_182d))
    elsewhere = Elsewhere(rows.person)
    markets = elsewhere.markets
    yield "markets_elsewhere", markets
    yield "rank_elsewhere_365d", quotient(elsewhere.sum(rank), markets)
    yield "size_elsewhere_365d", np.where(markets > 0, elsewhere.sum(size_365d), np.nan)
    yield "size_elsewhere_91d", np.where(markets > 0, elsewhere.sum(size("spend_91d")), np.nan)


class Elsewhere:
    """The rows of the same customer in other markets."""

    def __init__(self, person: Longs) -> None:
        """Note who is where; `markets` are the others of each row."""
        self._who = person
        self.markets: Floats = (np.bincount(person)[person] - 1).astype(np.float64)
        self._several = np.flatnonzero(self.markets > 0)

    def sum(self, values: Floats) -> Floats:
        """Sum over the other markets, in units of 1e-12; what is null counts 0."""
        answer = np.zeros(len(values))
        own = np.rint(np.nan_to_num(values[self._several]) * _FINE)
        # of as many digits as they have: ranks and sizes can be far apart
        whole = own.astype(np.int64) if np.abs(own).sum() < 1 << 62 else np.array([int(v) for v in own], dtype=object)
        who = self._who[self._several]
        totals = np.zeros(int(who.max()) + 1 if len(who) else 0, dtype=whole.dtype)
        np.add.at(totals, who, whole)
        answer[self._several] = (totals[who] - whole).astype(np.float64) / _FINE
        return answer
