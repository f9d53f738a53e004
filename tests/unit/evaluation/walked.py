"""Backtests made of a few literal lists, the best customer first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

import numpy as np
import pandas as pd

from smartaccounts.config import Target
from smartaccounts.evaluation.backtest import Backtest, measures
from smartaccounts.evaluation.bootstrap import resample
from smartaccounts.evaluation.scored import Scored
from smartaccounts.evaluation.walk import Tested as Walked  # pytest collects what is called Test
from smartaccounts.rankers.base import Scores
from smartaccounts.timeline import Fold

HORIZON = 60


def walked(day: date, lists: Mapping[str, str], grown: str, *, known: bool = True) -> Walked:
    """Return a fold: lists are letters from the top, one per eligible customer; `grown` became key accounts."""
    names = sorted(next(iter(lists.values())))
    y = np.array([float(n in grown) for n in names])
    rows = pd.DataFrame(
        {
            "as_of": pd.Timestamp(day), "market": "", "customer_id": names, "key_spend": 100.0,
            "spend_ahead": 100 * y if known else np.nan, "target": y if known else np.nan,
        }
    )  # fmt: skip
    scores = {r: Scores(np.array([-float(order.index(n)) for n in names])) for r, order in lists.items()}
    return Walked(Fold((), day, HORIZON), rows, scores, {}, {}, 0, None)


def backtest_of(folds: Sequence[Walked], *, capacity: int = 2, draws: int = 20, seed: int = 0) -> Backtest:
    """Return the backtest of folds, measured in a few draws."""
    judged = [t for t in folds if t.judged]
    everybody = sorted({c for t in judged for c in t.rows["customer_id"]})
    names = dict.fromkeys(n for t in judged for n in t.scores)
    lists = {n: [_scored(t, n, everybody) for t in judged] for n in names}
    measured = resample(lists, measures(capacity), draws=draws, seed=seed) if judged else None
    return Backtest("shop", Target(horizon_days=HORIZON), capacity, tuple(folds), measured)


def _scored(tested: Walked, ranker: str, everybody: Sequence[str]) -> Scored | None:
    if ranker not in tested.scores:
        return None
    codes = np.array([everybody.index(c) for c in tested.rows["customer_id"]])
    spend = tested.rows["spend_ahead"].to_numpy() / 100
    return Scored(
        codes, tested.rows["target"].to_numpy(dtype=np.int64), tested.scores[ranker].score, outcome_spend=spend
    )  # fmt: skip
