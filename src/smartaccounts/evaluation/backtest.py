"""The walk-forward backtest: every ranker at every as_of date, and how good its lists turned out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property

import numpy as np
import pandas as pd

from smartaccounts.config import Pipeline, Target
from smartaccounts.evaluation.bootstrap import resample
from smartaccounts.evaluation.intervals import Interval, Resampled
from smartaccounts.evaluation.lending import Lender
from smartaccounts.evaluation.metrics import Ints
from smartaccounts.evaluation.scored import Scored
from smartaccounts.evaluation.walk import Tested, Walk, nobody_eligible, score_rows
from smartaccounts.orders.contract import Lines
from smartaccounts.rankers.base import Ranker
from smartaccounts.rankers.plain import BY_PAST_SPEND

SCORE_COLUMNS = ["as_of", "market", "customer_id", "ranker", "score", "probability", "target"]
BAR = "average_precision"
"""The measure by which rankers are compared."""


def measures(capacity: int) -> tuple[str, ...]:
    """Return the names of the measures of a backtest; `capacity` is how many accounts will be worked."""
    return (
        BAR, "auc", f"precision_at_{capacity}", "lift_at_2pct", "lift_at_5pct", "found_at_10pct",
        "spend_captured_at_10pct", "ece", "expected_over_observed", "skill",
    )  # fmt: skip


@dataclass(frozen=True)
class Backtest:
    """All folds of a backtest and their measures with intervals (None where no test date's horizon is over)."""

    pipeline: str
    target: Target
    capacity: int
    tested: tuple[Tested, ...]
    measured: Resampled | None

    def __repr__(self) -> str:
        """Return one line: pipeline, dates, rankers, the best plain ranking."""
        return (
            f"Backtest({self.pipeline}: {len(self.judged)} of {len(self.tested)} dates judged, "
            f"rankers {', '.join(self.rankers)}, best plain ranking {self.best_plain})"
        )

    def _repr_html_(self) -> str:
        """Return what a notebook shows: the rankers with measures and intervals."""
        from smartaccounts.evaluation.shown import backtest_html  # noqa: PLC0415 - it reads backtests

        return backtest_html(self)

    @cached_property
    def rankers(self) -> tuple[str, ...]:
        """Return the rankers that scored at one date or more, in the order in which they were given."""
        fullest = sorted(self.tested, key=lambda t: -len(t.scores))
        return tuple(dict.fromkeys(name for t in fullest for name in t.scores))

    @cached_property
    def judged(self) -> tuple[Tested, ...]:
        """Return the folds whose outcome is known."""
        return tuple(t for t in self.tested if t.judged)

    @cached_property
    def judged_rankers(self) -> tuple[str, ...]:
        """Return the rankers that scored at a date whose outcome is known: those that have measures."""
        return tuple(r for r in self.rankers if any(r in t.scores for t in self.judged))

    def mean(self, ranker: str, name: str) -> Interval:
        """Return the mean of a measure over the judged dates, with its interval; nan where the ranker has none."""
        if self.measured is None or ranker not in self.judged_rankers:
            return Interval(np.nan, np.nan, np.nan, "the outcome is known at none of its dates")
        return self.measured.mean(ranker, name)

    @cached_property
    def best_plain(self) -> str | None:
        """Return the ranking by past spend with the highest mean average precision, None where nothing was judged."""
        mean = {r: self.mean(r, BAR).value for r in BY_PAST_SPEND if r in self.rankers}
        known = {r: v for r, v in mean.items() if not np.isnan(v)}
        return max(known, key=lambda r: known[r]) if known else None

    def scores(self) -> pd.DataFrame:
        """Return one row per (as_of, ranker, eligible customer), with SCORE_COLUMNS."""
        return score_rows(self.tested, SCORE_COLUMNS)


def backtest(
    lines: Lines,
    as_ofs: Sequence[date],
    pipeline: Pipeline,
    rankers: Sequence[Ranker],
    *,
    lenders: Sequence[Lender] = (),
    step: Callable[[str], None] = lambda _: None,
) -> Backtest:
    """Walk forward over `as_ofs`; at each, rankers learn from monthly dates whose horizon was over.

    The outcomes of the test dates come from all lines. Of `lenders`, rankers that borrow learn as well.

    HistoryError where a test date has too little history, or nobody was eligible at any. `step` is told what was done.
    """
    walk = Walk(lines, as_ofs, pipeline, lenders)
    step(f"features at {len(walk.dates)} dates")
    return walked(walk, as_ofs, rankers, step=step)


def walked(
    walk: Walk,
    as_ofs: Sequence[date],
    rankers: Sequence[Ranker],
    *,
    known_before: date | None = None,
    names: Sequence[str] | None = None,
    step: Callable[[str], None] = lambda _: None,
) -> Backtest:
    """Return what `backtest` does, of some of the tests of a walk; `names` as in `backtested`.

    The outcomes of the test dates come from lines known before `known_before`, one of the walk's dates; from all lines
    where it is None.
    """
    tested = []
    for test in sorted(set(as_ofs)):
        tested.append(walk.test(walk.fold(test), rankers, known_before=known_before))
        step(f"as_of {test}")
    return backtested(walk, tested, names=names)


def backtested(walk: Walk, tested: Sequence[Tested], *, names: Sequence[str] | None = None) -> Backtest:
    """Measure tested folds by `names` (all measures); HistoryError where nobody was eligible at any of them."""
    if not any(len(t.rows) for t in tested):
        raise nobody_eligible(walk.seen, [t.fold.test for t in tested])
    pipeline, capacity = walk.pipeline, walk.pipeline.growth_list.capacity
    found = measured(tested, names or measures(capacity))
    return Backtest(pipeline.name, pipeline.target, capacity, tuple(tested), found)


def measured(tested: Sequence[Tested], names: Sequence[str]) -> Resampled | None:
    """Return the measures of the folds whose outcome is known; None where there is none."""
    judged = [t for t in tested if t.judged]
    if not judged:
        return None
    everybody = pd.concat([t.rows[["market", "customer_id"]] for t in judged])
    numbers = np.asarray(everybody.groupby(["market", "customer_id"]).ngroup(), dtype=np.int64)  # as texts ascend
    of_dates = np.split(numbers, np.cumsum([len(t.rows) for t in judged])[:-1])
    del everybody
    rankers = dict.fromkeys(n for t in judged for n in t.scores)
    by_date = [_scored(t, customers) for t, customers in zip(judged, of_dates, strict=True)]
    return resample({n: [scored.get(n) for scored in by_date] for n in rankers}, names)


def _scored(tested: Tested, customers: Ints) -> dict[str, Scored]:
    """Return the scores of each ranker; what they have in common is in memory once."""
    rows = tested.rows
    y = rows["target"].to_numpy(dtype=np.int64)
    spend = (rows["spend_ahead"] / rows["key_spend"]).to_numpy(dtype=float)
    known = tested.known_base_rate or None
    return {n: Scored(customers, y, s.score, s.probability, spend, known) for n, s in tested.scores.items()}
