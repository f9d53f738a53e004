"""The second list: accounts that will stay small and are worth having, and what it costs to serve them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from smartaccounts.growth_list.words import Words

CHEAP_PLAYS = ("fair_terms", "carefree", "self_service", "automate")
"""What is done with an account that stays small; the other plays ask for work or for nothing."""

FALLING = 0.7
"""Below so much of the year before an account is on its way out, not small and steady."""

STAYS = 0.2
"""An account with a higher chance is not kept small: it waits for a place on the growth list."""

CERTAIN = 0.995
"""A higher chance that one at least is a grower is no news: with so many accounts one is."""


SUMMED = ["probability", "spend_12m", "play", "cost_to_serve", "cost_proposed", "play_value"]


@dataclass(frozen=True)
class KeptSmall:
    """The second list as figures, 12 months, money in currency; null where not known.

    by_play: how many accounts get each play. growers: how many of them to expect to become key accounts after all;
    chance: that at least one does. best: of the account with the highest chance.
    """

    accounts: int
    spend: float
    by_play: tuple[tuple[str, int], ...]
    cost_now: float | None
    cost_proposed: float | None
    value: float | None
    growers: float | None
    chance: float | None
    best: float | None


def keep_small(accounts: pd.DataFrame, on_growth_list: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which accounts stay small and are worth having: one mask over the eligible rows of one snapshot.

    Those that are not on the growth list, whose chance (where known) is at most STAYS, that bought in the last horizon
    and at least twice in 12 months, get one of CHEAP_PLAYS, do not fall below FALLING of their year before, and bring
    something: play_value above zero; where that is unknown, as much spend as the typical small customer of the market.
    `accounts` bear play and play_value (`costs.money`).
    """
    typical = accounts.groupby("market")["spend_365d"].transform("median")
    brings = (accounts["play_value"] > 0).where(accounts["play_value"].notna(), accounts["spend_365d"] >= typical)
    before = accounts["spend_prior_365d"]
    steady = ~(accounts["spend_365d"] < FALLING * before.where(before > 0))
    back = accounts["active"] & (accounts["orders_365d"] >= 2) & (accounts["spend_365d"] > 0)
    small = accounts["play"].isin(CHEAP_PLAYS) & ~on_growth_list & ~(accounts["probability"] > STAYS)
    return (small & back & steady & brings).to_numpy(dtype=bool)


def summary(kept: pd.DataFrame) -> KeptSmall:
    """Sum up the second list; `kept` are its rows of the growth list, with SUMMED."""
    chance = kept["probability"].to_numpy(dtype=float)
    known = bool(len(chance)) and bool(np.isfinite(chance).all())
    return KeptSmall(
        accounts=len(kept),
        spend=float(kept["spend_12m"].sum()),
        by_play=tuple((p, int(n)) for p in CHEAP_PLAYS if (n := (kept["play"] == p).sum())),
        cost_now=_sum(kept["cost_to_serve"]),
        cost_proposed=_sum(kept["cost_proposed"]),
        value=_sum(kept["play_value"]),
        growers=float(chance.sum()) if known else None,
        chance=float(-np.expm1(np.log1p(-chance).sum())) if known else None,
        best=float(chance.max()) if known else None,
    )


def said(kept: KeptSmall, words: Words) -> list[str]:
    """Return the second list in sentences; what is not known is not spoken of."""
    figures: Mapping[str, Any] = vars(kept)
    risk = "risk" if kept.chance is None or kept.chance < CERTAIN else "risk_many"
    keys = ["many"] if kept.accounts else ["none"]
    keys += [
        k for k, needs in (("cost", "cost_now"), ("value", "value"), (risk, "growers")) if figures[needs] is not None
    ]
    return [words.say(f"keep_small.{key}", **figures) for key in keys]


def _sum(values: pd.Series) -> float | None:
    """Return the sum; None where there is no value, or one is not known."""
    return float(values.sum()) if len(values) and values.notna().all() else None
