"""The standing of the rows of one as_of: what features/standing.py says in SQL."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from smartaccounts.config import Target
from smartaccounts.features.sweep.market import Floats, Longs, exact_sum, over_markets, spread
from smartaccounts.features.swept import Total


def totals(target: Target) -> dict[str, Total | None]:
    """Return what the standing is made of, by name; None is null."""
    h = target.horizon_days
    return {
        "spend_h": Total("amount", 0, h, "money"),
        "spend_before_h": Total("amount", h, 2 * h, "money"),
        "spend_alive": Total("amount", 0, 365, "money"),
        "spend_ahead": Total("amount", 365 - h, 365, "money") if h <= 365 else None,
        "spend_behind": Total("amount", 365, 365 + h, "money"),
    }


def standing(
    spent: Mapping[str, Floats], starts: Longs, history_days: int, target: Target
) -> Iterator[tuple[str, npt.NDArray[Any]]]:
    """Yield active, eligible, key_spend, small_spend, spend_h, spend_before_h and season_h, by name, one after another."""
    now = spent["spend_h"]
    active = now > 0

    def bars(rows: slice) -> tuple[float, float]:
        among = now[rows][active[rows]]
        if len(among) < target.min_active:
            return np.nan, np.nan
        key = float(target.key_spend) if target.key_spend else float(np.quantile(among, target.key_quantile))
        small = float(target.small_spend) if target.small_spend else float(np.quantile(among, target.small_quantile))
        return key, small

    key, small = (spread(starts, bar) for bar in np.array(over_markets(starts, bars)).reshape(-1, 2).T)

    def total(name: str) -> list[float]:
        values = spent[name]
        return over_markets(starts, lambda s: exact_sum(values[s], 1e6))

    def season(ahead: float, behind: float, held: float) -> float:
        if history_days >= 365 + target.horizon_days and ahead > 0 and behind > 0:
            return ahead / behind
        return ahead / held if history_days >= 365 and ahead > 0 and held > 0 else np.nan

    yield "active", active
    before = spent["spend_before_h"]
    with np.errstate(invalid="ignore"):
        eligible = (now < small) & (before < key) & (spent["spend_alive"] > 0)
    yield "eligible", eligible
    yield "key_spend", key
    yield "small_spend", small
    yield "spend_h", now
    yield "spend_before_h", before
    sums = zip(*(total(name) for name in ("spend_ahead", "spend_behind", "spend_h")), strict=True)
    yield "season_h", spread(starts, [season(*of) for of in sums])
