"""What metrics.json holds of a backtest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from smartaccounts.evaluation.backtest import BAR, Backtest, measures
from smartaccounts.evaluation.expectation import Expectation, stated
from smartaccounts.evaluation.intervals import Interval
from smartaccounts.evaluation.served import SERVED
from smartaccounts.evaluation.walk import Tested
from smartaccounts.rankers.base import Note


def as_json(result: Backtest, *, worded: Callable[[Note], str]) -> dict[str, Any]:
    """Return what metrics.json holds: folds, means with intervals per ranker, and per date; NaN as null.

    worded: finds the words for a note.
    """
    folds_said = [
        {
            "as_of": str(t.fold.test),
            "training_dates": [str(d) for d in t.fold.train],
            "training_rows": t.training_rows,
            "eligible": len(t.rows),
            "key_accounts": int(t.rows["target"].sum()) if t.judged else None,
            "base_rate": float(t.rows["target"].mean()) if t.judged else None,
            "base_rate_known_then": t.known_base_rate,
            "outcome_known": t.judged,
            "left_out": dict(t.left_out),
            "markets_left_out": dict.fromkeys(
                t.small_markets, f"fewer than {result.target.min_active} active customers"
            ),
            "notes": _notes(t, worded),
        }
        for t in result.tested
    ]
    said: dict[str, Any] = {
        "pipeline": result.pipeline,
        "horizon_days": result.target.horizon_days,
        "capacity": result.capacity,
        "best_plain": result.best_plain,
        "folds": folds_said,
        "rankers": {},
        "against_best_plain": {},
    }
    if result.measured is None:
        return said
    expected = stated(result)
    for ranker in result.judged_rankers:
        said["rankers"][ranker] = {
            name: _interval(result.mean(ranker, name))
            | {"by_date": [_interval(i) for i in result.measured.by_date(ranker, name)]}
            for name in measures(result.capacity)
        }
        if ranker in expected:
            said["rankers"][ranker]["key_accounts"] = [
                {
                    "as_of": str(s.as_of),
                    "everybody": _expected(s.everybody, s.came),
                    f"first_{result.capacity}": _expected(s.first, s.came_first),
                }
                for s in expected[ranker]
            ]
        if result.best_plain:
            compared = result.measured.compare(ranker, result.best_plain, BAR)
            said["against_best_plain"][ranker] = {
                "ratio": _interval(compared.ratio),
                "difference": _interval(compared.difference),
                "better_share": _number(compared.better_share),
            }
    return said


def _notes(tested: Tested, worded: Callable[[Note], str]) -> dict[str, list[str]]:
    """Return what a reader should know of each ranker's fit; of what served first why it did."""
    served = [tested.served] if tested.served else []
    said = {name: (served if name == SERVED else []) + list(map(worded, notes)) for name, notes in tested.notes.items()}
    return {name: texts for name, texts in said.items() if texts}


def _interval(interval: Interval) -> dict[str, Any]:
    said = {"value": _number(interval.value), "low": _number(interval.low), "high": _number(interval.high)}
    return said | ({"reason": interval.reason} if interval.reason else {})


def _expected(expectation: Expectation, came: int) -> dict[str, Any]:
    said = {"expected": expectation.mean, "low": expectation.low, "high": expectation.high}
    return said | {"came": came, "held": expectation.holds(came)}


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
