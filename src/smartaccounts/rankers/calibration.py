"""From raw scores to probabilities that hold: a logistic curve, so that the order never changes, moved by the season.

Platt (1999), with the slope drawn towards 1 as a prior: with few positives the data cannot tell a slope well. The base
rate moves with the trade: when the coming half year brings half of what the last one brought, fewer reach K. How much
fewer is read off the tail of what was spent around K; how the trade will move, off last year's season.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit
from scipy.stats import norm

from smartaccounts.panel import Panel
from smartaccounts.rankers.base import Floats, Scores

SLOPE_PRIOR = 10.0
"""Weight of (slope - 1)^2 against the log loss summed over rows: as much as about ten positives."""

SLOPES = (0.2, 3.0)
"""The slope stays within these: above zero, so that a higher score never has the lower probability."""

AROUND_KEY = (0.75, 4 / 3)
"""The tail is read between these multiples of K."""

STEEPEST = 3.0
"""No tail is taken to be steeper: with few positives it is an estimate."""

WIDEST_SEASON = np.log(3)
"""A market is not expected to treble, or to shrink to a third, by its season."""

DRIFT, DRIFT_SHORT = 0.30, 0.60
"""By how much (standard deviation, log odds) the level of the next half year differs from what the past lets expect;
the second where most training rows have less than two horizons of history (benchmarks/honesty.py measures coverage)."""

RANGE = 0.8
"""The share of cases that a stated range shall hold."""


@dataclass(frozen=True)
class Calibrator:
    """probability = 1 / (1 + exp(-(intercept + slope * raw score + tail * season))).

    tail: by how much log odds rise with the log of the market's growth over the horizon. drift: standard deviation of
    the level from one half year to the next, in log odds. variance: of intercept, of slope, and their covariance.
    """

    intercept: float
    slope: float
    tail: float = 0.0
    drift: float = DRIFT
    variance: tuple[float, float, float] = (0.0, 0.0, 0.0)

    def probability(self, raw: Floats, season: Floats | float = 0.0) -> Floats:
        """Return the probability of each raw score, strictly between 0 and 1; `season` is a log, 0 for as usual."""
        return _likely(self._margin(raw, season))

    def bounds(self, raw: Floats, season: Floats | float = 0.0) -> tuple[Floats, Floats]:
        """Return the ends of the range of each probability: it holds RANGE of the levels that the half year may take.

        Two things are uncertain: the level of the next half year (`drift`), and the curve itself, learned from few
        key accounts (`variance`).
        """
        of_intercept, of_slope, both = self.variance
        curve = np.maximum(of_intercept + 2 * both * raw + of_slope * raw * raw, 0.0)
        half = norm.ppf(0.5 + RANGE / 2) * np.sqrt(self.drift**2 + curve)
        margin = self._margin(raw, season)
        return _likely(margin - half), _likely(margin + half)

    def _margin(self, raw: Floats, season: Floats | float) -> Floats:
        margin: Floats = self.intercept + self.slope * raw + self.tail * np.asarray(season)
        return margin


UNCALIBRATED = Calibrator(0.0, 1.0)
"""Takes a raw score for log odds, as it is."""


def _likely(margin: Floats) -> Floats:
    likely: Floats = np.clip(expit(margin), 1e-9, 1 - 1e-9)
    return likely


def fit_calibrator(
    raw: Floats,
    y: Floats,
    season: Floats | float = 0.0,
    *,
    tail: float = 0.0,
    drift: float = DRIFT,
    customers: NDArray[np.integer] | None = None,
) -> Calibrator:
    """Fit intercept and slope on rows that the model did not learn from; `y` is 0 or 1, tail * season an offset.

    customers: one number per row, the same for all rows of a customer: they are no independent evidence (sandwich
    variance, Huber 1967, with clusters). None: every row for itself.
    """
    offset = tail * np.broadcast_to(season, raw.shape)

    def loss(parameters: Floats) -> tuple[float, Floats]:
        intercept, slope = parameters
        margin = intercept + slope * raw + offset
        residual = expit(margin) - y
        value = np.logaddexp(0, margin).sum() - (y * margin).sum() + SLOPE_PRIOR * (slope - 1) ** 2
        gradient = np.array([residual.sum(), (residual * raw).sum() + 2 * SLOPE_PRIOR * (slope - 1)])
        return float(value), gradient

    found = minimize(loss, np.array([0.0, 1.0]), jac=True, bounds=[(-20, 20), SLOPES], method="L-BFGS-B").x
    made = Calibrator(float(found[0]), float(found[1]), tail, drift)
    likely = expit(made.intercept + made.slope * raw + offset)
    return replace(made, variance=_sandwich(raw, likely - y, likely * (1 - likely), customers))


def _sandwich(
    raw: Floats, residual: Floats, weight: Floats, customers: NDArray[np.integer] | None
) -> tuple[float, float, float]:
    """Return the variances of intercept and slope and their covariance; the prior counts as evidence of the slope."""
    scores = [residual, residual * raw]
    if customers is not None:
        scores = [np.bincount(customers, weights=s).astype(np.float64) for s in scores]
    cross = (weight * raw).sum()
    bread = np.linalg.pinv(np.array([[weight.sum(), cross], [cross, (weight * raw * raw).sum() + 2 * SLOPE_PRIOR]]))
    meat = np.array([[(a * b).sum() for b in scores] for a in scores])
    spread = bread @ meat @ bread
    return float(spread[0, 0]), float(spread[1, 1]), float(spread[0, 1])


def calibrated_scores(calibrator: Calibrator, score: Floats, raw: Floats, frame: pd.DataFrame) -> Scores:
    """Return scores with the probabilities of the raw scores `raw` and their ranges, for the rows of a snapshot."""
    season = season_expected(frame)
    return Scores(score, calibrator.probability(raw, season), *calibrator.bounds(raw, season))


def customer_numbers(frame: pd.DataFrame) -> NDArray[np.intp]:
    """Return one number per row, the same for all rows of a customer."""
    return np.asarray(frame.groupby(["market", "customer_id"], sort=False).ngroup(), dtype=np.intp)


def drift(frame: pd.DataFrame, *, horizon_days: int) -> float:
    """Return how much the level may differ from what these training rows let expect: DRIFT, or DRIFT_SHORT."""
    return DRIFT_SHORT if short_share(frame, horizon_days=horizon_days) > 0.5 else DRIFT


def short_share(frame: pd.DataFrame, *, horizon_days: int) -> float:
    """Return the share of rows with less than two horizons of history: there an account that returns seems to grow."""
    return float((frame["history_days"] < 2 * horizon_days).mean())


def tail(rows: Panel) -> float:
    """Return how steeply the share of customers that reach a spend falls with that spend, around K.

    The exponent of a Pareto tail: -d log P(spend_ahead >= x K) / d log x between AROUND_KEY, over eligible rows.
    """
    frame = rows.snapshot.columns("key_spend", "eligible")
    reached = (rows.outcome["spend_ahead"] / frame["key_spend"])[frame["eligible"]]
    low, high = (max(int((reached >= x).sum()), 1) for x in AROUND_KEY)
    return float(np.clip(np.log(low / high) / np.log(AROUND_KEY[1] / AROUND_KEY[0]), 0, STEEPEST))


def season_came(rows: Panel) -> Floats:
    """Return, for each row, the log of the growth that all markets together saw in the horizon of its as_of."""
    return _season(rows.snapshot.columns("as_of"), rows.outcome["season_ahead"])


def season_expected(frame: pd.DataFrame) -> Floats:
    """Return the same as last year's season lets expect it; 0 where the history is too short to say."""
    return _season(frame, frame["season_h"])


def _season(frame: pd.DataFrame, ratio: pd.Series) -> Floats:
    """One number per as_of, the mean over its rows: markets must not change places by it."""
    logs = pd.Series(np.log(ratio.where(ratio > 0).to_numpy(dtype=float)), index=frame.index).clip(
        -WIDEST_SEASON, WIDEST_SEASON
    )
    mean: Floats = logs.groupby(frame["as_of"]).transform("mean").fillna(0.0).to_numpy()
    return mean
