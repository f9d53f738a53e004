"""A logistic regression on ten logs: what every model with more columns has to beat."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from smartaccounts.config import Model
from smartaccounts.panel import Panel
from smartaccounts.rankers.base import Contributions, Floats, Note, Scores
from smartaccounts.rankers.calibration import UNCALIBRATED, Calibrator, calibrated_scores
from smartaccounts.rankers.design import level
from smartaccounts.rankers.training import (
    Mask,
    calibrated_on_held,
    check_both_kinds,
    check_positives,
    short_history,
    training_rows,
)

INVERSE_L2 = 0.1
"""scikit-learn's C, for standardised columns."""

STILL = 1e-9
"""A column that spreads less over the training rows, but for rounding, never changes: it gets no say."""


def _level(column: str) -> Callable[[pd.DataFrame], Floats]:
    return lambda frame: level(frame[column].to_numpy(dtype=float), frame["key_spend"].to_numpy(dtype=float))


def _log(column: str) -> Callable[[pd.DataFrame], Floats]:
    def logs(frame: pd.DataFrame) -> Floats:
        made: Floats = np.log1p(frame[column].to_numpy(dtype=float))
        return made

    return logs


COLUMNS: dict[str, Callable[[pd.DataFrame], Floats]] = {
    **{c: _level(c) for c in ("spend_30d", "spend_91d", "spend_182d", "spend_365d")},
    **{c: _level(c) for c in ("spend_decay_60d", "spend_decay_180d", "spend_decay_365d")},
    **{c: _log(c) for c in ("orders_365d", "recency_days", "tenure_days")},
}
"""The features, and how each is made of a snapshot's frame: money over K as in design.level, counts by log(1 + x)."""


@dataclass(frozen=True)
class LogisticModel:
    """raw score = intercept + sum of coefficient x (value - mean), by column; unknown values count as the median.

    The raw score is also the `score`.
    """

    intercept: float
    coefficients: tuple[float, ...]
    means: tuple[float, ...]
    medians: tuple[float, ...]
    calibrator: Calibrator = UNCALIBRATED
    notes: tuple[Note, ...] = ()
    name: str = "logistic"

    def score(self, frame: pd.DataFrame) -> Scores:
        """Score rows of a snapshot's frame."""
        raw = self.raw(matrix(frame))
        return calibrated_scores(self.calibrator, raw, raw, frame)

    def raw(self, values: Floats) -> Floats:
        """Return the raw score of rows x COLUMNS."""
        raw: Floats = self.intercept + self._parts(values).sum(axis=1)
        return raw

    def contributions(self, frame: pd.DataFrame) -> Contributions:
        """Return what each column adds, against its mean over the training rows."""
        return Contributions(tuple(COLUMNS), self._parts(matrix(frame)), self.intercept)

    def _parts(self, values: Floats) -> Floats:
        known = np.where(np.isnan(values), self.medians, values)
        parts: Floats = (known - np.array(self.means)) * np.array(self.coefficients)
        return parts


@dataclass(frozen=True)
class Logistic:
    """The recipe; of the pipeline file's `model` it heeds weight_not_eligible and season."""

    model: Model = field(default_factory=Model)
    name: str = "logistic"

    def fit(self, panel: Panel) -> LogisticModel:
        """Learn from the rows that the growth model learns from, calibrated as it is.

        HistoryError where the panel has too few key accounts among its training rows.
        """
        rows = training_rows(panel)
        check_positives(rows)
        values = np.concatenate([matrix(piece) for piece in rows.snapshot.pieces()])
        fitted = self._learn(values, rows, np.ones(len(values), dtype=bool))
        calibrator, notes = calibrated_on_held(
            rows, lambda seen, held: self._learn(values, rows, seen).raw(values[held]), season=self.model.season
        )
        return replace(fitted, calibrator=calibrator, notes=(*notes, *short_history(rows)))

    def _learn(self, values: Floats, rows: Panel, mask: Mask) -> LogisticModel:
        y = rows.outcome["target"].to_numpy()[mask]
        weight = np.where(rows.snapshot.column("eligible").to_numpy(dtype=bool), 1.0, self.model.weight_not_eligible)
        weight = weight[mask]
        check_both_kinds(y, weight > 0)
        seen = values[mask]
        medians = pd.DataFrame(seen).median().fillna(0.0).to_numpy()
        seen = np.where(np.isnan(seen), medians, seen)
        means, spread = seen.mean(axis=0), seen.std(axis=0)
        spread = np.where(spread > STILL, spread, np.inf)
        learner = LogisticRegression(C=INVERSE_L2, solver="newton-cholesky", max_iter=200)
        with threadpool_limits(1):  # sums of a parallel BLAS depend on the number of cores
            found = learner.fit((seen - means) / spread, y, sample_weight=weight)
        coefficients = found.coef_[0] / spread
        return LogisticModel(
            float(found.intercept_[0]), tuple(coefficients.tolist()), tuple(means.tolist()), tuple(medians.tolist()),
            name=self.name,
        )  # fmt: skip


def matrix(frame: pd.DataFrame) -> Floats:
    """Return rows x COLUMNS; NaN is unknown."""
    return np.column_stack([made(frame) for made in COLUMNS.values()])
