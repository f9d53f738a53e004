"""The commands as plain functions, for Python and notebooks: pipeline and dates in, out a result that shows itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import overload

from pydantic import ValidationError

from smartaccounts.config import Pipeline, Target, read_pipeline
from smartaccounts.errors import PipelineError, culprits
from smartaccounts.evaluation.backtest import Backtest
from smartaccounts.evaluation.lending import lenders
from smartaccounts.evaluation.served import SERVED, backtest_served
from smartaccounts.features.extra import extra_features
from smartaccounts.features.snapshot import snapshots
from smartaccounts.orders.check import Quality
from smartaccounts.panel import Panel
from smartaccounts.panel import panel as joined
from smartaccounts.rankers.base import Ranker
from smartaccounts.target import complete, outcome
from smartaccounts.timeline import parse_as_of, too_short
from smartaccounts.workflow.check import checked
from smartaccounts.workflow.compare import Leaderboard, standings
from smartaccounts.workflow.extra import checked_extra
from smartaccounts.workflow.lines import order_lines
from smartaccounts.workflow.rankers import rankers as usual_rankers
from smartaccounts.workflow.service import put_in_service, recipe_in_service
from smartaccounts.workflow.train import Trained, fit

Day = date | str
"""A date, or its text YYYY-MM-DD."""

MODELS = Path("models")
"""Where a model in service is exported to, as by the command."""


def check(pipeline: Pipeline | Path | str, as_of: Day | None = None) -> Quality:
    """Read the order lines and report on them, as `smartaccounts check` does; with `as_of`, as of that date."""
    return checked(_opened(pipeline), as_of=None if as_of is None else _day(as_of))


@overload
def read_panel(
    pipeline: Pipeline | Path | str, as_of: Day | Iterable[Day], *, known_before: Day | None = ...
) -> Panel: ...
@overload
def read_panel(
    pipeline: Pipeline | Path | str,
    as_of: Day | Iterable[Day],
    *,
    horizons: Sequence[int],
    known_before: Day | None = ...,
) -> dict[int, Panel]: ...
def read_panel(
    pipeline: Pipeline | Path | str,
    as_of: Day | Iterable[Day],
    *,
    horizons: Sequence[int] | None = None,
    known_before: Day | None = None,
) -> Panel | dict[int, Panel]:
    """Read the order lines and return the panel of some as_of dates, with outcomes where the horizon is over.

    With `horizons` (days): a panel for each of them; the features are computed once. With `known_before`: outcomes from
    lines known before that date only, as a model that is tested there must learn from. A date with less history than
    the horizon has no rows; HistoryError where no date has more.
    """
    opened, days = _opened(pipeline), _days(as_of)
    targets = [opened.target] if horizons is None else [_target(opened.target, h) for h in dict.fromkeys(horizons)]
    if not targets:
        raise PipelineError("Expected one horizon at least, got none in horizons.")
    before = None if known_before is None else _day(known_before, "known_before")
    checked_extra(opened)
    with order_lines(opened) as lines:
        panels = {}
        for seen in snapshots(lines, days, targets, extra=extra_features(opened)):
            horizon = seen.target.horizon_days
            if seen.frame.empty:
                raise too_short(days[-1], first_day=lines.first_known(days[-1]), horizon_days=horizon)
            over = complete(days, horizon_days=horizon, known_before=before, last_day=lines.last_day)
            found = outcome(lines, over, horizon_days=horizon, known_before=before)
            panels[horizon] = joined(seen, found, over)
    return panels if horizons is not None else panels[opened.target.horizon_days]


def backtest(
    pipeline: Pipeline | Path | str, as_of: Day | Iterable[Day], *, rankers: Sequence[Ranker] | None = None
) -> Backtest:
    """Walk forward over past dates with the pipeline's rankers, and `rankers` beside them; nothing is written.

    As `smartaccounts backtest` does. A ranker of one's own is most simply a `Classifier` around any estimator with
    predict_proba; names must be new. HistoryError where a date has less history than the horizon.
    """
    opened, days = _opened(pipeline), _days(as_of)
    asked = (*usual_rankers(opened), *(rankers or ()))
    _check_rankers(asked)
    checked_extra(opened)
    with lenders(opened) as others, order_lines(opened) as lines:
        return backtest_served(lines, days, opened, asked, lenders=others)


def train(pipeline: Pipeline | Path | str, as_of: Day, *, log: bool = False, promote: bool = False) -> Trained:
    """Judge the growth model on past dates and fit it for `as_of`; nothing is written unless asked for.

    log: log it to MLflow and register it, as `smartaccounts train` does: the first training of a pipeline also leaves
    what the evidence says in service, exported to models/NAME. promote: log it, and let a later one replace what
    serves where the gate finds it better. What was done is `Trained.done`. HistoryError where as_of has less history
    than the horizon.
    """
    opened = _opened(pipeline)
    trained = fit(opened, _day(as_of), champion=recipe_in_service(opened))
    if not (log or promote):
        return trained
    return replace(trained, done=put_in_service(trained, opened, models=MODELS, promote_it=promote).sentence)


def compare(pipeline: Pipeline | Path | str) -> Leaderboard:
    """Return every logged training beside the one in service; ModelError where there is none."""
    opened = _opened(pipeline)
    return Leaderboard(opened.name, tuple(standings(opened)))


def _opened(pipeline: Pipeline | Path | str) -> Pipeline:
    return pipeline if isinstance(pipeline, Pipeline) else read_pipeline(pipeline)


def _day(day: Day, where: str = "as_of") -> date:
    if isinstance(day, datetime):  # a pandas Timestamp is one too
        return day.date()
    return day if isinstance(day, date) else parse_as_of(str(day), where=where)


def _days(as_of: Day | Iterable[Day]) -> list[date]:
    """Return the dates, ascending; PipelineError where there is none."""
    days = sorted({_day(d) for d in ([as_of] if isinstance(as_of, str | date) else as_of)})
    if not days:
        raise PipelineError(
            "Expected one as_of date at least, got none in as_of.", hint="Give for example as_of=['2026-01-01']."
        )
    return days


def _target(target: Target, horizon_days: int) -> Target:
    try:
        return Target(**{**target.model_dump(), "horizon_days": horizon_days})
    except ValidationError as error:
        raise PipelineError(f"Expected days, got {horizon_days!r} in horizons: {error.errors()[0]['msg']}.") from None


def _check_rankers(rankers: Sequence[Ranker]) -> None:
    """Refuse what is no ranker, and names that occur twice: results go by name."""
    for ranker in rankers:
        if not isinstance(getattr(ranker, "name", None), str):
            raise PipelineError(
                f"Expected a ranker with a name, got {type(ranker).__name__} in rankers.",
                hint="Put a classifier into smartaccounts.Classifier(estimator, name=...).",
            )
    names = [SERVED, *(r.name for r in rankers)]
    twice = sorted({n for n in names if names.count(n) > 1})
    if twice:
        raise PipelineError(
            f"Expected rankers with names of their own, got {culprits(twice)} twice in rankers.",
            hint="Give it another one: Classifier(estimator, name=...).",
        )
