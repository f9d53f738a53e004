"""What a customer's purchase is worth: the gamma-gamma model.

Fader, Hardie (2013), The Gamma-Gamma Model of Monetary Value, note at brucehardie.com/notes/025. The value of a
purchase is gamma distributed (shape p) around a customer's own mean; its rate is gamma distributed (q, gamma) over
customers. Who bought once is drawn towards all others, who bought often is taken at its own mean.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import betaln, digamma

from smartaccounts.rankers.base import Floats
from smartaccounts.rankers.likelihood import maximum

STARTS = ((1.0, 3.0, 2.0), (5.0, 3.0, 0.5), (0.5, 1.5, 1.0))
"""Where the search begins: p, q, gamma over the mean value. The further are for a search that fails."""


@dataclass(frozen=True)
class GammaGamma:
    """A fitted model; gamma is in money."""

    p: float
    q: float
    gamma: float

    def expected(self, purchases: Floats, mean: Floats) -> Floats:
        """Return the value to expect of a purchase of customers who bought `purchases` (>= 1) times at this mean."""
        value: Floats = self.p * (self.gamma + purchases * mean) / (self.p * purchases + self.q - 1)
        return value


def fit_gamma_gamma(purchases: Floats, mean: Floats, *, prior: float = 0.0) -> GammaGamma:
    """Return the model under which the mean values (above 0, over `purchases` >= 1 each) are likeliest.

    prior: as in likelihood.maximum, over p, q - 1 and gamma over the mean value; 0 for none.
    NotFoundError where the search does not converge or ends at a bound, q = 1 included: without it there is no mean.
    """
    rows, counts = np.unique(np.column_stack([purchases, mean]), axis=0, return_counts=True)
    scale = float(np.average(rows[:, 1], weights=counts))  # of ordered rows: their order as given must not matter
    n, m = rows[:, 0].copy(), rows[:, 1] / scale

    def loss(values: Floats) -> tuple[float, Floats]:
        """By the density of equation 1a of the note; q is 1 + the value that is sought."""
        p, above, gamma = values
        q, shape, total = 1 + above, p * n, gamma + n * m
        each = -betaln(shape, q) + q * np.log(gamma) - np.log(m) + shape * np.log(n * m) - (shape + q) * np.log(total)
        all_of = digamma(shape + q)
        by_p = n * (all_of - digamma(shape) + np.log(n * m) - np.log(total))
        by_q = all_of - digamma(q) + np.log(gamma) - np.log(total)
        by_gamma = q / gamma - (shape + q) / total
        return -float((each * counts).sum()), -(np.stack([by_p, by_q, by_gamma]) * counts).sum(axis=1)

    p, above, gamma = maximum(loss, STARTS, names=("p", "q - 1", "gamma"), total=float(counts.sum()), prior=prior)
    return GammaGamma(p, 1 + above, gamma * scale)
