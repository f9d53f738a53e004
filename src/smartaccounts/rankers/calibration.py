"""From raw scores to probabilities that hold: a logistic curve, so that the order never changes, moved by the season.

Platt (1999), with the slope drawn towards 1 as a prior: with few positives the data cannot tell a slope well. The base
rate moves with the trade: when the coming half year brings half of what the last one brought, fewer reach K. How much
fewer is read off the tail of what was spent around K; how the trade will move, off last year's season.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

from smartaccounts.panel import Panel

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

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Calibrator:
    """probability = 1 / (1 + exp(-(intercept + slope * raw score + tail * season))).

    tail: by how much log odds rise with the log of the market's growth over the horizon.
    """

    intercept: float
    slope: float
    tail: float = 0.0

    def probability(self, raw: Floats, season: Floats | float = 0.0) -> Floats:
        """Return the probability of each raw score, strictly between 0 and 1; `season` is a log, 0 for as usual."""
        margin = self.intercept + self.slope * raw + self.tail * np.asarray(season)
        likely: Floats = np.clip(expit(margin), 1e-9, 1 - 1e-9)
        return likely


UNCALIBRATED = Calibrator(0.0, 1.0)
"""Takes a raw score for log odds, as it is."""


def fit_calibrator(raw: Floats, y: Floats, season: Floats | float = 0.0, *, tail: float = 0.0) -> Calibrator:
    """Fit intercept and slope on rows that the model did not learn from; `y` is 0 or 1, tail * season an offset."""
    offset = tail * np.broadcast_to(season, raw.shape)

    def loss(parameters: Floats) -> tuple[float, Floats]:
        intercept, slope = parameters
        margin = intercept + slope * raw + offset
        residual = expit(margin) - y
        value = np.logaddexp(0, margin).sum() - (y * margin).sum() + SLOPE_PRIOR * (slope - 1) ** 2
        gradient = np.array([residual.sum(), (residual * raw).sum() + 2 * SLOPE_PRIOR * (slope - 1)])
        return float(value), gradient

    found = minimize(loss, np.array([0.0, 1.0]), jac=True, bounds=[(-20, 20), SLOPES], method="L-BFGS-B")
    return Calibrator(float(found.x[0]), float(found.x[1]), tail)


def tail(rows: Panel) -> float:
    """Return how steeply the share of customers that reach a spend falls with that spend, around K.

    The exponent of a Pareto tail: -d log P(spend_ahead >= x K) / d log x between AROUND_KEY, over eligible rows.
    """
    frame = rows.snapshot.frame
    reached = (rows.outcome["spend_ahead"] / frame["key_spend"])[frame["eligible"]]
    low, high = (max(int((reached >= x).sum()), 1) for x in AROUND_KEY)
    return float(np.clip(np.log(low / high) / np.log(AROUND_KEY[1] / AROUND_KEY[0]), 0, STEEPEST))


def season_came(rows: Panel) -> Floats:
    """Return, for each row, the log of the growth that all markets together saw in the horizon of its as_of."""
    return _season(rows.snapshot.frame, rows.outcome["season_ahead"])


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
