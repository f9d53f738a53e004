"""How many key accounts to expect in a list: the sum of its probabilities, and the range of the number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.polynomial.hermite_e import hermegauss
from scipy.special import expit, logit
from scipy.stats import norm

from smartaccounts.evaluation.backtest import Backtest
from smartaccounts.evaluation.metrics import Floats
from smartaccounts.rankers.calibration import RANGE

LEVELS = 21
STEPS = 4
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
    nodes, weights = hermegauss(LEVELS)
    weights = weights / weights.sum()
    middle, spread = common_level(probability, low, high)
    counts = np.arange(len(probability) + 1.0)
    below = np.zeros(len(counts))
    for node, weight in zip(nodes, weights, strict=True):
        below += weight * _at_most(counts, expit(middle + node * spread))
    ends = np.searchsorted(below, [(1 - RANGE) / 2, (1 + RANGE) / 2])
    return Expectation(float(probability.sum()), int(ends[0]), int(min(ends[1], len(probability))))


def common_level(probability: Floats, low: Floats, high: Floats) -> tuple[Floats, Floats]:
    """Return middle and spread: at a level z (standard normal) the probabilities are expit(middle + z * spread).

    Their mean over the levels is `probability`: half a level up adds more than one down takes away.
    """
    nodes, weights = hermegauss(LEVELS)
    weights = weights / weights.sum()
    middle, spread = logit(probability), (logit(high) - logit(low)) / (2 * norm.ppf(0.5 + RANGE / 2))
    for _ in range(STEPS):
        mean = sum(w * expit(middle + n * spread) for n, w in zip(nodes, weights, strict=True))
        middle = middle + logit(probability) - logit(np.clip(mean, 1e-12, 1 - 1e-12))
    return middle, spread


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


@dataclass(frozen=True)
class Stated:
    """What was expected of a list at one past date, and how many key accounts came: of all eligible, of the first k."""

    as_of: date
    everybody: Expectation
    came: int
    first: Expectation
    came_first: int


def stated(result: Backtest) -> Mapping[str, tuple[Stated, ...]]:
    """Return, per ranker with ranges, what it stated at the judged dates and what came; k is the list's capacity."""
    found: dict[str, list[Stated]] = {}
    for tested in result.judged:
        y = tested.rows["target"].to_numpy()
        for ranker, scores in tested.scores.items():
            if scores.probability is None or scores.low is None or scores.high is None:
                continue
            top = np.argsort(-scores.score, kind="stable")[: result.capacity]
            everybody = expectation(scores.probability, scores.low, scores.high)
            first = expectation(scores.probability[top], scores.low[top], scores.high[top])
            said = Stated(tested.fold.test, everybody, int(y.sum()), first, int(y[top].sum()))
            found.setdefault(ranker, []).append(said)
    return {ranker: tuple(said) for ranker, said in found.items()}
