"""A logistic regression on a few columns, each bent by a curve of straight pieces between quantiles.

With few positives such a model ranks better than trees; with many, the mean of both beats either.
Each curve can be drawn, and its values add up to the raw score.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from smartaccounts.rankers.base import Contributions, Floats

KNOTS = 6
INVERSE_L2 = 0.1
"""scikit-learn's C: the smaller, the flatter the curves."""


def _same(values: Floats) -> Floats:
    return values


def _log(values: Floats) -> Floats:
    logs: Floats = np.log1p(np.maximum(values, 0))
    return logs


CORE: dict[str, Callable[[Floats], Floats]] = {
    "spend_30d": _same,
    "spend_91d": _same,
    "spend_182d": _same,
    "spend_365d": _same,
    "spend_decay_60d": _same,
    "spend_decay_180d": _same,
    "spend_decay_365d": _same,
    "rate_decay_30d": _same,
    "rate_decay_60d": _same,
    "rate_decay_180d": _same,
    "orders_91d": _log,
    "orders_365d": _log,
    "recency_days": _log,
    "tenure_days": _log,
    "products_365d": _log,
    "half_year_best": _same,
    "block_second": _same,
    "order_largest_365d": _same,
    "affinity_365d": _same,
    "quantity_position_mean_365d": _same,
    "small_to_key": _same,
    "rank_elsewhere_365d": _same,
    "size_elsewhere_365d": _log,
    "size_elsewhere_91d": _log,
}
"""The columns of the design that get a curve, and what is done to them before (their order matters not)."""


@dataclass(frozen=True)
class Curve:
    """One column's part of the raw score: straight lines between (knots, values), flat beyond; `unknown` for NaN.

    mean: its mean over the training rows, so that contributions tell a customer from the usual one.
    """

    column: str
    knots: tuple[float, ...]
    values: tuple[float, ...]
    unknown: float
    mean: float

    def at(self, column: Floats) -> Floats:
        """Return the part of the raw score of each row."""
        x = CORE[self.column](column)
        part: Floats = np.where(np.isnan(x), self.unknown, np.interp(x, self.knots, self.values))
        return part


@dataclass(frozen=True)
class Curves:
    """The fitted curves; raw score = intercept + the sum of all curves."""

    intercept: float
    curves: tuple[Curve, ...]

    def raw(self, matrix: NDArray[np.float32], names: tuple[str, ...]) -> Floats:
        """Return the raw score of each row of a design."""
        made = self.contributions(matrix, names)
        raw: Floats = made.base + made.values.sum(axis=1)
        return raw

    def contributions(self, matrix: NDArray[np.float32], names: tuple[str, ...]) -> Contributions:
        """Return each curve's part less its mean; the base takes the means."""
        parts = [c.at(matrix[:, names.index(c.column)].astype(np.float64)) - c.mean for c in self.curves]
        base = self.intercept + sum(c.mean for c in self.curves)
        values = np.column_stack(parts) if parts else np.zeros((len(matrix), 0))
        return Contributions(tuple(c.column for c in self.curves), values, base)


NO_CURVES = Curves(0.0, ())
"""They say nothing of any row."""


def fit_curves(matrix: NDArray[np.float32], names: tuple[str, ...], y: Floats, weight: Floats) -> Curves:
    """Fit the curves of the CORE columns among `names`; rows x names, y 0 or 1, weight per row."""
    columns = {c: CORE[c](matrix[:, names.index(c)].astype(np.float64)) for c in CORE if c in names}
    knots = {c: _knots(x) for c, x in columns.items()}
    splits = np.cumsum([len(at) + 1 for at in knots.values()])
    basis = np.empty((len(y), splits[-1]))
    for hats, (c, x) in zip(np.split(basis, splits[:-1], axis=1), columns.items(), strict=True):
        hats[:] = _hats(x, knots[c])
    del columns
    learner = LogisticRegression(C=INVERSE_L2, solver="newton-cholesky", max_iter=200)
    with threadpool_limits(1):  # sums of a parallel BLAS depend on the number of cores
        fitted = learner.fit(basis, y, sample_weight=weight)
    parts, hats_of = np.split(fitted.coef_[0], splits[:-1]), np.split(basis, splits[:-1], axis=1)
    curves = []
    for (column, at), part, hats in zip(knots.items(), parts, hats_of, strict=True):
        mean = float(np.average((hats * part).sum(axis=1), weights=weight))
        curves.append(Curve(column, tuple(at.tolist()), tuple(part[:-1].tolist()), float(part[-1]), mean))
    return Curves(float(fitted.intercept_[0]), tuple(curves))


def _knots(x: Floats) -> Floats:
    """Quantiles of the known values, each once; two at least, wherever they are when nothing is known."""
    known = x[~np.isnan(x)]
    found: Floats = np.unique(np.quantile(known, np.linspace(0, 1, KNOTS))) if len(known) else np.zeros(1)
    return found if len(found) > 1 else np.array([found[0], found[0] + 1])


def _hats(x: Floats, knots: Floats) -> Floats:
    """One column per knot: 1 at it, 0 at its neighbours, straight between; the last column is 1 where x is unknown."""
    unknown = np.isnan(x)
    inside = np.where(unknown, knots[0], x)
    hats = [np.interp(inside, knots, row) for row in np.eye(len(knots))]
    return np.column_stack([*(np.where(unknown, 0.0, h) for h in hats), unknown.astype(float)])
