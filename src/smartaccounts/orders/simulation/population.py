"""Who buys: kinds of customers, how much, how often, from when to when, and what changes on the way."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smartaccounts.orders.simulation.catalogue import CATEGORIES

KINDS = ("stable_small", "stable_large", "grower", "spike", "seasonal", "decliner", "one_off")
SMALL, LARGE, GROWER, SPIKE, SEASONAL, DECLINER, ONE_OFF = range(len(KINDS))
SHARES = (0.54, 0.07, 0.12, 0.03, 0.08, 0.055, 0.105)
CHANNELS = ("field", "phone", "web", "edi")
NEVER = np.float32(1e9)  # a day beyond every simulation

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Population:
    """One row per customer; days count from the simulation's start, `NEVER` where something does not happen.

    At entry a customer places `rate` orders a day of `lines` lines, each worth `value` at list prices, from a pool of
    `breadth` products, of which the share `affinity` is what large accounts buy (`new_affinity` of the products beyond
    the first `breadth`). `log_factor` is the logarithm of what spend is multiplied by from `change` on within
    `change_days`. `shape` is that of the gamma-distributed gaps between orders (1 = by chance, 8 = clockwork).
    """

    kind: NDArray[np.int8]
    market: NDArray[np.int16]
    entry: Floats
    exit: Floats
    rate: Floats
    lines: Floats
    value: Floats
    breadth: Floats
    shape: Floats
    affinity: Floats
    new_affinity: Floats
    log_factor: Floats
    change: Floats
    change_days: Floats
    season_strength: Floats
    season_scale: Floats
    season_peak: Floats
    spike: Floats
    spike_factor: Floats
    trial: Floats
    digital: Floats
    personal_discount: Floats
    channel_before: NDArray[np.int8]
    channel_after: NDArray[np.int8]
    category: NDArray[np.int8]
    second_category: NDArray[np.int8]

    def __len__(self) -> int:
        """Return the number of customers."""
        return len(self.kind)

    def part(self, start: int, end: int) -> Population:
        """Return the customers `[start, end)`, as views."""
        return Population(**{name: column[start:end] for name, column in vars(self).items()})


def draw_population(rng: np.random.Generator, *, customers: int, days: int, markets: int) -> Population:
    """Draw `customers` customers of a simulation of `days` days in `markets` markets, the first of them the largest."""
    n = customers
    kind = rng.choice(len(KINDS), n, p=SHARES).astype(np.int8)
    sizes = 1 / np.arange(1, markets + 1) ** 0.5
    market = rng.choice(markets, n, p=sizes / sizes.sum()).astype(np.int16)
    entry, leave = _lives(rng, kind, days)
    change, change_days = _changes(rng, kind, entry, leave, days)
    yearly = _yearly_spend(rng, kind)
    log_factor = _log_factors(rng, kind, yearly)
    levels = np.exp(rng.normal(0, 0.25, markets))
    yearly *= (levels / levels[0])[market]
    rate, lines, value, breadth = _habits(rng, kind, yearly)
    strength = np.where(kind == SEASONAL, rng.uniform(1.0, 2.8, n), rng.uniform(0, 0.45, n))
    spike = np.where(kind == SPIKE, entry + rng.uniform(0.1, 0.95, n) * (np.minimum(leave, days) - entry), NEVER)
    large = (kind == LARGE) | (kind == DECLINER)
    tried = rng.random(n) < np.where(kind == SMALL, 0.12, 0.0)  # a wider assortment that leads to nothing
    category = rng.integers(0, len(CATEGORIES), n)
    columns = {
        "entry": entry,
        "exit": leave,
        "rate": rate,
        "lines": lines,
        "value": value,
        "breadth": breadth,
        "shape": np.exp(rng.normal(0.6, 0.7, n)).clip(0.6, 10),
        "affinity": np.where(
            large, rng.beta(5, 4, n), np.where(kind == GROWER, rng.beta(2, 6, n), rng.beta(1.5, 7, n))
        ),
        "new_affinity": np.where(large | (kind == GROWER), rng.beta(6, 3, n), rng.beta(1.5, 5, n)),
        "log_factor": log_factor,
        "change": change,
        "change_days": change_days,
        "season_strength": strength,
        "season_scale": 1 / np.i0(strength),
        "season_peak": rng.choice([80, 140, 285, 320], n) + rng.normal(0, 18, n),
        "spike": spike,
        "spike_factor": np.exp(rng.normal(2.2, 0.6, n)),
        "trial": np.where(tried, entry + rng.uniform(0, 1, n) * (days - entry), NEVER),
        "digital": rng.uniform(-0.8, 1.8, n) * 1461 - np.where(kind == GROWER, 200, 0),
        "personal_discount": np.where(large, rng.choice([0.0, 0.02, 0.03, 0.05], n), 0.0),
    }
    return Population(
        kind=kind,
        market=market,
        channel_before=np.where(rng.random(n) < np.where(large, 0.75, 0.3), 0, 1).astype(np.int8),
        channel_after=np.where(rng.random(n) < np.where(large, 0.6, 0.08), 3, 2).astype(np.int8),
        category=category.astype(np.int8),
        second_category=((category + rng.integers(1, len(CATEGORIES), n)) % len(CATEGORIES)).astype(np.int8),
        **{name: column.astype(np.float32) for name, column in columns.items()},
    )


def _lives(rng: np.random.Generator, kind: NDArray[np.int8], days: int) -> tuple[NDArray[np.float64], ...]:
    """Return the days of entry (0: there from the start) and exit."""
    n = kind.size
    there = rng.random(n) < np.choose(kind, [0.5, 0.93, 0.6, 0.5, 0.6, 0.95, 0.0])
    latest = np.where(kind == GROWER, 0.7, 1.0) * days
    entry = np.where(there, 0.0, rng.uniform(0, 1, n) * latest)
    mean_life = np.choose(kind, [1300.0, 4500.0, 6000.0, 1500.0, 1800.0, 3000.0, 1.0])
    life = rng.exponential(mean_life) + 20
    life = np.where(kind == ONE_OFF, rng.uniform(2, 60, n), life)
    leave = entry + life
    return entry, np.where(leave < days, leave, NEVER)


def _changes(
    rng: np.random.Generator, kind: NDArray[np.int8], entry: NDArray[np.float64], leave: NDArray[np.float64], days: int
) -> tuple[NDArray[np.float64], ...]:
    """Return the first day and the length of the phase in which a grower ramps up or a decliner down."""
    n = kind.size
    length = rng.uniform(182, 548, n)
    last = np.maximum(np.minimum(leave, days) - 120, entry + 90)
    start = entry + 60 + rng.uniform(0, 1, n) * np.maximum(last - entry - 60, 0)
    return np.where((kind == GROWER) | (kind == DECLINER), start, NEVER), length


def _yearly_spend(rng: np.random.Generator, kind: NDArray[np.int8]) -> NDArray[np.float64]:
    """Return spend per year at entry: log-normal small customers, large ones with a Pareto tail."""
    n = kind.size
    small = np.exp(rng.normal(np.log(1400), 0.85, n))
    large = 9000 * (1 + rng.pareto(1.4, n)).clip(1, 150) * np.exp(rng.normal(0, 0.25, n))
    grower = np.exp(rng.normal(np.log(2000), 0.6, n))
    return np.where((kind == LARGE) | (kind == DECLINER), large, np.where(kind == GROWER, grower, small))


def _log_factors(rng: np.random.Generator, kind: NDArray[np.int8], yearly: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what a grower (3 to 25 times) or a decliner (down to a tenth or a third) changes by, logarithm."""
    goal = 12_000 * (1 + rng.pareto(1.8, kind.size)).clip(1, 40)
    up = np.log(np.clip(goal / yearly, 3.0, 25.0))
    down = np.log(rng.uniform(0.08, 0.35, kind.size))
    return np.where(kind == GROWER, up, np.where(kind == DECLINER, down, 0.0))


def _habits(
    rng: np.random.Generator, kind: NDArray[np.int8], yearly: NDArray[np.float64]
) -> tuple[NDArray[np.float64], ...]:
    """Split yearly spend into orders a day, lines an order and value a line; return them and the pool of products."""
    n = kind.size
    orders = (5.9 * (yearly / 1500) ** 0.38 * np.exp(rng.normal(0, 0.35, n))).clip(1.5, 120)
    orders = np.where(kind == ONE_OFF, 6.0, orders)
    each = yearly / orders
    lines = (2.4 * (each / 200) ** 0.3 * np.exp(rng.normal(0, 0.3, n))).clip(1.1, 25)
    breadth = (lines * 3.0 * np.exp(rng.normal(0.4, 0.4, n))).clip(3, 150)
    return orders / 365.25, lines, each / lines, breadth
