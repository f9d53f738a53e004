"""Walking forward: every ranker at every as_of date, fitted on nothing but what was known before it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cached_property

import numpy as np
import pandas as pd

from smartaccounts.config import Pipeline
from smartaccounts.errors import HistoryError
from smartaccounts.evaluation.lending import Lender, Lending
from smartaccounts.evaluation.outcomes import Outcomes
from smartaccounts.features.extra import extra_features
from smartaccounts.features.snapshot import KEY, Snapshot, snapshot
from smartaccounts.orders.contract import Lines
from smartaccounts.panel import Panel
from smartaccounts.rankers.base import Fitted, Note, Ranker, Scores
from smartaccounts.timeline import Fold, folds


@dataclass(frozen=True)
class Tested:
    """One fold: the eligible rows of its test date with their outcome, and each ranker's scores.

    rows: as_of, market, customer_id, target, spend_ahead, key_spend; target and spend_ahead null where the horizon is
    not over. scores: in the order of rows. left_out: ranker -> reason. known_base_rate: of the eligible one horizon
    earlier, null where the history is too short. small_markets: without a K at the test date, since fewer than
    min_active customers are active; none of their rows is here. served: what the gate put in service and why, in one
    sentence or two; '' where it was not asked.
    """

    fold: Fold
    rows: pd.DataFrame
    scores: Mapping[str, Scores]
    left_out: Mapping[str, str]
    notes: Mapping[str, tuple[Note, ...]]
    training_rows: int
    known_base_rate: float | None
    small_markets: tuple[str, ...] = ()
    served: str = ""

    @cached_property
    def judged(self) -> bool:
        """Say whether the horizon of the test date is over and somebody is eligible."""
        return bool(len(self.rows)) and bool(self.rows["target"].notna().all())


@dataclass(frozen=True)
class Ranked:
    """What one ranker made of one fold: scores and notes, or why it has none."""

    scores: Scores | None
    notes: tuple[Note, ...] = ()
    reason: str = ""


def planned(first_known: Callable[[date], date], as_ofs: Sequence[date], pipeline: Pipeline) -> list[Fold]:
    """Return one fold for each test date, ascending; HistoryError where one has too little history.

    `first_known` gives the first day of the history as it was known at a date.
    """
    most, days = pipeline.model.training_dates, pipeline.target.horizon_days
    return [
        fold
        for test in sorted(set(as_ofs))
        for fold in folds([test], first_day=first_known(test), horizon_days=days, most=most)
    ]


class Walk:
    """Snapshots and outcomes of some as_of dates, computed once; a ranker is fitted once per fold and remembered.

    All that it needs of the lines it has from the start: they may be let go before a ranker is fitted.
    """

    def __init__(
        self,
        lines: Lines,
        tests: Sequence[date],
        pipeline: Pipeline,
        lenders: Sequence[Lender] = (),
        *,
        taught: Sequence[date] = (),
    ) -> None:
        """Compute the snapshots at the `tests`, at the dates that train for them, and one horizon before them.

        Those of the lenders too, at the dates that they can lend. `taught`: dates for which rankers learn, not
        tested themselves. HistoryError where a date has less than a horizon of history.
        """
        self.pipeline = pipeline
        horizon = timedelta(days=pipeline.target.horizon_days)
        self._first = {day: lines.first_known(day) for day in sorted({*tests, *taught})}
        plan = planned(self._first.__getitem__, [*self._first], pipeline)
        self._folds, self._tests = {fold.test: fold for fold in plan}, frozenset(tests)
        tested = {d for test in tests for d in (test, test - horizon)}
        self.dates = tuple(sorted(tested.union(*(fold.train for fold in plan)))) or (min(self._first),)
        extra = extra_features(pipeline)
        self.seen = snapshot(lines, self.dates, pipeline.target, extra=extra)
        self._outcomes = Outcomes(lines, self.seen, [*self._folds])
        self._lending = Lending(lenders, [*self._folds], extra)
        self._ranked: dict[tuple[date, str, bool], Ranked] = {}

    def fold(self, test: date) -> Fold:
        """Return the fold of one of the dates; KeyError for another."""
        return self._folds[test]

    def history_days(self, test: date) -> int:
        """Return how many days of history were known at one of the dates."""
        return (test - self._first[test]).days

    def panel(self, dates: Sequence[date], *, known_before: date | None) -> Panel:
        """Return the panel of `dates` with the outcomes known before `known_before` (None: in the source).

        ValueError where that is none of the tests and of `taught`.
        """
        return self._outcomes.panel(dates, known_before=known_before)

    def learned(self, fold: Fold) -> Panel:
        """Return what rankers learn from for a fold, with what can be borrowed for it."""
        own = self.panel(fold.train, known_before=fold.test)
        return replace(own, loans=self._lending.loans(fold.test))

    def eligible(self, fold: Fold) -> pd.DataFrame:
        """Return the rows of a fold's test date that rankers score."""
        return self.seen.at([fold.test]).eligible().frame

    def test(self, fold: Fold, rankers: Sequence[Ranker], *, known_before: date | None) -> Tested:
        """Fit the rankers for a fold, score its test date, and lay the outcomes known before `known_before` beside."""
        if fold.test not in self._tests:
            raise ValueError(f"Expected one of the tests, got {fold.test}.")
        learned = self.learned(fold)
        tested = self.panel([fold.test], known_before=known_before)
        everybody = tested.snapshot.columns("market", "key_spend", "eligible")
        small = tuple(everybody.loc[everybody["key_spend"].isna(), "market"].unique())
        tested = tested.rows(everybody["eligible"])
        ranked = self._rank(fold, rankers, learned, tested.snapshot)
        rows = tested.snapshot.columns(*KEY, "key_spend")
        return Tested(
            fold=fold,
            rows=pd.concat([rows, tested.outcome[["spend_ahead", "target"]]], axis=1),
            scores={name: r.scores for name, r in ranked.items() if r.scores is not None},
            left_out={name: r.reason for name, r in ranked.items() if r.scores is None},
            notes={name: r.notes for name, r in ranked.items() if r.scores is not None},
            training_rows=len(learned.outcome),
            known_base_rate=self._known_base_rate(fold),
            small_markets=small,
        )

    def forget(self) -> None:
        """Fit every ranker anew from now on."""
        self._ranked.clear()

    def _rank(self, fold: Fold, rankers: Sequence[Ranker], learned: Panel, asked: Snapshot) -> dict[str, Ranked]:
        """Return what the rankers made of a fold. All learn before the rows with all their columns are in memory."""
        made = {r.name: known for r in rankers if (known := self._remembered(fold, r))}
        fits: list[tuple[Ranker, Fitted]] = []
        for ranker in rankers:
            if ranker.name not in made:
                with _or_why(made, ranker.name):
                    fits.append((ranker, ranker.fit(learned)))
        for ranker, fitted in fits:
            with _or_why(made, ranker.name):
                made[ranker.name] = Ranked(fitted.score(asked.frame), fitted.notes)
        for ranker in rankers:
            self._ranked.setdefault((fold.test, ranker.name, _calibrates(ranker)), made[ranker.name])
        return {r.name: made[r.name] for r in rankers}

    def _remembered(self, fold: Fold, ranker: Ranker) -> Ranked | None:
        """Return what was made before; a fit with probabilities serves where the order alone is asked for."""
        known = (self._ranked.get((fold.test, ranker.name, how)) for how in (True, _calibrates(ranker)))
        return next(filter(None, known), None)

    def _known_base_rate(self, fold: Fold) -> float | None:
        before = fold.test - timedelta(days=fold.horizon_days)
        return self.panel([before], known_before=fold.test).base_rate


def _calibrates(ranker: Ranker) -> bool:
    return getattr(ranker, "calibrate", True)


@contextmanager
def _or_why(made: dict[str, Ranked], name: str) -> Iterator[None]:
    """Put down why a ranker has no scores, where that is what happens inside the block."""
    try:
        yield
    except HistoryError as error:
        made[name] = Ranked(None, reason=error.message)


def nobody_eligible(seen: Snapshot, dates: Sequence[date]) -> HistoryError:
    """Return the error for as_of dates without an eligible customer: what is missing, and what to change."""
    rows = seen.at(dates).columns("as_of", "market", "active")
    active = int(rows.groupby(["as_of", "market"])["active"].sum().max()) if len(rows) else 0
    return HistoryError(
        f"Expected eligible customers (small now, alive, in a market with {seen.target.min_active} active customers "
        f"or more), got none at {', '.join(str(d) for d in dates)}; the largest market has {active} of them.",
        hint="Lower target.min_active, merge small markets (columns.market), or choose an as_of that the data reach.",
    )


def score_rows(tested: Sequence[Tested], columns: Sequence[str]) -> pd.DataFrame:
    """Return one row per (as_of, ranker, eligible customer), with `columns`."""
    parts = [
        t.rows[[*KEY, "target"]].assign(
            ranker=ranker, score=s.score, probability=np.nan if s.probability is None else s.probability
        )
        for t in tested
        for ranker, s in t.scores.items()
    ]
    return pd.concat(parts, ignore_index=True)[list(columns)] if parts else pd.DataFrame(columns=list(columns))
