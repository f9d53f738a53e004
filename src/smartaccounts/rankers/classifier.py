"""Any classifier of scikit-learn's kind as a ranker: with the rows, design and calibration of the growth model."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import KW_ONLY, dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import logit
from sklearn.base import BaseEstimator, clone
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import has_fit_parameter

from smartaccounts.engine.threads import foreign_threads
from smartaccounts.errors import PipelineError
from smartaccounts.features.extra import Extra
from smartaccounts.panel import Panel
from smartaccounts.rankers.base import Contributions, Floats, Note, PredictProba, Scores
from smartaccounts.rankers.calibration import Calibrator, calibrated_scores
from smartaccounts.rankers.design import Design, design, designed, without_empty
from smartaccounts.rankers.training import (
    Mask,
    calibrated_on_held,
    check_both_kinds,
    check_positives,
    short_history,
    training_rows,
)

LEAST = 1e-6
"""Chances nearer to 0 or 1 are all the same: their log odds would outweigh every other row when calibrated."""


@dataclass(frozen=True, eq=False)
class ClassifierModel(PredictProba):
    """A fitted classifier, the columns of the design that it expects, and its calibrator (None: not calibrated).

    The `score` is the raw score: the log odds of the classifier's own predict_proba.
    """

    estimator: Any
    columns: tuple[str, ...]
    calibrator: Calibrator | None
    notes: tuple[Note, ...]
    name: str
    extra: tuple[Extra, ...] = ()

    def score(self, frame: pd.DataFrame) -> Scores:
        """Score rows of a snapshot's frame; PipelineError where the estimator cannot."""
        raw = _raw(self.estimator, _table(design(frame, self.extra), self.columns))
        if self.calibrator is None:
            return Scores(raw)
        return calibrated_scores(self.calibrator, raw, raw, frame)

    def contributions(self, frame: pd.DataFrame) -> Contributions:
        """Return one term, the score itself: nothing exact is known of what a column adds in just any classifier."""
        return Contributions((self.name,), self.score(frame).score[:, None], 0.0)


@dataclass(eq=False, repr=False)
class Classifier(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A ranker around a classifier with `fit(X, y)` and `predict_proba`: scikit-learn's own, XGBoost, CatBoost.

        Classifier(HistGradientBoostingClassifier(max_leaf_nodes=10), name="hgb")
        Classifier(CatBoostClassifier(verbose=False, allow_writing_files=False), name="catboost")
        Classifier(make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression()), name="logistic")

    X is the design of training_rows as a table of float32 columns by name (those that are unknown everywhere left out),
    y is 0 or 1. Unknown is NaN: an estimator that takes none goes into a Pipeline with an imputer, as above. It is
    cloned for every fit and never changed; what it leaves to chance (random_state None) starts from `seed`.

    weight_not_eligible: weight of the training rows that are not eligible, 0 to 1; where all weigh the same no
    sample_weight is given, so that estimators without it can be used. season: probabilities follow last year's season.
    calibrate: without, scores have no probability or range and nothing is fitted twice: enough where only the order
    counts.

    Of scikit-learn's conventions it keeps those of a meta-estimator: get_params, set_params (`estimator__max_depth=3`)
    and clone, for a search over settings. `fit` takes a panel in place of X and y and returns the fitted model, which
    has predict_proba(frame), in place of itself.
    """

    estimator: Any
    name: str = "classifier"
    _: KW_ONLY
    weight_not_eligible: float = 1.0
    season: bool = True
    calibrate: bool = True
    seed: int = 0

    def fit(self, panel: Panel) -> ClassifierModel:
        """Learn from all rows below K that were alive, calibrate on rows that the calibrating fit did not see.

        HistoryError where the panel has too few key accounts among its training rows; PipelineError where the
        estimator is no such classifier, cannot weigh rows where it must, or fails on the data.
        """
        self._check()
        rows = training_rows(panel)
        check_positives(rows)
        made = without_empty(designed(rows.snapshot))
        estimator = self._learn(made, rows, np.ones(len(made.matrix), dtype=bool))
        notes = short_history(rows)
        if not self.calibrate:
            return ClassifierModel(estimator, made.names, None, notes, self.name, rows.snapshot.extra)

        def learn(seen: Mask, held: Mask) -> Floats:
            return _raw(self._learn(made, rows, seen), _table(made, made.names, held))

        calibrator, how = calibrated_on_held(rows, learn, season=self.season)
        return ClassifierModel(estimator, made.names, calibrator, (*how, *notes), self.name, rows.snapshot.extra)

    def _learn(self, made: Design, rows: Panel, mask: Mask) -> Any:
        """Return a clone that has learned from the rows of `mask` that weigh something."""
        eligible = rows.snapshot.column("eligible").to_numpy(dtype=bool)
        used = mask & (eligible | (self.weight_not_eligible > 0))
        y = rows.outcome["target"].to_numpy()
        check_both_kinds(y, used)
        estimator = _seeded(self.estimator, self.seed)
        weights = _weights(estimator, np.where(eligible[used], 1.0, self.weight_not_eligible))
        table = _table(made, made.names, used)
        with foreign_threads(), _failure_told(estimator, "fit", table):
            estimator.fit(table, y[used].astype(np.int64), **weights)
        return estimator

    def _check(self) -> None:
        if not 0 <= self.weight_not_eligible <= 1:
            raise PipelineError(
                f"Expected a weight from 0 to 1, got {self.weight_not_eligible} in weight_not_eligible of {self.name}."
            )
        lacks = [n for n in ("get_params", "fit", "predict_proba") if not hasattr(self.estimator, n)]
        if lacks or isinstance(self.estimator, type):
            got = f"the class {self.estimator.__name__}" if isinstance(self.estimator, type) else repr(self.estimator)
            raise PipelineError(
                f"Expected a classifier with get_params, fit and predict_proba, got {got}"
                f"{' without ' + ', '.join(lacks) if lacks else ''} in estimator of {self.name}.",
                hint="Give an instance, as HistGradientBoostingClassifier(); "
                "a CalibratedClassifierCV around a classifier without predict_proba gives it one.",
            )


def _table(made: Design, columns: tuple[str, ...], rows: Mask | None = None) -> pd.DataFrame:
    """Return columns of a design by name, so that an estimator can be told of one (monotone constraints, encoders)."""
    matrix = made.of(columns)
    return pd.DataFrame(matrix if rows is None or rows.all() else matrix[rows], columns=list(columns))


def _seeded(estimator: Any, seed: int) -> Any:
    """Return a clone in which everything that draws at random has a seed."""
    fresh = clone(estimator)
    unset = {k: seed for k, v in fresh.get_params().items() if k.split("__")[-1] == "random_state" and v is None}
    return fresh.set_params(**unset)


def _weights(estimator: Any, weight: Floats) -> dict[str, Floats]:
    """Return the argument of `fit` that weighs rows: that of a Pipeline's last step; none where all weigh the same."""
    if (weight == weight[0]).all():
        return {}
    last, prefix = estimator, ""
    while isinstance(last, Pipeline):
        step, last = last.steps[-1]
        prefix += f"{step}__"
    if not has_fit_parameter(last, "sample_weight"):
        raise PipelineError(
            f"Expected an estimator whose fit takes sample_weight, got {type(last).__name__}.",
            hint="Set weight_not_eligible to 1 (all training rows alike) or 0 (eligible rows only).",
        )
    return {f"{prefix}sample_weight": weight}


def _raw(estimator: Any, table: pd.DataFrame) -> Floats:
    """Return the log odds of the second class."""
    if not len(table):
        return np.zeros(0)
    with foreign_threads(), _failure_told(estimator, "predict_proba", table):
        chances = np.asarray(estimator.predict_proba(table), dtype=np.float64)
    if chances.shape != (len(table), 2) or not np.isfinite(chances).all():
        raise PipelineError(
            f"Expected {len(table)} x 2 finite chances, got shape {chances.shape} "
            f"with {int((~np.isfinite(chances)).sum())} not finite in predict_proba of {type(estimator).__name__}."
        )
    raw: Floats = logit(np.clip(chances[:, 1], LEAST, 1 - LEAST))
    return raw


@contextmanager
def _failure_told(estimator: Any, method: str, table: pd.DataFrame) -> Iterator[None]:
    """Turn whatever a foreign library raises into one error that says what it was given."""
    try:
        yield
    except Exception as error:  # every library has errors of its own
        said = (str(error).strip().splitlines() or [""])[0].rstrip(".")
        unknown = int(table.isna().any().sum())
        blank = unknown > 0 and ("nan" in said.lower() or "missing" in said.lower())
        raise PipelineError(
            f"Expected an estimator that can {method} {len(table):,} rows x {table.shape[1]} columns "
            f"({unknown} with NaN), got {type(error).__name__}: {said} in {type(estimator).__name__}.",
            hint="Put it into a scikit-learn Pipeline behind a SimpleImputer."
            if blank
            else "Change the settings of the estimator, or call it on such a table by itself.",
        ) from error
