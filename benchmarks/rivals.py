"""The growth model against tuned XGBoost, CatBoost and scikit-learn's gradient boosting: same panel, folds and rows.

    python -m benchmarks.rivals [--history online_retail] [--rival xgboost] [--trials 12] [--seeds 4] [--hindsight]

Rivals are dropped in with rankers/classifier.Classifier: the same design, every training row, weight 1. Each gets the
best of `--trials` random settings, the first of them its library's own; the growth model keeps its defaults. Settings
are judged by average precision (AP) on nothing but what was over before the first test date: by walking forward over
earlier dates (iowa_suppliers), or, where no earlier date has one to learn from (online_retail), by cross-validation
over customers in the training rows of the first test date. Then all walk forward over the test dates of
docs/measurements.md; a rival's chances are the mean over `--seeds` fits, as the growth model's score is over its bags.
Nothing is calibrated: that would not change the order.

The growth model's defaults were chosen while looking at these test dates (docs/experiments.md), the rivals' settings
are not. `--hindsight` turns that round: it judges settings on the test dates themselves. No fair figure, but a bound:
what the best of the tried settings could have reached.

One row per ranker: mean AP over the test dates, ratio to the growth model with its 90% interval (the same draws of
customers for both), the share of draws in which it is better, CPU seconds of its fits over the test dates.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from benchmarks.recipe import CUT_OFFS
from catboost import CatBoostClassifier
from scipy.stats import loguniform, randint, uniform
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier, VotingClassifier
from sklearn.model_selection import ParameterSampler
from threadpoolctl import threadpool_limits
from xgboost import XGBClassifier

from smartaccounts.config import Model, read_pipeline
from smartaccounts.engine.duckdb import Engine
from smartaccounts.engine.threads import threads
from smartaccounts.evaluation.backtest import BAR
from smartaccounts.evaluation.bootstrap import resample
from smartaccounts.evaluation.metrics import average_precision
from smartaccounts.evaluation.scored import Scored
from smartaccounts.features.snapshot import snapshot
from smartaccounts.orders.read import read
from smartaccounts.panel import Panel, panel
from smartaccounts.rankers.base import Ranker
from smartaccounts.rankers.classifier import Classifier
from smartaccounts.rankers.growth import Growth
from smartaccounts.rankers.plain import BY_PAST_SPEND, PLAIN
from smartaccounts.rankers.training import customer_folds, training_rows
from smartaccounts.target import outcome
from smartaccounts.timeline import Fold, folds

PIPELINES = Path(__file__).parents[1] / "pipelines"
BINS = 63
EARLIER = 3
"""Earlier dates that settings are judged on, every second month."""


@dataclass(frozen=True)
class Rival:
    """A classifier and the settings that a data scientist would try: name -> list or scipy distribution."""

    estimator: Any
    space: Mapping[str, Any]


RIVALS = {
    "xgboost": Rival(
        XGBClassifier(n_jobs=threads(), max_bin=BINS),
        {
            "learning_rate": loguniform(0.01, 0.2),
            "n_estimators": randint(50, 401),
            "max_depth": randint(2, 8),
            "min_child_weight": loguniform(1, 100),
            "subsample": uniform(0.5, 0.5),
            "colsample_bytree": uniform(0.2, 0.8),
            "reg_lambda": loguniform(0.1, 100),
        },
    ),
    "catboost": Rival(
        CatBoostClassifier(thread_count=threads(), border_count=BINS, verbose=False, allow_writing_files=False),
        {
            "learning_rate": loguniform(0.01, 0.2),
            "iterations": randint(50, 401),
            "depth": randint(2, 8),
            "grow_policy": ["SymmetricTree", "Depthwise"],
            "min_data_in_leaf": randint(1, 201),  # counts for Depthwise only
            "bootstrap_type": ["Bernoulli"],
            "subsample": uniform(0.5, 0.5),
            "rsm": uniform(0.2, 0.8),
            "l2_leaf_reg": loguniform(0.1, 100),
        },
    ),
    "hist_gradient_boosting": Rival(
        HistGradientBoostingClassifier(max_bins=BINS, early_stopping=False),  # it would stop by rows, not customers
        {
            "learning_rate": loguniform(0.01, 0.2),
            "max_iter": randint(50, 401),
            "max_leaf_nodes": randint(4, 64),
            "min_samples_leaf": randint(10, 301),
            "max_features": uniform(0.2, 0.8),
            "l2_regularization": loguniform(0.1, 100),
        },
    ),
}


@dataclass(frozen=True)
class History:
    """One history: its monthly rows with their outcomes; the folds of the test dates, and earlier ones to tune on."""

    panel: Panel
    tests: tuple[Fold, ...]
    earlier: tuple[Fold, ...]
    model: Model

    def at(self, fold: Fold) -> tuple[Panel, Panel]:
        """Return what a fold learns from, and the eligible rows of its test date."""
        frame = self.panel.snapshot.frame
        learned = frame["as_of"].isin(pd.to_datetime(pd.Series(fold.train)))
        return self.panel.rows(learned), self.panel.rows(
            (frame["as_of"] == pd.Timestamp(fold.test)) & frame["eligible"]
        )

    def to_tune_on(self, *, hindsight: bool = False) -> tuple[str, list[tuple[Panel, Panel]]]:
        """Say how settings are judged, and return what to learn from with the eligible rows that are held."""
        if hindsight:
            return "the test dates themselves, in hindsight", [self.at(fold) for fold in self.tests]
        if self.earlier:
            said = ", ".join(str(fold.test) for fold in self.earlier)
            return f"walk-forward over {said}", [self.at(fold) for fold in self.earlier]
        rows = training_rows(self.at(self.tests[0])[0])
        parts = [
            (rows.rows(pd.Series(seen)), rows.rows(pd.Series(held) & rows.snapshot.frame["eligible"]))
            for seen, held in customer_folds(rows)
        ]
        return f"cross-validation over customers in the training rows of {self.tests[0].test}", parts


def read_history(name: str) -> History:
    """Read a history and make its panel, once for all dates (every line of it is known on its day)."""
    pipeline = read_pipeline(PIPELINES / f"{name}.yaml")
    days, most = pipeline.target.horizon_days, pipeline.model.training_dates
    with Engine() as engine:
        lines = read(pipeline, engine)
        first = lines.first_known(min(CUT_OFFS[name]))
        tests = folds(CUT_OFFS[name], first_day=first, horizon_days=days, most=most)
        dates = sorted({d for fold in tests for d in (*fold.train, fold.test)})
        made = panel(snapshot(lines, dates, pipeline.target), outcome(lines, dates, horizon_days=days), dates)
    over = [d for d in dates if d + timedelta(days=days) <= tests[0].test]
    earlier = [f for f in folds(over, first_day=first, horizon_days=days, most=most) if f.train]
    return History(made, tests, tuple(earlier[::-2][:EARLIER]), pipeline.model)


def tuned(rival: Rival, parts: Sequence[tuple[Panel, Panel]], trials: int) -> dict[str, Any]:
    """Return the settings with the highest mean AP over `parts`; the library's own are the first trial."""
    ranker = Classifier(rival.estimator, calibrate=False)
    tried = [{}, *ParameterSampler(rival.space, trials - 1, random_state=0)]

    def mean(settings: dict[str, Any]) -> float:
        fresh = clone(ranker).set_params(**{f"estimator__{k}": v for k, v in settings.items()})
        scores = [
            average_precision(held.outcome["target"], fresh.fit(learned).score(held.snapshot.frame).score).value
            for learned, held in parts
        ]
        return float(np.mean(scores))

    return max(tried, key=mean)


def seeded(estimator: Any, seeds: int) -> Any:
    """Return a classifier whose chances are the mean of the same one with several seeds."""
    alike = [(str(seed), clone(estimator).set_params(random_state=seed)) for seed in range(seeds)]
    return VotingClassifier(alike, voting="soft")


def walk(history: History, ranker: Ranker) -> list[Scored]:
    """Fit a ranker for every test date and score it."""
    frame = history.panel.snapshot.frame
    customers = frame.groupby(["market", "customer_id"]).ngroup()
    lists = []
    for fold in history.tests:
        learned, held = history.at(fold)
        codes = customers[(frame["as_of"] == pd.Timestamp(fold.test)) & frame["eligible"]].to_numpy()
        score = ranker.fit(learned).score(held.snapshot.frame).score
        lists.append(Scored(codes, held.outcome["target"].to_numpy(dtype=np.int64), score))
    return lists


def compared(history: History, ranker: Ranker, growth: Sequence[Scored]) -> str:
    """Return what is said of a ranker over the test dates, against the growth model's lists."""
    start = time.process_time()
    lists = walk(history, ranker)
    seconds = time.process_time() - start
    measured = resample({ranker.name: lists, "the growth model": growth}, [BAR])
    against = measured.compare(ranker.name, "the growth model", BAR)
    return (
        f"{ranker.name:23} AP {measured.mean(ranker.name, BAR).value:.4f}  {against.ratio.value:.2f} x growth "
        f"({against.ratio.low:.2f} to {against.ratio.high:.2f}), better in {against.better_share:4.0%} of draws"
        f"  {seconds:5.0f} s"
    )


def main() -> None:
    """Print one row per history and ranker."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--history", choices=[*CUT_OFFS], action="append")
    parser.add_argument("--rival", choices=[*RIVALS], action="append")
    parser.add_argument("--trials", type=int, default=12, help="settings per rival, the library's own among them")
    parser.add_argument("--seeds", type=int, default=4, help="fits of a rival whose mean is its score")
    parser.add_argument("--hindsight", action="store_true", help="judge settings on the test dates: a bound")
    asked = parser.parse_args()
    for name in asked.history or CUT_OFFS:
        history = read_history(name)
        how, parts = history.to_tune_on(hindsight=asked.hindsight)
        print(f"{name}: {len(history.tests)} test dates; settings judged by {how}", flush=True)
        growth = walk(history, Growth(history.model))
        for plain in BY_PAST_SPEND:
            print(f"{name:15} {compared(history, PLAIN[plain], growth)}", flush=True)
        ap = np.mean([average_precision(scored.y, scored.score).value for scored in growth])
        print(f"{name:15} {'growth':23} AP {ap:.4f}", flush=True)
        for rival in asked.rival or RIVALS:
            start = time.process_time()
            settings = tuned(RIVALS[rival], parts, asked.trials)
            said = " ".join(f"{k}={v:.3g}" if isinstance(v, float) else f"{k}={v}" for k, v in settings.items())
            print(f"  {rival}: {said or 'its own'} ({time.process_time() - start:.0f} s)", flush=True)
            estimator = seeded(clone(RIVALS[rival].estimator).set_params(**settings), asked.seeds)
            print(f"{name:15} {compared(history, Classifier(estimator, rival, calibrate=False), growth)}", flush=True)


if __name__ == "__main__":
    with threadpool_limits(threads()):
        main()
