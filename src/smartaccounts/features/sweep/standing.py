"""The standing of the rows of one as_of: what features/standing.py says in SQL."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

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


def standing(spent: Mapping[str, Floats], starts: Longs, history_days: int, target: Target) -> dict[str, Any]:
    """Return active, eligible, key_spend, small_spend, spend_h, spend_before_h and season_h, by name."""
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

    def season(rows: slice) -> float:
        ahead, behind, held = (exact_sum(spent[n][rows], 1e6) for n in ("spend_ahead", "spend_behind", "spend_h"))
        if history_days >= 365 + target.horizon_days and ahead > 0 and behind > 0:
            return ahead / behind
        return ahead / held if history_days >= 365 and ahead > 0 and held > 0 else np.nan

    with np.errstate(invalid="ignore"):
        eligible = (now < small) & (spent["spend_before_h"] < key) & (spent["spend_alive"] > 0)
    return {
        "active": active,
        "eligible": eligible,
        "key_spend": key,
        "small_spend": small,
        "spend_h": now,
        "spend_before_h": spent["spend_before_h"],
        "season_h": spread(starts, over_markets(starts, season)),
    }
