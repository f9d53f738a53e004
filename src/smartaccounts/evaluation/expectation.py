"""How many key accounts to expect in a list: the sum of its probabilities, and the range of the number."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.polynomial.hermite_e import hermegauss
from scipy.special import expit, logit
from scipy.stats import norm

from smartaccounts.evaluation.metrics import Floats
from smartaccounts.rankers.calibration import RANGE

LEVELS = 21
EXACT_ROWS = 400
"""In a longer list the number, given the level, is taken as normal: the exact distribution costs more than it says."""


@dataclass(frozen=True)
class Expectation:
    """The expected number of key accounts, and whole numbers low <= high that hold it in RANGE of the cases or more."""

    mean: float
    low: int
    high: int

    def holds(self, seen: float) -> bool:
        """Say whether a number that came lies in the range."""
        return self.low <= seen <= self.high


def expectation(probability: Floats, low: Floats, high: Floats) -> Expectation:
    """Return the number of key accounts to expect among rows with these probabilities and ranges (RANGE each).

    The level of a half year is common to all rows: their log odds move together by what the ranges say, normally
    distributed; given the level, customers grow independently of each other.
    """
    middle, spread = logit(probability), (logit(high) - logit(low)) / (2 * norm.ppf(0.5 + RANGE / 2))
    nodes, weights = hermegauss(LEVELS)
    counts = np.arange(len(probability) + 1.0)
    below = np.zeros(len(counts))
    for node, weight in zip(nodes, weights / weights.sum(), strict=True):
        below += weight * _at_most(counts, expit(middle + node * spread))
    ends = np.searchsorted(below, [(1 - RANGE) / 2, (1 + RANGE) / 2])
    return Expectation(float(probability.sum()), int(ends[0]), int(min(ends[1], len(probability))))


def _at_most(counts: Floats, probability: Floats) -> Floats:
    """Return the chance of at most so many, of independent rows (Poisson binomial)."""
    if len(probability) > EXACT_ROWS:
        spread = np.sqrt((probability * (1 - probability)).sum())
        likely: Floats = norm.cdf((counts + 0.5 - probability.sum()) / max(spread, 1e-9))
        return likely
    exact = np.ones(1)
    for p in probability:
        exact = np.convolve(exact, [1 - p, p])
    return np.cumsum(exact)
