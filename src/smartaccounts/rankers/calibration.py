"""From raw scores to probabilities that hold: a logistic curve with two parameters, so that the order never changes.

Platt (1999), with the slope drawn towards 1 as a prior: with few positives the data cannot tell a slope well.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

SLOPE_PRIOR = 10.0
"""Weight of (slope - 1)^2 against the log loss summed over rows: as much as about ten positives."""

SLOPES = (0.2, 3.0)
"""The slope stays within these: above zero, so that a higher score never has the lower probability."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Calibrator:
    """probability = 1 / (1 + exp(-(intercept + slope * raw score)))."""

    intercept: float
    slope: float

    def probability(self, raw: Floats) -> Floats:
        """Return the probability of each raw score, strictly between 0 and 1."""
        likely: Floats = np.clip(expit(self.intercept + self.slope * raw), 1e-9, 1 - 1e-9)
        return likely


def fit_calibrator(raw: Floats, y: Floats) -> Calibrator:
    """Fit intercept and slope on rows that the model did not learn from; `y` is 0 or 1."""

    def loss(parameters: Floats) -> tuple[float, Floats]:
        intercept, slope = parameters
        margin = intercept + slope * raw
        residual = expit(margin) - y
        value = np.logaddexp(0, margin).sum() - (y * margin).sum() + SLOPE_PRIOR * (slope - 1) ** 2
        gradient = np.array([residual.sum(), (residual * raw).sum() + 2 * SLOPE_PRIOR * (slope - 1)])
        return float(value), gradient

    found = minimize(loss, np.array([0.0, 1.0]), jac=True, bounds=[(-20, 20), SLOPES], method="L-BFGS-B")
    return Calibrator(float(found.x[0]), float(found.x[1]))
