"""Rankers followed over time: who is best when, what choosing another costs, how stable the lists are, and how good a
choice is that looks only backward.

The regret of a ranker at an as_of date is the average precision of the best ranker there less its own (the audition of
triage, Carnegie Mellon's Data Science and Public Policy group). The best of several is the luckiest, too: a regret of
nothing at every date is out of reach.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

import numpy as np

from smartaccounts.errors import HistoryError
from smartaccounts.evaluation.backtest import BAR, Backtest
from smartaccounts.evaluation.intervals import Interval
from smartaccounts.evaluation.picks import Rule, Values, rules, staying
from smartaccounts.evaluation.turnover import Change, changes

LIFT = "lift_at_2pct"
NEAR = 0.1
"""Within a tenth of the best average precision counts as near the best."""


@dataclass(frozen=True)
class Judged:
    """One ranker at one judged date; value and regret are nan where it was left out or nobody became a key account."""

    as_of: date
    average_precision: Interval
    lift: Interval
    regret: float
    share_of_best: float


@dataclass(frozen=True)
class Followed:
    """A ranker over all dates. best_at counts the dates at which nothing was better, dates those with a value."""

    ranker: str
    average_precision: Interval
    lift: Interval
    judged: tuple[Judged, ...]
    changes: tuple[Change, ...]

    @property
    def regrets(self) -> tuple[float, ...]:
        """Return the regrets that are known."""
        return tuple(j.regret for j in self.judged if not math.isnan(j.regret))

    @property
    def dates(self) -> int:
        """Return at how many dates it has a value."""
        return len(self.regrets)

    @property
    def best_at(self) -> int:
        """Return at how many dates nothing was better."""
        return sum(r == 0 for r in self.regrets)

    @property
    def near_share(self) -> float:
        """Return the share of dates at which it is within NEAR of the best."""
        return self.within(NEAR)

    @property
    def mean_regret(self) -> float:
        """Return the mean regret."""
        return float(np.mean(self.regrets)) if self.regrets else math.nan

    @property
    def worst_regret(self) -> float:
        """Return the largest regret."""
        return max(self.regrets, default=math.nan)

    @property
    def kept_share(self) -> float:
        """Return the share of all that were listed and eligible again that were listed again."""
        kept, overtaken = sum(c.kept for c in self.changes), sum(c.overtaken for c in self.changes)
        return kept / (kept + overtaken) if kept + overtaken else math.nan

    def within(self, share: float) -> float:
        """Return the share of dates at which average precision is at least 1 - `share` of the best."""
        known = [j.share_of_best for j in self.judged if not math.isnan(j.share_of_best)]
        return float(np.mean([s >= 1 - share - 1e-12 for s in known])) if known else math.nan


@dataclass(frozen=True)
class Selection:
    """All rankers over time. dates: judged, ascending; base_rates and eligible: of those dates.

    best: the best average precision at each date, nan where nobody became a key account. rules: of choice, looking
    backward; staying: ranker -> mean regret at the dates of their picks. left_out: (as_of, ranker, reason).
    """

    pipeline: str
    horizon_days: int
    capacity: int
    dates: tuple[date, ...]
    base_rates: tuple[float, ...]
    eligible: tuple[int, ...]
    best: tuple[float, ...]
    followed: tuple[Followed, ...]
    rules: tuple[Rule, ...]
    staying: Mapping[str, float]
    left_out: tuple[tuple[date, str, str], ...]

    @property
    def leader(self) -> Followed:
        """Return the ranker with the least mean regret among those judged at half of the dates or more."""
        return self.ranked[0]

    @property
    def ranked(self) -> list[Followed]:
        """Return the rankers judged at half of the dates or more, the least mean regret first."""
        most = max(f.dates for f in self.followed)
        return sorted((f for f in self.followed if 2 * f.dates >= max(most, 1)), key=lambda f: f.mean_regret)


def selection(result: Backtest) -> Selection:
    """Follow the rankers of a backtest over its dates.

    HistoryError where no date's horizon is over, or nobody became a key account at any. Outcomes are those of the
    backtest: a line that was booked after the horizon is among them.
    """
    judged, measured = result.judged, result.measured
    if measured is None:
        raise _nothing("a date whose horizon is over, and somebody eligible at it")
    by_date = {r: measured.by_date(r, BAR) for r in result.judged_rankers}
    lifts = {r: measured.by_date(r, LIFT) for r in result.judged_rankers}
    values = [{r: by_date[r][i].value for r in by_date} for i in range(len(judged))]
    known: list[Values] = [{r: v for r, v in at.items() if not math.isnan(v)} for at in values]
    best = [max(at.values(), default=math.nan) for at in known]
    if not any(known):
        raise _nothing("a customer that became a key account after one of the dates")
    followed = tuple(
        Followed(
            ranker,
            result.mean(ranker, BAR),
            result.mean(ranker, LIFT),
            tuple(
                Judged(t.fold.test, by_date[ranker][i], lifts[ranker][i], top - at[ranker], at[ranker] / top)
                for i, (t, at, top) in enumerate(zip(judged, values, best, strict=True))
            ),
            changes(result.tested, ranker, result.capacity),
        )
        for ranker in result.judged_rankers
    )
    days = [t.fold.test for t in judged]
    return Selection(
        pipeline=result.pipeline,
        horizon_days=result.target.horizon_days,
        capacity=result.capacity,
        dates=tuple(days),
        base_rates=tuple(float(t.rows["target"].mean()) for t in judged),
        eligible=tuple(len(t.rows) for t in judged),
        best=tuple(best),
        followed=followed,
        rules=rules(days, known, horizon_days=result.target.horizon_days),
        staying=staying(days, known, horizon_days=result.target.horizon_days),
        left_out=tuple((t.fold.test, r, why) for t in result.tested for r, why in t.left_out.items()),
    )


def _nothing(what: str) -> HistoryError:
    return HistoryError(
        f"Expected {what}, got none among the as_of dates.", hint="Name earlier dates with --as-of, or leave it out."
    )


def as_json(found: Selection) -> dict[str, Any]:
    """Return everything as a mapping for JSON, with the properties of rankers and rules; NaN as null."""
    said = asdict(found) | {"leader": found.leader.ranker}
    for shown, f in zip(said["followed"], found.followed, strict=True):
        more = ("dates", "best_at", "near_share", "mean_regret", "worst_regret", "kept_share")
        shown |= {name: getattr(f, name) for name in more}
        for change, c in zip(shown["changes"], f.changes, strict=True):
            change["share"] = c.share
    for shown, r in zip(said["rules"], found.rules, strict=True):
        shown["mean_regret"] = r.mean_regret
    plain: dict[str, Any] = _plain(said)
    return plain


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, float):
        return None if math.isnan(value) else value
    return str(value) if isinstance(value, date) else value
