"""The features of the family `peers` for the rows of one as_of: what features/peers.py says in SQL."""

from __future__ import annotations

from collections.abc import Mapping
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
    """The rows of one as_of: features by name, where markets begin, who the customer is in whatever market."""

    columns: Mapping[str, Floats]
    starts: Longs
    person: Longs
    history_days: int


def peers(rows: Rows) -> dict[str, Floats]:
    """Return the columns of the family, by name."""
    column, starts, history = rows.columns, rows.starts, rows.history_days

    def ranked(name: str) -> Floats:
        return np.concatenate(over_markets(starts, lambda s: percent_rank(column[name][s])))

    def total(name: str) -> Floats:
        return spread(starts, over_markets(starts, lambda s: exact_sum(column[name][s], 1e6)))

    def count(which: npt.NDArray[np.bool_]) -> Floats:
        return spread(starts, over_markets(starts, lambda s: which[s].sum()))

    customers = spread(starts, np.diff(starts))
    active = column["spend_182d"] > 0
    young = active & (column["tenure_days"] <= 182)
    active_182d, young_182d = count(active), count(young)
    year, quarter, half = total("spend_365d"), total("spend_91d"), total("spend_182d")
    ahead, behind = total("spend_year_ago_ahead_182d"), total("spend_year_ago_behind_182d")
    rank = ranked("spend_365d")
    elsewhere = Elsewhere(rows.person)
    size = quotient(column["spend_365d"] * customers, year)
    return {
        "rank_spend_365d": rank,
        "rank_spend_91d": ranked("spend_91d"),
        "rank_spend_decay_180d": ranked("spend_decay_180d"),
        "spend_to_mean_365d": size,
        "history_days": np.full(len(rank), float(history)),
        "market_customers": active_182d,
        "market_growth_182d": quotient(half, total("spend_prior_182d"))
        if history >= 364
        else np.full(len(rank), np.nan),
        "market_season_182d": quotient(ahead, behind),
        "market_ahead_to_now_182d": quotient(ahead, half),
        "market_young_share_182d": quotient(young_182d, active_182d),
        "markets_elsewhere": elsewhere.markets,
        "rank_elsewhere_365d": quotient(elsewhere.sum(rank), elsewhere.markets),
        "size_elsewhere_365d": np.where(elsewhere.markets > 0, elsewhere.sum(size), np.nan),
        "size_elsewhere_91d": np.where(
            elsewhere.markets > 0, elsewhere.sum(quotient(column["spend_91d"] * customers, quarter)), np.nan
        ),
    }


class Elsewhere:
    """The rows of the same customer in other markets."""

    def __init__(self, person: Longs) -> None:
        """Number the customers, whatever their market; `markets` are the others of each row."""
        _, self._who, counts = np.unique(person, return_inverse=True, return_counts=True)
        self.markets: Floats = (counts[self._who] - 1).astype(np.float64)
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
