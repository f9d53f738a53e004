"""The figures of an account that a rule may name: those of the list, and every feature of the catalogue."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pandas as pd

from smartaccounts.config import Costs
from smartaccounts.features.snapshot import CATALOGUE
from smartaccounts.growth_list.costs import cheapest, cost_to_serve, gain, margin_share


@dataclass(frozen=True)
class Figure:
    """A number of every account; null where it is not known."""

    meaning: str
    of: Callable[[pd.DataFrame, Costs | None], pd.Series]


def _column(name: str) -> Callable[[pd.DataFrame, Costs | None], pd.Series]:
    return lambda a, _: a[name]


def _ratio(over: str, under: str) -> Callable[[pd.DataFrame, Costs | None], pd.Series]:
    return lambda a, _: a[over] / a[under].where(a[under] > 0)


def _typical(accounts: pd.DataFrame, name: str) -> pd.Series:
    """Return the median of a column over the accounts of the same market: small customers, all of them."""
    return accounts.groupby("market")[name].transform("median")


def _to_peers(name: str) -> Callable[[pd.DataFrame, Costs | None], pd.Series]:
    def of(accounts: pd.DataFrame, _: Costs | None) -> pd.Series:
        typical = _typical(accounts, name)
        return accounts[name] / typical.where(typical > 0)

    return of


def _upside(accounts: pd.DataFrame, _: Costs | None = None) -> pd.Series:
    return accounts["potential_high"].fillna(accounts["key_spend"]) - accounts["spend_h"]


def _costs(of: Callable[[pd.DataFrame, Costs], pd.Series]) -> Callable[[pd.DataFrame, Costs | None], pd.Series]:
    return lambda a, c: pd.Series(float("nan"), index=a.index) if c is None else of(a, c)


def _work_pays(accounts: pd.DataFrame, costs: Costs) -> pd.Series:
    brings = accounts["probability"] * gain(accounts) * margin_share(accounts, costs)
    return brings / (float("nan") if costs.worked_account is None else costs.worked_account)


def _contribution(accounts: pd.DataFrame, costs: Costs, cost: pd.Series) -> pd.Series:
    return accounts["spend_365d"] * margin_share(accounts, costs) - cost


FIGURES: Mapping[str, Figure] = {
    "probability": Figure("chance of becoming a key account", _column("probability")),
    "lift": Figure(
        "that chance over the mean chance of all accounts of the list",
        lambda a, _: a["probability"] / a["probability"].mean(),
    ),
    "potential": Figure("spend reachable in the horizon, middle", _column("potential")),
    "gap": Figure("potential less spend_h", lambda a, _: a["potential"] - a["spend_h"]),
    "upside": Figure("potential_high less spend_h; K less spend_h where there is no potential", _upside),
    "upside_to_key": Figure("upside over K", lambda a, _: _upside(a) / a["key_spend"]),
    "spend_h": Figure("net spend of the last horizon", _column("spend_h")),
    "key_spend": Figure("K of its market", _column("key_spend")),
    "small_spend": Figure("S of its market", _column("small_spend")),
    "spend_to_key": Figure("spend_h over K", _ratio("spend_h", "key_spend")),
    "spend_to_small": Figure("spend_h over S", _ratio("spend_h", "small_spend")),
    "spend_12m": Figure("net spend of the last 365 days", _column("spend_365d")),
    "spend_prior_12m": Figure("net spend of the 365 days before", _column("spend_prior_365d")),
    "spend_to_peers": Figure("spend_12m over that of the typical small customer", _to_peers("spend_365d")),
    "trend": Figure("spend_12m over spend_prior_12m", _ratio("spend_365d", "spend_prior_365d")),
    "orders_12m": Figure("orders of the last 365 days", _column("orders_365d")),
    "months_12m": Figure("months with a purchase of the last twelve", _column("purchase_months_365d")),
    "order_size": Figure("net spend per order, last 365 days", _column("order_mean_365d")),
    "order_size_to_peers": Figure("order_size over that of the typical small customer", _to_peers("order_mean_365d")),
    "lines_per_order": Figure("lines per order, last 365 days", _column("lines_per_order_365d")),
    "lines_per_order_to_peers": Figure(
        "lines_per_order over that of the typical small customer", _to_peers("lines_per_order_365d")
    ),
    "repeated_share": Figure("share of its products that it bought twice", _column("products_repeated_share_365d")),
    "share_digital": Figure("share of purchases by web, EDI and the like", _column("share_digital_365d")),
    "returns_share": Figure("returned value over purchases, last 365 days", _column("returns_share_365d")),
    "margin_share": Figure("margin over net spend, else as assumed", margin_share),
    "discount_share": Figure("discount on list prices, last 365 days", _column("discount_share_365d")),
    "discount_to_peers": Figure(
        "discount_share less that of the typical small customer",
        lambda a, _: a["discount_share_365d"] - _typical(a, "discount_share_365d"),
    ),
    "discount_change": Figure(
        "discount of the last 91 days less discount_share",
        lambda a, _: a["discount_share_91d"] - a["discount_share_365d"],
    ),
    "price_position": Figure("log of its prices over the market's for the same", _column("price_position_365d")),
    "gap_variation": Figure("how irregular the days between purchases are: 0 like clockwork", _column("gap_variation")),
    "overdue": Figure("days since the last purchase over the usual days between purchases", _column("overdue")),
    "recency_days": Figure("days since the last purchase", _column("recency_days")),
    "tenure_days": Figure("days since the first purchase", _column("tenure_days")),
    "cost_to_serve": Figure("cost of serving it for 12 months as now", _costs(cost_to_serve)),
    "work_pays": Figure("chance x gain x margin over the cost of working it for a horizon", _costs(_work_pays)),
    "contribution": Figure(
        "margin of 12 months less cost_to_serve", _costs(lambda a, c: _contribution(a, c, cost_to_serve(a, c)))
    ),
    "contribution_cheapest": Figure(
        "the same if served in the cheapest way that a play proposes",
        _costs(lambda a, c: _contribution(a, c, cheapest(a, c))),
    ),
}
"""Figures by name, beside the features of the catalogue."""

KNOWN = dict.fromkeys([*FIGURES, *CATALOGUE], "DOUBLE")
"""Every name that a rule may use, with its SQL type."""


def figure(name: str, accounts: pd.DataFrame, costs: Costs | None) -> pd.Series:
    """Return one figure of every account; `accounts` are eligible rows of a snapshot with chance and potential."""
    values = FIGURES[name].of(accounts, costs) if name in FIGURES else accounts[name]
    return values.astype("float64")
