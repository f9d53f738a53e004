"""How often customers buy until they stop: the BG/NBD model.

Fader, Hardie, Lee (2005), "Counting Your Customers" the Easy Way: An Alternative to the Pareto/NBD Model, Marketing
Science 24(2). While alive, a customer buys at its own rate, which is gamma distributed over customers (r, alpha); after
each purchase it stops for good with its own probability, which is beta distributed (a, b).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import betaln, digamma, expit, gammaln, hyp2f1

from smartaccounts.rankers.base import Floats
from smartaccounts.rankers.likelihood import maximum

STARTS = ((1.0, 1.0, 1.0, 1.0), (0.3, 0.3, 0.5, 3.0), (3.0, 0.3, 0.1, 10.0))
"""Where the search begins: r, alpha over the mean of T, a, b. The further are for a search that fails."""

OFF = 1e-6
"""Two ratios of the expectation are 0 / 0 at one point each; nearer than this, the point beside it is taken."""


@dataclass(frozen=True)
class Histories:
    """Purchases of customers, one entry each: x repeat purchases, the last at age t_x, seen until age T.

    Ages count from the first purchase, in any unit of time; x >= 0, 0 <= t_x <= T (t_x is 0 where x is), T > 0.
    """

    x: Floats
    t_x: Floats
    T: Floats

    def distinct(self) -> tuple[Histories, Floats]:
        """Return each different history once, ascending, and how many customers have it."""
        rows, counts = np.unique(np.column_stack([self.x, self.t_x, self.T]), axis=0, return_counts=True)
        return Histories(*np.ascontiguousarray(rows.T)), counts.astype(np.float64)


@dataclass(frozen=True)
class BgNbd:
    """A fitted model: purchase rates are Gamma(r, rate alpha) in the unit of T, stopping probabilities Beta(a, b)."""

    r: float
    alpha: float
    a: float
    b: float

    def log_likelihood(self, seen: Histories, weights: Floats | float = 1.0) -> float:
        """Return the log-likelihood of the histories, summed with weights."""
        return float((_terms(np.array([self.r, self.alpha, self.a, self.b]), seen)[0] * weights).sum())

    def alive(self, seen: Histories) -> Floats:
        """Return the probability that each customer has not stopped; 1 without a repeat purchase."""
        stopped = (
            np.log(self.a)
            - np.log(self.b + np.maximum(seen.x, 1) - 1)
            + (self.r + seen.x) * np.log((self.alpha + seen.T) / (self.alpha + seen.t_x))
        )
        probability: Floats = np.where(seen.x > 0, expit(-stopped), 1.0)
        return probability

    def expected(self, seen: Histories, ahead: float) -> Floats:
        """Return how many purchases to expect in the time `ahead` (same unit) from T on.

        Equation 10 of the paper. Its hypergeometric function is taken after Euler's transformation, which leaves x in
        one parameter only: the series then converges fast however often a customer bought.
        """
        a = self.a if abs(self.a - 1) > OFF else 1 + OFF
        c = a + self.b + seen.x - 1
        c = np.where(np.abs(c) > OFF, c, OFF)
        z = ahead / (self.alpha + seen.T + ahead)
        left = hyp2f1(a + self.b - 1 - self.r, a - 1, c, z) * (1 - z) ** (a - 1)
        count: Floats = c / (a - 1) * (1 - left) * self.alive(seen)
        return np.maximum(count, 0.0)


def fit_bgnbd(seen: Histories, *, prior: float = 0.0) -> BgNbd:
    """Return the model under which the histories are likeliest.

    prior: as in likelihood.maximum, over r, alpha over the mean of T, a and b; 0 for none.
    NotFoundError where the search does not converge or ends at a bound.
    """
    rows, counts = seen.distinct()
    scale = float(np.average(rows.T, weights=counts))  # of ordered rows: their order as given must not matter
    rows = Histories(rows.x, rows.t_x / scale, rows.T / scale)

    def loss(values: Floats) -> tuple[float, Floats]:
        each, slopes = _terms(values, rows)
        return -float((each * counts).sum()), -(slopes * counts).sum(axis=1)

    r, alpha, a, b = maximum(loss, STARTS, names=("r", "alpha", "a", "b"), total=float(counts.sum()), prior=prior)
    return BgNbd(r, alpha * scale, a, b)


def _terms(values: Floats, seen: Histories) -> tuple[Floats, Floats]:
    """Return each history's log-likelihood, and its derivatives by r, alpha, a and b (4 x histories)."""
    r, alpha, a, b = values
    x, repeats = seen.x, seen.x > 0
    log_seen, log_last = np.log(alpha + seen.T), np.log(alpha + seen.t_x)
    after = b + np.maximum(x, 1) - 1
    alive = -(r + x) * log_seen
    stopped = np.where(repeats, np.log(a) - np.log(after) - (r + x) * log_last, -np.inf)
    both = np.logaddexp(alive, stopped)
    each = gammaln(r + x) - gammaln(r) + r * np.log(alpha) + betaln(a, b + x) - betaln(a, b) + both
    share = np.exp(stopped - both)  # of the ways in which the history can have come about: those in which it stopped
    left = digamma(a + b) - digamma(a + b + x)
    by_r = digamma(r + x) - digamma(r) + np.log(alpha) - (1 - share) * log_seen - share * log_last
    by_alpha = r / alpha - (r + x) * ((1 - share) / (alpha + seen.T) + share / (alpha + seen.t_x))
    by_a = left + share / a
    by_b = left + digamma(b + x) - digamma(b) - share / after
    return each, np.stack([by_r, by_alpha, by_a, by_b])
