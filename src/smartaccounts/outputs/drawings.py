"""The figures of a backtest: gain, lift, reliability, and the lists date by date."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from matplotlib.figure import Figure

from smartaccounts.evaluation.backtest import BAR, Backtest
from smartaccounts.evaluation.figures import (
    Mark,
    average_precision_figure,
    gain_figure,
    lift_figure,
    reliability_figure,
)
from smartaccounts.evaluation.metrics import Curve, gain_curve, lift_curve, mean_curve, reliability

SHARES = np.concatenate([[0], np.geomspace(0.001, 1, 200)])


def drawings(result: Backtest, *, ranker: str = "growth") -> dict[str, Figure]:
    """Return name -> figure of the judged dates; empty where no outcome is known. `ranker` is the one in front."""
    if result.measured is None:
        return {}
    judged = result.judged
    best = result.best_plain
    front = [r for r in (ranker, best) if r is not None and r in result.judged_rankers]
    rows = float(np.mean([len(t.rows) for t in judged]))
    capacity = Mark(f"the first {result.capacity}", min(1.0, result.capacity / rows))
    said = f"{result.pipeline}: mean of {len(judged)} past dates from {judged[0].fold.test} to {judged[-1].fold.test}"
    out = {
        "gain": gain_figure(
            _curves(result, gain_curve), highlight=front, best_plain=best, capacity=capacity, subtitle=said
        ),
        "lift": lift_figure(
            _curves(result, lift_curve), highlight=front, best_plain=best, capacity=capacity, subtitle=said
        ),
        "by_date": average_precision_figure(
            [t.fold.test for t in judged],
            {r: result.measured.by_date(r, BAR) for r in result.judged_rankers},
            highlight=front,
            best_plain=best,
            base_rates=[float(t.rows["target"].mean()) for t in judged],
            subtitle=said,
        ),
    }
    chances = [(t.rows["target"].to_numpy(), t.scores[ranker].probability) for t in judged if ranker in t.scores]
    known = [(y, p) for y, p in chances if p is not None]
    if known:
        y, p = (np.concatenate(parts) for parts in zip(*known, strict=True))
        out["reliability"] = reliability_figure(reliability(y, p), subtitle=said)
    return out


def _curves(result: Backtest, curve: Callable[..., Curve]) -> dict[str, Curve]:
    return {
        r: mean_curve(
            [curve(t.rows["target"].to_numpy(), t.scores[r].score, SHARES) for t in result.judged if r in t.scores]
        )
        for r in result.judged_rankers
    }
