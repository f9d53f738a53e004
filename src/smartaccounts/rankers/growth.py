"""The growth model: LightGBM and a few curves, pooled over monthly as_of dates, calibrated on eligible rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cached_property

import lightgbm as lgb
import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import NDArray
from sklearn.utils import murmurhash3_32

from smartaccounts.config import Model
from smartaccounts.engine.threads import threads
from smartaccounts.errors import HistoryError
from smartaccounts.panel import Panel
from smartaccounts.rankers.base import Contributions, Floats, Scores
from smartaccounts.rankers.calibration import Calibrator, fit_calibrator, season_came, season_expected, tail
from smartaccounts.rankers.curves import Curves, fit_curves
from smartaccounts.rankers.design import Design, design

MIN_POSITIVES = 10
"""Fewer key accounts among the training rows teach nothing."""

MIN_POSITIVES_CALIBRATION = 20
CUSTOMER_FOLDS = 3
UNCALIBRATED = Calibrator(0.0, 1.0)


@dataclass(frozen=True)
class GrowthModel:
    """A fitted growth model: boosters as text, curves, the columns they expect, and the calibrator.

    The raw score is the boosters' mean raw score and the curves' raw score, weighted 1 - share and share; it is also
    the `score`.
    """

    boosters: tuple[str, ...]
    curves: Curves
    curve_share: float
    columns: tuple[str, ...]
    calibrator: Calibrator
    notes: tuple[str, ...] = ()
    name: str = "growth"

    @cached_property
    def _loaded(self) -> list[lgb.Booster]:
        return [lgb.Booster(model_str=text) for text in self.boosters]

    def score(self, frame: pd.DataFrame) -> Scores:
        """Score rows of a snapshot's frame."""
        raw = self.raw(self._matrix(frame))
        return Scores(raw, self.calibrator.probability(raw, season_expected(frame)))

    def raw(self, matrix: NDArray[np.float32]) -> Floats:
        """Return the raw score of the rows of a design with `columns`."""
        if not len(matrix):
            return np.zeros(0)
        trees = np.mean([b.predict(matrix, raw_score=True, num_threads=threads()) for b in self._loaded], axis=0)
        mixed: Floats = (1 - self.curve_share) * trees + self.curve_share * self.curves.raw(matrix, self.columns)
        return mixed

    def contributions(self, frame: pd.DataFrame) -> Contributions:
        """Return exact TreeSHAP contributions and those of the curves; with the base they add up to the score."""
        matrix = self._matrix(frame)
        if not len(matrix):
            return Contributions(self.columns, np.zeros((0, len(self.columns))), 0.0)
        trees = np.mean([b.predict(matrix, pred_contrib=True, num_threads=threads()) for b in self._loaded], axis=0)
        curves = self.curves.contributions(matrix, self.columns)
        values = (1 - self.curve_share) * trees[:, :-1]
        for i, column in enumerate(curves.names):
            values[:, self.columns.index(column)] += self.curve_share * curves.values[:, i]
        base = (1 - self.curve_share) * float(trees[0, -1]) + self.curve_share * curves.base
        return Contributions(self.columns, values, base)

    def _matrix(self, frame: pd.DataFrame) -> NDArray[np.float32]:
        made = design(frame)
        at = {name: i for i, name in enumerate(made.names)}
        return made.matrix[:, [at[c] for c in self.columns]]


@dataclass(frozen=True)
class Growth:
    """The recipe of the growth model; the knobs are those of the pipeline file's `model`."""

    model: Model = field(default_factory=Model)
    name: str = "growth"

    def fit(self, panel: Panel) -> GrowthModel:
        """Learn from all rows below K that were alive, calibrate on rows that the calibrating fit did not see.

        HistoryError where the panel has fewer than MIN_POSITIVES key accounts among its training rows.
        """
        rows = training_rows(panel)
        check_positives(rows)
        made = _without_empty(design(rows.frame))
        everything = np.ones(len(rows.frame), dtype=bool)
        fitted = self._learn(made, rows, everything, bags=self.model.bags)
        calibrator, note = self._calibrate(made, rows)
        return replace(fitted, calibrator=calibrator, notes=(note, *_short(rows)))

    def order(self, made: Design, rows: Panel) -> GrowthModel:
        """Learn the order alone from `training_rows` and their design: the probabilities are not calibrated."""
        made = _without_empty(made)
        return self._learn(made, rows, np.ones(len(made.matrix), dtype=bool), bags=self.model.bags)

    def _learn(self, made: Design, rows: Panel, mask: NDArray[np.bool_], *, bags: int) -> GrowthModel:
        """Fit bags and curves side by side, each on one thread: as fast as the cores allow, the same on any machine."""
        y = rows.outcome["target"].to_numpy()[mask]
        eligible = rows.snapshot.frame["eligible"].to_numpy(dtype=bool)[mask]
        matrix = made.matrix[mask]

        def boost(bag: int) -> str:
            picked, weight = self._sample(y, eligible, np.random.default_rng([self.model.seed, bag]))
            parameters = self._parameters(made, bag)
            names = list(made.names)
            data = lgb.Dataset(matrix[picked], y[picked], weight=weight, feature_name=names, params=parameters)
            return str(lgb.train(parameters, data, self.model.rounds).model_to_string())

        _check_both_kinds(y, eligible | (self.model.weight_not_eligible > 0))
        boosters = Parallel(n_jobs=threads(), prefer="threads")(delayed(boost)(bag) for bag in range(bags))
        picked, weight = self._sample(y, eligible, np.random.default_rng([self.model.seed, bags]))
        curves = fit_curves(matrix[picked], made.names, y[picked], weight)
        return GrowthModel(tuple(boosters), curves, self.model.curve_share, made.names, UNCALIBRATED)

    def _sample(
        self, y: Floats, eligible: NDArray[np.bool_], rng: np.random.Generator
    ) -> tuple[NDArray[np.intp], Floats]:
        """Keep all positives and, above the cap, a draw of the negatives that is weighted back."""
        weight = np.where(eligible, 1.0, self.model.weight_not_eligible)
        used = np.flatnonzero(weight > 0)
        positive, negative = used[y[used] == 1], used[y[used] == 0]
        wanted = max(self.model.rows_per_bag - len(positive), len(positive))
        if len(negative) > wanted:
            weight[negative] *= len(negative) / wanted
            negative = rng.choice(negative, wanted, replace=False)
        picked = np.sort(np.concatenate([positive, negative]))
        return picked, weight[picked]

    def _parameters(self, made: Design, bag: int) -> dict[str, object]:
        m = self.model
        parameters: dict[str, object] = {
            "objective": "binary",
            "learning_rate": m.learning_rate,
            "num_leaves": m.leaves,
            "min_data_in_leaf": m.min_rows_per_leaf,
            "bagging_fraction": m.row_sample,
            "bagging_freq": 1,
            "feature_fraction": m.column_sample,
            "lambda_l2": m.l2,
            "max_bin": m.bins,
            "seed": m.seed * 1000 + bag,
            "deterministic": True,
            "force_row_wise": True,
            "num_threads": 1,
            "verbosity": -1,
        }
        if m.monotone:
            parameters["monotone_constraints"] = [int(r) for r in made.rises]
        return parameters

    def _calibrate(self, made: Design, rows: Panel) -> tuple[Calibrator, str]:
        """Out of time where a second horizon fits into the training dates, else cross-fitted over customers."""
        eligible = rows.snapshot.frame["eligible"].to_numpy(dtype=bool)
        y = rows.outcome["target"].to_numpy()
        parts, how = _later(rows), "out of time, on the last training dates"
        if parts is None or y[parts[0][1] & eligible].sum() < MIN_POSITIVES_CALIBRATION:
            parts, how = _customer_folds(rows), "cross-fitted over customers: no second horizon fits into the history"
        season, steep = season_came(rows), tail(rows) if self.model.season else 0.0
        raw, truth, seasons = [], [], []
        for learn, hold in parts:
            held = hold & eligible
            fitted = self._learn(made, rows, learn, bags=max(1, self.model.bags // 2))
            raw.append(fitted.raw(made.matrix[held]))
            truth.append(y[held])
            seasons.append(season[held])
        scores, grown = np.concatenate(raw), np.concatenate(truth)
        _check_both_kinds(grown, np.ones(len(grown), dtype=bool))
        note = f"probabilities calibrated {how} ({len(grown):,} eligible rows, {int(grown.sum()):,} key accounts)"
        return fit_calibrator(scores, grown, np.concatenate(seasons), tail=steep), note


def training_rows(panel: Panel) -> Panel:
    """Return the rows below K in the last horizon and alive in 365 days, with a target; eligible or not."""
    frame = panel.snapshot.frame
    return panel.rows(
        panel.outcome["target"].notna() & (frame["spend_h"] < frame["key_spend"]) & (frame["spend_365d"] > 0)
    )


def _short(rows: Panel) -> tuple[str, ...]:
    """Say where returning accounts could not be told from growing ones in training."""
    days = rows.snapshot.frame["history_days"]
    short = float((days < 2 * rows.snapshot.target.horizon_days).mean())
    if short <= 0.5:
        return ()
    said = (
        f"probabilities are likely too high: {short:.0%} of the training rows have less than two horizons of history, "
        "where an account that returns looks like one that grows"
    )
    return (said,)


def check_positives(rows: Panel) -> None:
    """HistoryError where there is nothing to learn from, with what to change."""
    frame = rows.snapshot.frame
    positives = int(rows.outcome["target"].sum())
    if positives < MIN_POSITIVES:
        dates = frame["as_of"].nunique()
        raise HistoryError(
            f"Expected at least {MIN_POSITIVES} customers that grew into key accounts, got {positives} "
            f"in {len(frame):,} training rows of {dates} as_of dates.",
            hint="Use a longer history, a lower target.key_quantile, or target.sustained_months: 1.",
        )


def _check_both_kinds(y: Floats, used: NDArray[np.bool_]) -> None:
    """HistoryError where a part of the rows, learned from or calibrated on, has only key accounts or none.

    The rows of one customer stay together: a few customers may hold all that is to be learned.
    """
    positives, rows = int(y[used].sum()), int(used.sum())
    if not 0 < positives < rows:
        raise HistoryError(
            f"Expected key accounts and others in every part of the training rows, got {positives} key accounts "
            f"in a part of {rows:,} rows.",
            hint="Use a longer history, a lower target.key_quantile, or target.sustained_months: 1.",
        )


def _without_empty(made: Design) -> Design:
    """Leave out columns that are unknown everywhere in training: the model must not depend on what it never saw."""
    known: NDArray[np.bool_] = ~np.all(np.isnan(made.matrix), axis=0)
    names = tuple(n for n, k in zip(made.names, known, strict=True) if k)
    rises = tuple(r for r, k in zip(made.rises, known, strict=True) if k)
    return Design(made.matrix[:, known], names, rises)


Parts = Sequence[tuple[NDArray[np.bool_], NDArray[np.bool_]]]


def _later(rows: Panel) -> Parts | None:
    """Split by time: hold the dates of the last horizon, learn from those whose outcome was over before them.

    None where fewer dates are left to learn from than are held: such a model says little of the one on all dates.
    """
    as_of = rows.snapshot.frame["as_of"]
    horizon = timedelta(days=rows.snapshot.target.horizon_days)
    held = as_of > as_of.max() - horizon
    learn = as_of + horizon <= as_of[held].min()
    positives = rows.outcome["target"][learn].sum()
    if as_of[learn].nunique() < as_of[held].nunique() or positives < MIN_POSITIVES:
        return None
    return [(learn.to_numpy(), held.to_numpy())]


def _customer_folds(rows: Panel) -> Parts:
    """Split by customer: all rows of a customer are held together."""
    frame = rows.snapshot.frame
    keys = (frame["market"] + "\x1f" + frame["customer_id"]).to_numpy(dtype=object)
    codes, unique = pd.factorize(keys)
    fold = np.array([murmurhash3_32(str(k), positive=True) % CUSTOMER_FOLDS for k in unique])[codes]
    return [(fold != f, fold == f) for f in range(CUSTOMER_FOLDS)]
