"""What the gate would have put in service at each date of a backtest, deciding with what was known before it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date

from smartaccounts.config import Pipeline
from smartaccounts.errors import HistoryError
from smartaccounts.evaluation.backtest import BAR, Backtest, backtested, walked
from smartaccounts.evaluation.gate import JUDGED_DATES, Verdict, judge, lacking
from smartaccounts.evaluation.lending import Lender, lends
from smartaccounts.evaluation.walk import Tested, Walk
from smartaccounts.orders.contract import Lines
from smartaccounts.panel import Panel
from smartaccounts.rankers.base import Fitted, Ranker
from smartaccounts.rankers.growth import Growth
from smartaccounts.rankers.plain import BY_PAST_SPEND, FALLBACK, PLAIN, calibrated
from smartaccounts.timeline import judged_dates

SERVED = "served"
"""The name of what the gate would have put in service, among the rankers of a backtest."""


def backtest_served(
    lines: Lines,
    as_ofs: Sequence[date],
    pipeline: Pipeline,
    rankers: Sequence[Ranker],
    *,
    lenders: Sequence[Lender] = (),
    step: Callable[[str], None] = lambda _: None,
) -> Backtest:
    """Walk forward as `backtest` does, with one ranker more: `served`, the challenger or a plain ranking.

    At each test date the gate judges the first of `rankers` on earlier dates whose horizon was over, with the outcomes
    that were known then. Its probabilities are null only where no key account could calibrate a plain ranking.
    """
    past = {t: past_dates(lines, t, pipeline, lenders=lenders) for t in sorted(set(as_ofs))}
    walk = Walk(lines, [*past, *(d for dates in past.values() for d in dates)], pipeline, lenders)
    step(f"features at {len(walk.dates)} dates")
    tested = []
    for test, dates in past.items():
        made = walk.test(walk.fold(test), rankers, known_before=None)
        verdict = verdict_at(walk, test, dates, rankers[0])
        tested.append(_with_served(walk, made, verdict))
        step(f"as_of {test}")
    return backtested(walk, tested)


def past_dates(lines: Lines, as_of: date, pipeline: Pipeline, *, lenders: Sequence[Lender] = ()) -> tuple[date, ...]:
    """Return the dates on which the gate judges as of `as_of`; those for which only others' past was over too."""
    return judged_dates(
        as_of, first_known=lines.first_known, horizon_days=pipeline.target.horizon_days, most=JUDGED_DATES,
        after=pipeline.model.tuned_before, borrows=lambda d: lends(lenders, d),
    )  # fmt: skip


def verdict_at(walk: Walk, as_of: date, dates: Sequence[date], challenger: Ranker) -> Verdict:
    """Judge the challenger as of `as_of` on past `dates`; where they cannot suffice, nothing is fitted for it."""
    history = walk.history_days(as_of)
    missing = lacking(dates=len(dates), history_days=history)
    if missing:
        return judge(None, challenger.name, history_days=history, reason="; ".join(missing))
    order = replace(challenger, calibrate=False) if isinstance(challenger, Growth) else challenger
    bar = [order, *(PLAIN[name] for name in BY_PAST_SPEND)]
    try:
        result = walked(walk, dates, bar, known_before=as_of, names=(BAR,))
    except HistoryError as error:
        return judge(None, challenger.name, history_days=history, reason=error.message)
    reasons = dict.fromkeys(why for t in result.tested for why in t.left_out.values())
    return judge(result, challenger.name, history_days=history, reason="; ".join(reasons))


def plain_fit(name: str, learned: Panel) -> Fitted:
    """Return a plain ranking with probabilities, or without where the panel has no key account to calibrate it."""
    try:
        return calibrated(PLAIN[name], learned)
    except HistoryError:
        return PLAIN[name]


def _with_served(walk: Walk, made: Tested, verdict: Verdict) -> Tested:
    name = verdict.challenger
    missing = name not in made.scores
    if verdict.better and not missing:
        scores, notes = made.scores[name], made.notes[name]
    else:
        name = verdict.best_plain if verdict.best_plain and verdict.better is not None else FALLBACK
        fitted = plain_fit(name, walk.learned(made.fold))
        scores, notes = fitted.score(walk.eligible(made.fold)), fitted.notes
    without = f" {verdict.challenger} has no list here: {made.left_out[verdict.challenger]}" if missing else ""
    return replace(
        made, scores={**made.scores, SERVED: scores}, notes={**made.notes, SERVED: notes},
        served=f"{name} served. {verdict.sentence}{without}",
    )  # fmt: skip
