"""The walk-forward backtest: every ranker at every as_of date, fitted on nothing but what was known before it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd

from smartaccounts.config import Pipeline, Target
from smartaccounts.errors import HistoryError
from smartaccounts.evaluation.bootstrap import Interval, Resampled, Scored, resample
from smartaccounts.features.snapshot import KEY, Snapshot, snapshot
from smartaccounts.orders.contract import OrderLines
from smartaccounts.panel import Panel, panel
from smartaccounts.rankers.base import Ranker
from smartaccounts.rankers.plain import BY_PAST_SPEND
from smartaccounts.target import complete, outcome
from smartaccounts.timeline import Fold, folds

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
class Tested:
    """One fold: the eligible rows of its test date with their outcome, and each ranker's scores.

    rows: as_of, market, customer_id, target, spend_ahead, key_spend; target and spend_ahead null where the horizon is
    not over. scores: ranker -> (score, probability or None), in the order of rows. left_out: ranker -> reason.
    known_base_rate: of the eligible one horizon earlier, null where the history is too short. small_markets: without
    a K at the test date, since fewer than min_active customers are active; none of their rows is here.
    """

    fold: Fold
    rows: pd.DataFrame
    scores: Mapping[str, tuple[np.ndarray, np.ndarray | None]]
    left_out: Mapping[str, str]
    notes: Mapping[str, tuple[str, ...]]
    training_rows: int
    known_base_rate: float | None
    small_markets: tuple[str, ...] = ()

    @property
    def judged(self) -> bool:
        """Say whether the horizon of the test date is over and somebody is eligible."""
        return bool(len(self.rows)) and bool(self.rows["target"].notna().all())


@dataclass(frozen=True)
class Backtest:
    """All folds of a backtest and their measures with intervals (None where no test date's horizon is over)."""

    pipeline: str
    target: Target
    capacity: int
    tested: tuple[Tested, ...]
    measured: Resampled | None

    @property
    def rankers(self) -> tuple[str, ...]:
        """Return the rankers that scored at one date or more, in the order in which they were given."""
        fullest = sorted(self.tested, key=lambda t: -len(t.scores))
        return tuple(dict.fromkeys(name for t in fullest for name in t.scores))

    @property
    def judged(self) -> tuple[Tested, ...]:
        """Return the folds whose outcome is known."""
        return tuple(t for t in self.tested if t.judged)

    @property
    def judged_rankers(self) -> tuple[str, ...]:
        """Return the rankers that scored at a date whose outcome is known: those that have measures."""
        return tuple(r for r in self.rankers if any(r in t.scores for t in self.judged))

    def mean(self, ranker: str, name: str) -> Interval:
        """Return the mean of a measure over the judged dates, with its interval; nan where the ranker has none."""
        if self.measured is None or ranker not in self.judged_rankers:
            return Interval(np.nan, np.nan, np.nan, "the outcome is known at none of its dates")
        return self.measured.mean(ranker, name)

    @property
    def best_plain(self) -> str | None:
        """Return the ranking by past spend with the highest mean average precision, None where nothing was judged."""
        mean = {r: self.mean(r, BAR).value for r in BY_PAST_SPEND if r in self.rankers}
        known = {r: v for r, v in mean.items() if not np.isnan(v)}
        return max(known, key=lambda r: known[r]) if known else None

    def scores(self) -> pd.DataFrame:
        """Return one row per (as_of, ranker, eligible customer), with SCORE_COLUMNS."""
        parts = [
            t.rows[[*KEY, "target"]].assign(
                ranker=ranker, score=score, probability=np.nan if probability is None else probability
            )
            for t in self.tested
            for ranker, (score, probability) in t.scores.items()
        ]
        if not parts:
            return pd.DataFrame(columns=SCORE_COLUMNS)
        return pd.concat(parts, ignore_index=True)[SCORE_COLUMNS]


def backtest(
    lines: OrderLines,
    as_ofs: Sequence[date],
    pipeline: Pipeline,
    rankers: Sequence[Ranker],
    *,
    known_before: date | None = None,
    step: Callable[[str], None] = lambda _: None,
) -> Backtest:
    """Walk forward over `as_ofs`; at each, rankers learn from monthly dates whose horizon was over.

    The outcomes of the test dates come from lines known before `known_before`; from all lines where it is None.

    HistoryError where a test date has too little history, or nobody was eligible at any. `step` is told what was done.
    """
    target = pipeline.target
    most, days = pipeline.model.training_dates, target.horizon_days
    plan = [
        fold
        for test in sorted(set(as_ofs))
        for fold in folds([test], first_day=lines.first_known(test), horizon_days=days, most=most)
    ]
    horizon = timedelta(days=target.horizon_days)
    dates = sorted({d for f in plan for d in (*f.train, f.test, f.test - horizon)})
    seen = snapshot(lines, dates, target)
    step(f"features at {len(dates)} dates")
    outcomes = _Outcomes(lines, dates, target)
    tested = []
    for fold in plan:
        tested.append(_test(fold, seen, outcomes, rankers, known_before=known_before))
        step(f"as_of {fold.test}")
    if not any(len(t.rows) for t in tested):
        raise nobody_eligible(seen, [f.test for f in plan])
    return Backtest(pipeline.name, target, pipeline.growth_list.capacity, tuple(tested), _measure(tested, pipeline))


def nobody_eligible(seen: Snapshot, dates: Sequence[date]) -> HistoryError:
    """Return the error for as_of dates without an eligible customer: what is missing, and what to change."""
    rows = seen.at(dates).frame
    active = int(rows.groupby(["as_of", "market"])["active"].sum().max()) if len(rows) else 0
    return HistoryError(
        f"Expected eligible customers (small now, alive, in a market with {seen.target.min_active} active customers "
        f"or more), got none at {', '.join(str(d) for d in dates)}; the largest market has {active} of them.",
        hint="Lower target.min_active, merge small markets (columns.market), or choose an as_of that the data reach.",
    )


class _Outcomes:
    """Outcomes as they were known at a test date; computed once where every line is known on its day."""

    def __init__(self, lines: OrderLines, dates: Sequence[date], target: Target) -> None:
        self.lines, self.horizon_days = lines, target.horizon_days
        self._all: pd.DataFrame | None = None
        if "known_date" not in lines.provided:
            # a horizon is over by the calendar: the source's last line, which may be of any day, has no say
            end = max(dates) + timedelta(days=self.horizon_days)
            self._all = outcome(lines, dates, horizon_days=self.horizon_days, known_before=end)

    def complete(self, dates: Sequence[date], known_before: date | None) -> list[date]:
        """Return the dates of `dates` whose horizon is over."""
        return complete(
            dates, horizon_days=self.horizon_days, known_before=known_before, last_day=self.lines.last_day
        )  # fmt: skip

    def panel(self, seen: Snapshot, dates: Sequence[date], *, known_before: date | None) -> Panel:
        """Return the panel of `dates` with the outcomes known before `known_before` (None: in the source)."""
        over = self.complete(dates, known_before)
        found = self._all
        if found is None:
            found = outcome(self.lines, over, horizon_days=self.horizon_days, known_before=known_before)
        return panel(seen.at(dates), found, over)


def _test(
    fold: Fold, seen: Snapshot, outcomes: _Outcomes, rankers: Sequence[Ranker], *, known_before: date | None
) -> Tested:
    learned = outcomes.panel(seen, fold.train, known_before=fold.test)
    tested = outcomes.panel(seen, [fold.test], known_before=known_before)
    everybody = tested.snapshot.frame
    small = tuple(everybody.loc[everybody["key_spend"].isna(), "market"].unique())
    tested = tested.rows(everybody["eligible"])
    frame = tested.snapshot.frame
    scores: dict[str, tuple[np.ndarray, np.ndarray | None]] = {}
    left_out: dict[str, str] = {}
    notes: dict[str, tuple[str, ...]] = {}
    for ranker in rankers:
        try:
            fitted = ranker.fit(learned)
            scored = fitted.score(frame)
        except HistoryError as error:
            left_out[ranker.name] = error.message
            continue
        scores[ranker.name] = (scored.score, scored.probability)
        notes[ranker.name] = fitted.notes
    rows = pd.concat([frame[[*KEY, "key_spend"]], tested.outcome[["spend_ahead", "target"]]], axis=1)
    rate = _known_base_rate(fold, seen, outcomes)
    return Tested(fold, rows, scores, left_out, notes, len(learned.outcome), rate, small)


def _known_base_rate(fold: Fold, seen: Snapshot, outcomes: _Outcomes) -> float | None:
    before = fold.test - timedelta(days=fold.horizon_days)
    return outcomes.panel(seen, [before], known_before=fold.test).base_rate


def _measure(tested: Sequence[Tested], pipeline: Pipeline) -> Resampled | None:
    judged = [t for t in tested if t.judged]
    if not judged:
        return None
    customers = pd.concat([t.rows[["market", "customer_id"]] for t in judged]).drop_duplicates()
    keys = pd.MultiIndex.from_frame(customers.sort_values(["market", "customer_id"]))
    codes = pd.Series(range(len(customers)), index=keys)
    names = dict.fromkeys(n for t in judged for n in t.scores)
    lists = {n: [_scored(t, n, codes) for t in judged] for n in names}
    return resample(lists, measures(pipeline.growth_list.capacity))


def _scored(tested: Tested, ranker: str, codes: pd.Series) -> Scored | None:
    if ranker not in tested.scores:
        return None
    score, probability = tested.scores[ranker]
    rows = tested.rows
    return Scored(
        customers=codes.loc[pd.MultiIndex.from_frame(rows[["market", "customer_id"]])].to_numpy(),
        y=rows["target"].to_numpy(dtype=np.int64),
        score=score,
        probability=probability,
        outcome_spend=(rows["spend_ahead"] / rows["key_spend"]).to_numpy(dtype=float),
        known_base_rate=tested.known_base_rate or None,
    )


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
