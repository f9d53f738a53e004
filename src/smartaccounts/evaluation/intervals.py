"""What draws say of a measure: the interval of one ranker, and how two compare."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from smartaccounts.evaluation.metrics import Floats, Measured


@dataclass(frozen=True)
class Interval:
    """The point estimate and the ends of its percentile interval; nan with a reason where there is none.

    Doubled rows flatter average precision and roughen ece: their intervals lie high. Decide by differences and ratios.
    """

    value: float
    low: float
    high: float
    reason: str = ""


@dataclass(frozen=True)
class Comparison:
    """A against B: A - B, A / B, and the share of draws in which A is better (equal draws count half)."""

    difference: Interval
    ratio: Interval
    better_share: float


@dataclass(frozen=True, eq=False)
class Resampled:
    """Measures of rankers at every date: of the data themselves and of every draw.

    points[ranker, measure]: one Measured per date. draws[ranker, measure]: array (dates, draws), nan where a draw left
    no key account. seed: what the draws were drawn with.
    """

    level: float
    points: Mapping[tuple[str, str], tuple[Measured, ...]]
    draws: Mapping[tuple[str, str], Floats]
    seed: int = 0

    def by_date(self, ranker: str, name: str) -> tuple[Interval, ...]:
        """Return the interval of a measure at each date."""
        points, draws = self.points[ranker, name], self.draws[ranker, name]
        return tuple(_interval(p.value, d, self.level, p.reason) for p, d in zip(points, draws, strict=True))

    def mean(self, ranker: str, name: str) -> Interval:
        """Return the interval of the mean over the dates that have a value; the reason counts the others."""
        points = self.points[ranker, name]
        values = np.array([p.value for p in points])
        reasons = sorted({p.reason for p in points if math.isnan(p.value)})
        left = int(np.isnan(values).sum())
        reason = f"{left} of {len(points)} dates left out: {'; '.join(reasons)}" if left else ""
        return _interval(float(_mean(values)), _mean(self.draws[ranker, name]), self.level, reason)

    def compare(self, a: str, b: str, name: str) -> Comparison:
        """Compare two rankers by the mean of a measure over the dates at which both have a value, draw by draw.

        Better is higher, but for ece (lower) and expected_over_observed (nearer to 1).
        """
        points = np.array([[p.value for p in self.points[r, name]] for r in (a, b)])
        lost = np.isnan(points).any(axis=0)
        reason = f"{lost.sum()} of {len(lost)} dates left out: not both have a value" if lost.any() else ""
        draws = np.array([self.draws[r, name] for r in (a, b)])
        draws[:, np.isnan(draws).any(axis=0) | lost[:, None]] = math.nan
        point_a, point_b = (float(_mean(p[~lost])) for p in points)
        drawn_a, drawn_b = (_mean(d) for d in draws)
        good = _goodness(name, drawn_a) - _goodness(name, drawn_b)
        good = good[~np.isnan(good)]
        return Comparison(
            _interval(point_a - point_b, drawn_a - drawn_b, self.level, reason),
            _interval(float(ratio(point_a, point_b)), ratio(drawn_a, drawn_b), self.level, reason),
            float(((good > 0) + 0.5 * (good == 0)).mean()) if len(good) else math.nan,
        )


def ratio(above: ArrayLike, below: ArrayLike) -> Floats:
    """Divide; nan where that cannot be."""
    over, under = np.asarray(above, dtype=float), np.asarray(below, dtype=float)
    divided: Floats = np.divide(over, under, out=np.full(np.broadcast(over, under).shape, math.nan), where=under != 0)
    return divided


def _mean(values: Floats) -> Floats:
    """Return the mean over dates (rows) of what is not nan."""
    there = ~np.isnan(values)
    return ratio(np.where(there, values, 0.0).sum(axis=0), there.sum(axis=0))


def _interval(value: float, draws: Floats, level: float, reason: str) -> Interval:
    usable = draws[np.isfinite(draws)]
    if math.isnan(value) or not len(usable):
        return Interval(float(value), math.nan, math.nan, reason or "no draw has a value")
    low, high = np.quantile(usable, [(1 - level) / 2, (1 + level) / 2])
    lost = f"{len(draws) - len(usable)} of {len(draws)} draws have no value" if len(usable) < len(draws) else ""
    return Interval(float(value), float(low), float(high), "; ".join(filter(None, [reason, lost])))


def _goodness(name: str, values: Floats) -> Floats:
    if name == "expected_over_observed":
        values = np.abs(np.log(np.maximum(values, 1e-12)))
    return np.negative(values) if name in ("ece", "expected_over_observed") else values
