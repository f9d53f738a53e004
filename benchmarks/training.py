"""Training against LightGBM's defaults on the same panel: CPU seconds and average precision on both real histories.

    python -m benchmarks.training [--history online_retail] [--as-of D ...] [--repeats 3] [--way NAME ...]

Every way gets the same panel and is measured from there to a fitted model, on one thread, the ways by turns; the
seconds are the median over the repeats, summed over the dates. Average precision (AP) is that of the eligible
customers of the test date, the mean over the dates: by default those that `benchmarks/recipe.py` judges on.

LightGBM's defaults, XGBoost's and CatBoost's: their own settings (100, 100 and 1,000 rounds) on the training rows and
the design at K. The recipe: the pipeline file's settings with probabilities. The order: the same without. The
variants are one bag of it. `same rows, same rounds` is one bag of 100 rounds at K alone with every row and without
curves: nothing but the settings differs from LightGBM's defaults.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from statistics import median
from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd
from benchmarks.rivals import CUT_OFFS, read_history
from catboost import CatBoostClassifier
from xgboost import XGBClassifier

from smartaccounts.config import Model
from smartaccounts.evaluation.metrics import average_precision
from smartaccounts.panel import Panel
from smartaccounts.rankers.base import Fitted, Ranker, Scores
from smartaccounts.rankers.classifier import Classifier
from smartaccounts.rankers.design import Design, design, designed
from smartaccounts.rankers.growth import Growth
from smartaccounts.rankers.training import training_rows

CAT = {"thread_count": 1, "verbose": False, "allow_writing_files": False}
ALIKE = {"bags": 1, "rounds": 100, "key_levels": (), "curve_strength": 0.0, "rows_per_bag": 10**9}
QUANTIZED = {"use_quantized_grad": True, "monotone_constraints": None}
BY_NODE = {"feature_fraction": 1.0, "feature_fraction_bynode": 0.3}


@dataclass(frozen=True)
class Default:
    """LightGBM as it comes: 100 rounds of 31 leaves, 255 bins, on the training rows at K."""

    name: str = "LightGBM's defaults"

    def fit(self, panel: Panel) -> Fitted:
        """Learn from the rows that the growth model learns from."""
        rows = training_rows(panel)
        data = lgb.Dataset(designed(rows.snapshot).matrix, rows.outcome["target"].to_numpy())
        return Trees(lgb.train({"objective": "binary", "num_threads": 1, "verbosity": -1}, data))


@dataclass(frozen=True)
class Trees:
    """A booster as it was trained."""

    booster: lgb.Booster
    name: str = "LightGBM's defaults"
    notes: tuple[()] = ()

    def score(self, frame: pd.DataFrame) -> Scores:
        """Score rows of a snapshot's frame."""
        return Scores(np.asarray(self.booster.predict(design(frame).matrix, raw_score=True, num_threads=1)))


@dataclass(frozen=True)
class Varied(Growth):
    """The growth model with other parameters of LightGBM; None takes one away."""

    more: Mapping[str, object] = field(default_factory=dict)

    def _parameters(self, made: Design, bag: int) -> dict[str, object]:
        return {k: v for k, v in (super()._parameters(made, bag) | self.more).items() if v is not None}


def one_bag(more: Mapping[str, object] | None = None, **settings: Any) -> Callable[[Model], Ranker]:
    """Return one bag of the recipe, the order alone, with other settings and parameters."""
    return lambda model: Varied(
        model.model_copy(update={"bags": 1} | settings), calibrate=False, more={} if more is None else more
    )


WAYS: dict[str, Callable[[Model], Ranker]] = {
    "LightGBM's defaults": lambda _: Default(),
    "same rows, same rounds": one_bag(**ALIKE),
    "same rounds": one_bag(rounds=100),
    "one bag": one_bag(),
    "one bag, bins 255": one_bag(bins=255),
    "one bag, not monotone": one_bag(monotone=False),
    "one bag, quantized": one_bag(QUANTIZED),
    "the same, best splits": one_bag(QUANTIZED, random_splits=False),
    "one bag, best splits": one_bag(random_splits=False),
    "one bag, columns by node": one_bag(BY_NODE),
    "one bag, bins of 20,000": one_bag({"bin_construct_sample_cnt": 20_000}),
    "the order": lambda model: Growth(model, calibrate=False),
    "the recipe": Growth,
    "XGBoost's defaults": lambda _: Classifier(XGBClassifier(n_jobs=1), calibrate=False),
    "CatBoost's defaults": lambda _: Classifier(CatBoostClassifier(**CAT), calibrate=False),
}


def main() -> None:
    """Print one row per history and way."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--history", choices=[*CUT_OFFS], action="append")
    parser.add_argument("--as-of", type=date.fromisoformat, action="append", help="some of the usual dates only")
    parser.add_argument("--way", choices=[*WAYS], action="append")
    parser.add_argument("--repeats", type=int, default=3)
    asked = parser.parse_args()
    os.environ.setdefault("SMARTACCOUNTS_THREADS", "1")
    for name in asked.history or CUT_OFFS:
        history = read_history(name)
        ways = [w for w in WAYS if not asked.way or w in asked.way]
        seconds: dict[str, list[float]] = {w: [] for w in ways}
        reached: dict[str, list[float]] = {w: [] for w in ways}
        for fold in history.tests:
            if asked.as_of and fold.test not in asked.as_of:
                continue
            learned, held = history.at(fold)
            took: dict[str, list[float]] = {w: [] for w in ways}
            for repeat in range(asked.repeats):
                for way in ways:
                    start = time.process_time()
                    try:
                        fitted = WAYS[way](history.model).fit(learned)
                    except (
                        lgb.basic.LightGBMError
                    ) as error:  # quantized gradients end in an internal error here and there
                        print(f"{name} {fold.test}: {way} fails: {error}", flush=True)
                        took[way].append(np.nan)
                        reached[way].append(np.nan)
                        continue
                    took[way].append(time.process_time() - start)
                    if not repeat:
                        score = fitted.score(held.snapshot.frame).score
                        reached[way].append(average_precision(held.outcome["target"], score).value)
            for way in ways:
                seconds[way].append(median(took[way]))
            said = "; ".join(f"{w} {seconds[w][-1]:.2f} s, {reached[w][-1]:.4f}" for w in ways)
            print(f"{name} {fold.test}: {said}", flush=True)
        bar, theirs = sum(seconds[ways[0]]), float(np.mean(reached[ways[0]]))
        for way in ways:
            cpu, ap = sum(seconds[way]), float(np.mean(reached[way]))
            against = f"{cpu / bar:6.3f} x {ways[0]}  AP {ap:.4f} = {ap / theirs:.4f} x"
            print(f"{name:15} {way:26} {cpu:7.1f} s  {against}", flush=True)


if __name__ == "__main__":
    main()
