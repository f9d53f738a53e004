"""How fast every customer buys in one month: season, trend, growth, spikes and moods laid over its habits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smartaccounts.orders.simulation.population import Floats, Population

SEASON = np.array([0.92, 0.95, 1.06, 1.03, 1.02, 1.00, 0.88, 0.82, 1.08, 1.14, 1.16, 0.94], np.float32)  # by month
TREND = 0.02  # a year, in orders
LEAD_DAYS = 120  # the assortment widens this long before spend grows
TRIAL_DAYS = 150


@dataclass(frozen=True)
class Month:
    """The days `[start, end)` since the simulation's start; both in one calendar month.

    `first` is the day number (since 1970-01-01) of day 0, `year` counts calendar years from 0, `month` is 1 to 12 and
    `day_of_year` that of the middle.
    """

    index: int
    first: int
    start: int
    end: int
    year: int
    month: int
    day_of_year: float


@dataclass(frozen=True)
class Pace:
    """One row per customer: orders from day `opens` on within `open_days`, lines an order, money a line, pool."""

    opens: Floats
    open_days: Floats
    orders: Floats
    lines: Floats
    value: Floats
    breadth: Floats


def pace(people: Population, month: Month, mood: Floats) -> Pace:
    """Return the pace of every customer in `month`; `mood` (customer,) is the logarithm of a passing deviation.

    Growth is one factor of spend, split over frequency, lines and value of a line; the pool of products widens first,
    then orders come more often, then they become larger.
    """
    opens = np.maximum(people.entry, np.float32(month.start))
    open_days = np.maximum(np.minimum(people.exit, np.float32(month.end)) - opens, np.float32(0))
    middle = np.float32((month.start + month.end) / 2)
    often = 0.45 * _ramp(people, middle + 30, begin=0.0, length=0.7)
    longer = 0.30 * _ramp(people, middle, begin=0.1, length=0.8)
    larger = 0.25 * _ramp(people, middle, begin=0.3, length=0.7)
    wider = 0.60 * _ramp(people, middle + LEAD_DAYS, begin=0.0, length=1.0)
    trial = (people.trial <= middle) & (middle < people.trial + TRIAL_DAYS)
    angle = np.float32(2 * np.pi / 365.25) * (np.float32(month.day_of_year) - people.season_peak)
    log_season = people.season_strength * np.cos(angle)
    market = SEASON[month.month - 1] * np.float32((1 + TREND) ** (middle / 365.25))
    rate = people.rate * people.season_scale * market
    rate *= np.exp(people.log_factor * often + 0.75 * log_season + 0.5 * mood) * np.where(trial, np.float32(1.3), 1)
    value = people.value * np.exp(people.log_factor * larger + 0.25 * log_season + 0.5 * mood)
    orders = rate * open_days
    spike = spiking(people, month)
    orders[spike] = np.maximum(orders[spike], np.float32(1.0))
    value[spike] *= people.spike_factor[spike]
    return Pace(
        opens=opens,
        open_days=open_days,
        orders=orders,
        lines=people.lines * np.exp(people.log_factor * longer),
        value=value,
        breadth=people.breadth * np.exp(people.log_factor * wider) * np.where(trial, np.float32(1.8), 1),
    )


def spiking(people: Population, month: Month) -> NDArray[np.int64]:
    """Return the rows of the customers whose spike falls into `month` and who are there all month."""
    inside = (people.spike >= month.start) & (people.spike < month.end)
    return np.flatnonzero(inside & (people.entry <= month.start) & (people.exit >= month.end))


def next_mood(rng: np.random.Generator, mood: Floats) -> Floats:
    """Return the deviations one month later: they fade by a tenth and are pushed anew."""
    pushed: Floats = np.float32(0.9) * mood + np.float32(0.12) * rng.standard_normal(mood.size, np.float32)
    return pushed


def _ramp(people: Population, day: np.float32, *, begin: float, length: float) -> Floats:
    """Return 0 to 1: how much of a change that takes this part of the phase is done by `day`, smooth at both ends."""
    x = np.clip((day - people.change - begin * people.change_days) / (length * people.change_days), 0, 1)
    done: Floats = x * x * (3 - 2 * x)
    return done
