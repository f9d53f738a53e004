"""Rankings by past spend that need no learning: the bar every model must clear."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from smartaccounts.errors import HistoryError
from smartaccounts.panel import Panel
from smartaccounts.rankers.base import Contributions, Floats, Note, PredictProba, Scores
from smartaccounts.rankers.calibration import (
    Calibrator,
    calibrated_scores,
    customer_numbers,
    drift,
    fit_calibrator,
    season_came,
    tail,
)
from smartaccounts.rankers.design import FLOOR


@dataclass(frozen=True)
class Plain:
    """A formula over some columns of the eligible rows of a snapshot. It is fitted from the start."""

    name: str
    meaning: str
    needs: tuple[str, ...]
    formula: Callable[[pd.DataFrame], pd.Series]
    notes: tuple[Note, ...] = ()

    def fit(self, panel: Panel) -> Plain:  # noqa: ARG002 - the interface of all rankers
        """Return itself: there is nothing to learn."""
        return self

    def score(self, frame: pd.DataFrame) -> Scores:
        """Return the formula's value; no probability."""
        return Scores(self._values(frame))

    def contributions(self, frame: pd.DataFrame) -> Contributions:
        """Return one term: the score itself."""
        return Contributions((self.name,), self._values(frame)[:, None], 0.0)

    def _values(self, frame: pd.DataFrame) -> Floats:
        return self.formula(frame).to_numpy(dtype=np.float64)


@dataclass(frozen=True)
class CalibratedPlain(PredictProba):
    """A plain ranking with probabilities: a logistic curve over log(score + FLOOR). The order stays."""

    plain: Plain
    calibrator: Calibrator
    notes: tuple[Note, ...] = ()

    @property
    def name(self) -> str:
        """Return the plain ranking's name."""
        return self.plain.name

    def score(self, frame: pd.DataFrame) -> Scores:
        """Return the plain ranking's score with its probability."""
        score = self.plain.score(frame).score
        return calibrated_scores(self.calibrator, score, log_score(score), frame)

    def contributions(self, frame: pd.DataFrame) -> Contributions:
        """Return one term: the score itself."""
        return self.plain.contributions(frame)


def calibrated(plain: Plain, panel: Panel) -> CalibratedPlain:
    """Learn a plain ranking's probabilities from the eligible rows of a panel; HistoryError without key accounts."""
    rows = panel.rows(panel.outcome["target"].notna() & panel.snapshot.column("eligible"))
    grown = rows.outcome["target"].to_numpy()
    if not grown.sum():
        raise HistoryError(
            f"Expected a customer that grew into a key account, got none in {len(grown):,} eligible rows.",
            hint="Use a longer history, a lower target.key_quantile, or target.sustained_months: 1.",
        )
    note = Note("calibrated", {"rows": len(grown), "grown": int(grown.sum())})
    frame = rows.snapshot.columns("market", "customer_id", "history_days")
    calibrator = fit_calibrator(
        log_score(plain.score(rows.snapshot.columns(*plain.needs)).score),
        grown,
        season_came(rows),
        tail=tail(rows),
        drift=drift(frame, horizon_days=rows.snapshot.target.horizon_days),
        customers=customer_numbers(frame),
    )
    return CalibratedPlain(plain, calibrator, (note,))


def log_score(score: Floats) -> Floats:
    """Return log(max(score, 0) + FLOOR) of a score that is money over K: what its probabilities are made from."""
    logs: Floats = np.log(np.maximum(score, 0) + FLOOR)
    return logs


def _over_key(name: str, meaning: str, column: str) -> Plain:
    return Plain(name, meaning, (column, "key_spend"), lambda frame: frame[column] / frame["key_spend"])


def _spend_change(frame: pd.DataFrame) -> pd.Series:
    return (frame["spend_h"] - frame["spend_before_h"]) / frame["key_spend"]


def _rfm(frame: pd.DataFrame) -> pd.Series:
    """Mean rank, within as_of and market, by recency, frequency and money of the last 365 days."""
    groups = frame.groupby(["as_of", "market"])
    recent = groups["recency_days"].rank(pct=True, ascending=False, na_option="top")
    return (recent + groups["orders_365d"].rank(pct=True) + groups["spend_365d"].rank(pct=True)) / 3


PLAIN: dict[str, Plain] = {
    p.name: p
    for p in (
        _over_key("past_h", "spend of the last horizon", "spend_h"),
        _over_key("past_365", "spend of the last 365 days", "spend_365d"),
        *(_over_key(f"decay_{t}", f"all spend, fading with {t} days", f"spend_decay_{t}d") for t in (60, 180, 365)),
        Plain(
            "spend_change",
            "spend of the last horizon less that of the one before",
            ("spend_h", "spend_before_h", "key_spend"),
            _spend_change,
        ),
        Plain(
            "rfm",
            "recency, frequency and money",
            ("as_of", "market", "recency_days", "orders_365d", "spend_365d"),
            _rfm,
        ),
    )
}
"""The plain rankings by name."""

BY_PAST_SPEND = ("past_h", "past_365", "decay_60", "decay_180", "decay_365")
"""The plain rankings that are the bar: the best of them is what a model is compared with."""

FALLBACK = "decay_180"
"""The plain ranking that serves where no model can be trained."""
