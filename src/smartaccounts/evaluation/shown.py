"""A backtest and its intervals as a notebook shows them, in the words of the command line."""

from __future__ import annotations

import math

from smartaccounts.evaluation.backtest import BAR, Backtest
from smartaccounts.evaluation.expectation import stated
from smartaccounts.evaluation.intervals import Interval
from smartaccounts.html import Cell, section, sentences, table


def backtest_html(result: Backtest) -> str:
    """Return the rankers, the best first, with their measures and 90% intervals, and what the gate served."""
    title = f"Backtest of {result.pipeline}"
    notes = [f"{t.fold.test} without {name}: {why}" for t in result.tested for name, why in t.left_out.items()]
    if not result.judged:
        said = sentences([f"{len(result.tested)} dates scored; no outcome is known yet, so nothing is measured."])
        return section(title, said, sentences(notes, small=True))
    k = result.capacity
    columns = {
        "average precision": BAR,
        "AUC": "auc",
        f"of the first {k}": f"precision_at_{k}",
        "lift in 2%": "lift_at_2pct",
        "found in 10%": "found_at_10pct",
        "expected / came": "expected_over_observed",
    }
    ranked = sorted(result.judged_rankers, key=lambda r: _last_if_none(result.mean(r, BAR).value))
    rows = [
        [r + (" *" if r == result.best_plain else ""), *(interval_cell(result.mean(r, m)) for m in columns.values())]
        for r in ranked
    ]
    gate = [f"{t.fold.test}: {t.served}" for t in result.tested if t.served]
    words = (
        f"Means over the past dates; below them the 90% interval over draws of customers. Of the first {k}: the share "
        "that became key accounts. Lift in 2%: how many times the base rate the first 2% hold. Found in 10%: the share "
        "of all key accounts found in the first 10%. * the best plain ranking by past spend: the bar."
    )
    return section(
        title,
        sentences([*_summary(result), *_kept(result)]),
        table(["ranker", *columns], rows),
        sentences([words, *gate, *notes], small=True),
    )


def interval_cell(interval: Interval | None, *, digits: int = 3) -> Cell:
    """Return a mean over its interval; a dash where there is none."""
    if interval is None or math.isnan(interval.value):
        return "-"
    digits = digits if abs(interval.value) < 1 else 2 if abs(interval.value) < 10 else 1
    value = f"{interval.value:.{digits}f}"
    if math.isnan(interval.low) or math.isnan(interval.high):
        return value
    return value, f"{interval.low:.{digits}f} to {interval.high:.{digits}f}"


def _summary(result: Backtest) -> list[str]:
    judged = len(result.judged)
    eligible = sum(len(t.rows) for t in result.judged) / judged
    base = sum(float(t.rows["target"].mean()) for t in result.judged) / judged
    dates = f"{judged} past date{'s' if judged > 1 else ''}, horizon {result.target.horizon_days} days"
    said = [f"{dates}, {eligible:,.0f} eligible on average, base rate {base:.2%}."]
    challenger = next(iter(result.judged_rankers))
    if result.best_plain and result.measured and challenger != result.best_plain:
        ratio = result.measured.compare(challenger, result.best_plain, BAR).ratio
        said.append(
            f"The lists of {challenger} are {ratio.value:.2f} times as good as those of the best plain ranking "
            f"({result.best_plain}); 90% interval {ratio.low:.2f} to {ratio.high:.2f} (average precision)."
        )
    return said


def _kept(result: Backtest) -> list[str]:
    """Say of growth and served whether as many key accounts came as were expected."""
    found = stated(result)
    return [
        f"{ranker}: {sum(s.first.mean for s in found[ranker]):,.0f} key accounts expected in all lists of "
        f"{result.capacity}, {sum(s.came_first for s in found[ranker]):,} came; the 80% range held at "
        f"{sum(s.first.holds(s.came_first) for s in found[ranker])} of {len(found[ranker])} dates."
        for ranker in ("growth", "served")
        if ranker in found
    ]


def _last_if_none(value: float) -> float:
    return math.inf if math.isnan(value) else -value
