"""A ranker's scores at one as_of date beside what came of them, and measures of them by name."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from smartaccounts.evaluation import metrics
from smartaccounts.evaluation.metrics import Depth, Floats, Ints, Measured, parse_name

NO_PROBABILITY = "the ranker has no probability"
NO_KNOWN_RATE = "no base rate was known before"
NO_OUTCOME_SPEND = "the spend of the horizon was not given"


@dataclass(frozen=True, eq=False)
class Scored:
    """One ranker's scores at one as_of date and what came of them, one row per eligible customer.

    Rows are ordered by market and customer_id (equal scores keep that order). customers: whole numbers, one per
    (market, customer_id), the same at every date, no doubles. y: 0 or 1. score: finite, higher is better. probability:
    0 to 1, None where the ranker has none. outcome_spend: spend in the horizon, in one unit for all markets (over K
    where currencies differ). known_base_rate: the base rate that was known at as_of, for `skill`. ValueError where
    that is not so.
    """

    customers: Ints
    y: Ints
    score: Floats
    probability: Floats | None = None
    outcome_spend: Floats | None = None
    known_base_rate: float | None = None

    def __post_init__(self) -> None:
        """Check lengths, values and that no customer is there twice."""
        rows = len(self.customers)
        for name in ("y", "score", "probability", "outcome_spend"):
            column = getattr(self, name)
            if column is not None and np.shape(column) != (rows,):
                raise ValueError(f"Expected {rows} rows as in customers, got shape {np.shape(column)} in {name}.")
        if len(np.unique(self.customers)) != rows:
            raise ValueError("Expected every customer once, got doubles in customers.")
        metrics.checked_labels(self.y)
        metrics.checked_finite(self.score, "score")
        if self.probability is not None:
            metrics.checked_probabilities(self.probability)
        if self.outcome_spend is not None:
            metrics.checked_finite(self.outcome_spend, "outcome_spend")


def measure(scored: Scored, name: str, *, weight: ArrayLike | None = None) -> Measured:
    """Return the measure called `name` (see `parse_name`) of one list; nan with a reason where a column is missing.

    key_spend_captured is the share of the horizon's spend of those who became key accounts.
    """
    asked = parse_name(name)
    if reason := missing(scored, asked.kind):
        return Measured(math.nan, reason)
    return _MEASURES[asked.kind](scored, asked.depth or 1, weight)


_MEASURES: Mapping[str, Callable[[Scored, Depth, ArrayLike | None], Measured]] = {
    "average_precision": lambda s, _, w: metrics.average_precision(s.y, s.score, weight=w),
    "auc": lambda s, _, w: metrics.auc(s.y, s.score, weight=w),
    "base_rate": lambda s, _, w: metrics.base_rate(s.y, weight=w),
    "precision": lambda s, depth, w: metrics.precision_at(s.y, s.score, depth, weight=w),
    "lift": lambda s, depth, w: metrics.lift_at(s.y, s.score, depth, weight=w),
    "found": lambda s, depth, w: metrics.found_at(s.y, s.score, depth, weight=w),
    "spend_captured": lambda s, depth, w: metrics.spend_captured_at(spend(s), s.score, depth, weight=w),
    "key_spend_captured": lambda s, depth, w: metrics.spend_captured_at(spend(s) * s.y, s.score, depth, weight=w),
    "ece": lambda s, _, w: metrics.expected_calibration_error(s.y, np.asarray(s.probability), weight=w),
    "expected_over_observed": lambda s, _, w: metrics.expected_over_observed(s.y, np.asarray(s.probability), weight=w),
    "skill": lambda s, _, w: metrics.skill(s.y, np.asarray(s.probability), s.known_base_rate or 0.0, weight=w),
}


def missing(scored: Scored, kind: str) -> str:
    """Return why a list has no measure of a kind, '' where it has."""
    if scored.probability is None and kind in ("ece", "expected_over_observed", "skill"):
        return NO_PROBABILITY
    if kind == "skill" and scored.known_base_rate is None:
        return NO_KNOWN_RATE
    return NO_OUTCOME_SPEND if kind.endswith("spend_captured") and scored.outcome_spend is None else ""


def spend(scored: Scored) -> Floats:
    """Return the spend of the horizon, nobody's below zero."""
    return np.asarray(np.maximum(np.asarray(scored.outcome_spend), 0.0), dtype=float)
