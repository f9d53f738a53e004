"""What metrics.json holds of a backtest."""

from __future__ import annotations

from typing import Any

import numpy as np

from smartaccounts.evaluation.backtest import BAR, Backtest, measures
from smartaccounts.evaluation.bootstrap import Interval


def as_json(result: Backtest) -> dict[str, Any]:
    """Return what metrics.json holds: folds, means with intervals per ranker, and per date; NaN as null."""
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
            "notes": {k: list(v) for k, v in t.notes.items() if v},
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
    for ranker in result.judged_rankers:
        said["rankers"][ranker] = {
            name: _interval(result.mean(ranker, name))
            | {"by_date": [_interval(i) for i in result.measured.by_date(ranker, name)]}
            for name in measures(result.capacity)
        }
        if result.best_plain:
            compared = result.measured.compare(ranker, result.best_plain, BAR)
            said["against_best_plain"][ranker] = {
                "ratio": _interval(compared.ratio),
                "difference": _interval(compared.difference),
                "better_share": _number(compared.better_share),
            }
    return said


def _interval(interval: Interval) -> dict[str, Any]:
    said = {"value": _number(interval.value), "low": _number(interval.low), "high": _number(interval.high)}
    return said | ({"reason": interval.reason} if interval.reason else {})


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
