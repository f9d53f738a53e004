"""The features for which a customer is held against the others of its market, in plain Python."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tests.oracle.plain import History, Line, Values, add, age, exact, share

Key = tuple[str, str]
"""Market and customer_id."""

PRIOR_CUSTOMERS = 10


def rank(value: float, among: Sequence[float]) -> float:
    """Return the share of the others that are below `value`: 0 for the least, 1 for one above all, 0 for one alone."""
    return sum(v < value for v in among) / (len(among) - 1) if len(among) > 1 else 0.0


@dataclass(frozen=True)
class Bought:
    """What one customer bought of one product in 365 days (its lines above zero)."""

    lines: list[Line]
    ages: list[int]

    @property
    def gross(self) -> float:
        return exact(x.amount for x in self.lines)

    def log_mean(self, column: str) -> float | None:
        return log_mean(self.lines, column)


def log_mean(lines: Iterable[Line], column: str) -> float | None:
    """Return the mean log of a column over the lines where it is above zero."""
    logs = [math.log(v) for x in lines if (v := getattr(x, column)) is not None and v > 0]
    return statistics.fmean(logs) if logs else None


def basket(h: History) -> dict[str, Bought]:
    """Return what a customer bought in the last 365 days by product."""
    by_product: dict[str, list[Line]] = defaultdict(list)
    for x in h.lines((0, 365)):
        if x.amount > 0 and x.product_id is not None:
            by_product[x.product_id].append(x)
    return {p: Bought(lines, [age(x, h.as_of) for x in lines]) for p, lines in by_product.items()}


@dataclass(frozen=True)
class Products:
    """How a market's products stand among its customers' baskets."""

    lift: Mapping[str, float | None]
    top: frozenset[str]
    mean: Mapping[str, Mapping[str, float | None]]


def products(baskets: Mapping[Key, Mapping[str, Bought]]) -> Products:
    """Weigh every product of one market; only customers with something in the basket count."""
    gross = {k: exact(b.gross for b in basket.values()) for k, basket in baskets.items() if basket}
    large = {k for k, g in gross.items() if rank(g, list(gross.values())) >= 0.9}
    large_share = len(large) / len(gross) if gross else 0.0
    buyers: dict[str, set[Key]] = defaultdict(set)
    lines: dict[str, list[Line]] = defaultdict(list)
    for key, held in baskets.items():
        for product, bought in held.items():
            buyers[product].add(key)
            lines[product] += bought.lines
    counts = [-len(b) for b in buyers.values()]
    return Products(
        lift={p: _lift(len(b & large), len(b), large_share) for p, b in buyers.items()},
        top=frozenset(p for p, b in buyers.items() if rank(-len(b), counts) <= 0.1),
        mean={c: {p: log_mean(x, c) for p, x in lines.items()} for c in ("unit_price", "quantity")},
    )


def _lift(large_buyers: int, buyers: int, large_share: float) -> float | None:
    if large_share == 0:
        return None
    return math.log((large_buyers + PRIOR_CUSTOMERS * large_share) / (buyers + PRIOR_CUSTOMERS) / large_share)


def assortment(held: Mapping[str, Bought], market: Products) -> Values:
    """Products: how many, which new ones, and who else buys them."""
    found: Values = {f"products_{d}d": sum(min(b.ages) <= d for b in held.values()) for d in (30, 91, 182, 365)}
    found |= {f"products_new_{d}d": sum(max(b.ages) <= d for b in held.values()) for d in (30, 91, 182)}

    def lifts(which: Iterable[str]) -> list[float]:
        return [v for p in which if (v := market.lift[p]) is not None]

    def mean(values: Sequence[float]) -> float | None:
        return statistics.fmean(values) if values else None

    recent = [p for p, b in held.items() if min(b.ages) <= 91]
    new = [p for p, b in held.items() if max(b.ages) <= 91]
    gross = [b.gross for b in held.values()]
    count = len(held)
    return found | {
        "products_repeated_share_365d": share(sum(len(set(b.ages)) > 1 for b in held.values()), count),
        "product_largest_share_365d": share(max(gross), sum(gross)) if gross else None,
        "share_top_products_365d": share(sum(p in market.top for p in held), count),
        "affinity_365d": mean(lifts(held)),
        "affinity_91d": mean(lifts(recent)),
        "affinity_new_91d": mean(lifts(new)),
        "affinity_sum_365d": sum(lifts(held)) if lifts(held) else None,
        "affinity_highest_365d": max(lifts(held), default=None),
    }


def categories(h: History) -> Values:
    """Categories of the lines above zero."""
    found: dict[str, list[Line]] = defaultdict(list)
    for x in h.lines((0, 365)):
        if x.amount > 0 and x.category is not None:
            found[x.category].append(x)
    gross = [exact(x.amount for x in lines) for lines in found.values()]
    return {
        "categories_365d": len(found),
        "categories_91d": sum(min(age(x, h.as_of) for x in lines) <= 91 for lines in found.values()),
        "category_largest_share_365d": share(max(gross), sum(gross)) if gross else None,
    }


def position(held: Mapping[str, Bought], market: Products) -> Values:
    """Price and quantity against the product's market mean, in logs."""

    def compared(column: str, days: int = 365) -> list[tuple[float, float]]:
        pairs = [(b, b.log_mean(column), market.mean[column][p]) for p, b in held.items() if min(b.ages) <= days]
        return [(own - theirs, b.gross) for b, own, theirs in pairs if own is not None and theirs is not None]

    def weighted(gaps: Sequence[tuple[float, float]]) -> float | None:
        return share(math.fsum(g * w for g, w in gaps), math.fsum(w for _, w in gaps))

    def mean(gaps: Sequence[tuple[float, float]]) -> float | None:
        return statistics.fmean([g for g, _ in gaps]) if gaps else None

    price, quantity = compared("unit_price"), compared("quantity")
    return {
        "price_position_365d": weighted(price),
        "price_position_mean_365d": mean(price),
        "quantity_position_365d": weighted(quantity),
        "quantity_position_mean_365d": mean(quantity),
        "quantity_position_91d": mean(compared("quantity", 91)),
        "quantity_position_highest_365d": max((g for g, _ in quantity), default=None),
    }


def peers(rows: Mapping[Key, Values], history_days: int) -> dict[Key, Values]:
    """Rank every row of one as_of within its market, and add up the market."""
    by_market: dict[str, dict[Key, Values]] = defaultdict(dict)
    for key, values in rows.items():
        by_market[key[0]][key] = values
    found: dict[Key, Values] = {}
    for market in by_market.values():
        context = _market(list(market.values()), history_days)
        for key, values in market.items():
            found[key] = context | _ranks(values, list(market.values()))
    return {key: values | _elsewhere(key, found, rows) for key, values in found.items()}


def _column(rows: Iterable[Values], name: str) -> list[float]:
    return [v for row in rows if (v := row[name]) is not None]


def _ranks(own: Values, market: Sequence[Values]) -> Values:
    spent, total = own["spend_365d"] or 0.0, add(_column(market, "spend_365d"))
    ranked = ("spend_365d", "spend_91d", "spend_decay_180d")
    found: Values = {f"rank_{name}": rank(own[name] or 0.0, _column(market, name)) for name in ranked}
    return found | {"spend_to_mean_365d": share(spent * len(market), total)}


def _market(market: Sequence[Values], history_days: int) -> Values:
    def total(name: str) -> float:
        return add(_column(market, name))

    active = [row for row in market if (row["spend_182d"] or 0) > 0]
    young = [row for row in active if row["tenure_days"] is not None and row["tenure_days"] <= 182]
    ahead = total("spend_year_ago_ahead_182d") if _column(market, "spend_year_ago_ahead_182d") else None
    now, before = total("spend_182d"), total("spend_prior_182d")
    return {
        "history_days": history_days,
        "market_customers": len(active),
        "market_growth_182d": share(now, before) if history_days >= 364 else None,
        "market_season_182d": None if ahead is None else share(ahead, total("spend_year_ago_behind_182d")),
        "market_ahead_to_now_182d": None if ahead is None else share(ahead, now),
        "market_young_share_182d": share(len(young), len(active)),
    }


def _elsewhere(key: Key, ranked: Mapping[Key, Values], rows: Mapping[Key, Values]) -> Values:
    """Return how the same customer_id stands in the other markets; a market without net spend adds nothing."""
    others = [k for k in rows if k[1] == key[1] and k[0] != key[0]]

    def size(other: Key, name: str) -> float:
        market = [values for k, values in rows.items() if k[0] == other[0]]
        return share((rows[other][name] or 0.0) * len(market), add(_column(market, name))) or 0.0

    ranks = [ranked[k]["rank_spend_365d"] or 0.0 for k in others]
    return {
        "markets_elsewhere": len(others),
        "rank_elsewhere_365d": statistics.fmean(ranks) if others else None,
        "size_elsewhere_365d": math.fsum(size(k, "spend_365d") for k in others) if others else None,
        "size_elsewhere_91d": math.fsum(size(k, "spend_91d") for k in others) if others else None,
    }
