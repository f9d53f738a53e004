"""Small, key, eligible and grown, in plain Python and exact fractions (DESIGN section 5); and whole snapshots."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction

from tests.oracle import markets
from tests.oracle.markets import Key
from tests.oracle.plain import History, Line, Values, add, customer_features

from smartaccounts.config import Target


@dataclass(frozen=True)
class Standing:
    """Who is what; money as exact fractions, `key` and `small` None in a market too small to judge.

    `season` is the market's spend of last year's horizon over that of the one before it, or of the last one.
    """

    spend: Fraction
    spend_before: Fraction
    active: bool
    eligible: bool
    key: Fraction | None
    small: Fraction | None
    season: Fraction | None


def quantile(values: Iterable[Fraction], share: float) -> Fraction:
    """Interpolate linearly between the two values around the place share x (n - 1)."""
    ascending = sorted(values)
    place = Fraction(repr(share)) * (len(ascending) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ascending) - 1)
    return ascending[below] + (ascending[above] - ascending[below]) * (place - below)


def exact(money: float) -> Fraction:
    """Return money that was rounded to 1e-6 as what is written."""
    return Fraction(repr(money))


def histories(lines: Iterable[Line], as_of: date) -> dict[Key, History]:
    """Return what was known of every customer at as_of."""
    known: dict[Key, list[Line]] = defaultdict(list)
    for x in lines:
        if x.known_day < as_of:
            known[x.market, x.customer_id].append(x)
    reach = max(((as_of - x.day).days for held in known.values() for x in held), default=0)
    return {key: History(held, as_of, reach) for key, held in known.items()}


def standings(found: Mapping[Key, History], target: Target) -> dict[Key, Standing]:
    """Return the standing of every customer, K and S of its own market."""
    h = target.horizon_days
    now = {key: exact(x.spend((0, h))) for key, x in found.items()}
    before = {key: exact(x.spend((h, 2 * h))) for key, x in found.items()}
    bars: dict[str, tuple[Fraction, Fraction]] = {}
    for market in {key[0] for key in found}:
        active = [s for key, s in now.items() if key[0] == market and s > 0]
        if len(active) >= target.min_active:
            key_spend = exact(target.key_spend) if target.key_spend else quantile(active, target.key_quantile)
            small_spend = exact(target.small_spend) if target.small_spend else quantile(active, target.small_quantile)
            bars[market] = key_spend, small_spend
    season = {market: _season([x for key, x in found.items() if key[0] == market], h) for market, _ in found}
    return {key: _standing(now[key], before[key], found[key], bars.get(key[0]), season[key[0]]) for key in found}


def _season(market: Sequence[History], h: int) -> Fraction | None:
    ahead, behind, now = (
        sum((exact(x.spend(w)) for x in market), Fraction(0)) for w in ((365 - h, 365), (365, 365 + h), (0, h))
    )
    history = market[0].history_days
    if ahead <= 0 or history < 365:
        return None
    if history >= 365 + h and behind > 0:
        return ahead / behind
    return ahead / now if now > 0 else None


def _standing(
    spend: Fraction, before: Fraction, history: History, bars: tuple[Fraction, Fraction] | None, season: Fraction | None
) -> Standing:
    alive = history.spend((0, 365)) > 0
    eligible = bars is not None and spend < bars[1] and before < bars[0] and alive
    return Standing(spend, before, spend > 0, eligible, bars and bars[0], bars and bars[1], season)


def snapshot(lines: Sequence[Line], as_of: date, target: Target) -> dict[Key, tuple[Standing, Values]]:
    """Return standing and features of every row at one as_of; no row where the history is shorter than the horizon."""
    found = histories(lines, as_of)
    if not found or next(iter(found.values())).history_days < target.horizon_days:
        return {}
    own = {key: customer_features(h) for key, h in found.items()}
    baskets = {key: markets.basket(h) for key, h in found.items()}
    standing_products = {
        market: markets.products({k: b for k, b in baskets.items() if k[0] == market})
        for market in {k[0] for k in found}
    }
    among = markets.peers(own, next(iter(found.values())).history_days)
    standing = standings(found, target)
    rows: dict[Key, tuple[Standing, Values]] = {}
    for key, h in found.items():
        at = standing_products[key[0]]
        products = markets.assortment(baskets[key], at) | markets.position(baskets[key], at)
        rows[key] = standing[key], own[key] | products | markets.categories(h) | among[key]
    return rows


@dataclass(frozen=True)
class Outcome:
    """What a customer did in the horizon, and whether it grew: None without a K."""

    spend: float
    months: int
    target: bool | None


def outcome(
    lines: Iterable[Line],
    key: Key,
    as_of: date,
    target: Target,
    *,
    key_spend: Fraction | None,
    known_before: date | None,
) -> Outcome | None:
    """Return the outcome of one customer; None while the horizon is not over."""
    end = as_of + timedelta(days=target.horizon_days)
    lines = list(lines)
    if (known_before or max(x.day for x in lines) + timedelta(days=1)) < end:
        return None
    ahead = [
        x
        for x in lines
        if (x.market, x.customer_id) == key
        and as_of <= x.day < end
        and (known_before is None or x.known_day < known_before)
    ]
    spend = add(x.amount for x in ahead)
    months = len({(x.day.year, x.day.month) for x in ahead})
    grown = None if key_spend is None else exact(spend) >= key_spend and months >= target.sustained_months
    return Outcome(spend, months, grown)
