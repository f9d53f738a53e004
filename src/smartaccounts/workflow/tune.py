"""Search for the growth model's settings on past dates, and never see the last horizon before as_of."""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import yaml

from smartaccounts.config import Pipeline
from smartaccounts.errors import HistoryError
from smartaccounts.evaluation.choice import Choice, choose
from smartaccounts.evaluation.course import Course, course
from smartaccounts.evaluation.search import Budget, Trial, alone, present_settings, search, space_around
from smartaccounts.features.extra import declared
from smartaccounts.orders.contract import Lines
from smartaccounts.orders.digest import digest
from smartaccounts.timeline import firsts_of_months, judged_dates
from smartaccounts.tracking.store import Store, store_at
from smartaccounts.tracking.trials import Tuning, begin, end, log_trials
from smartaccounts.workflow.extra import checked_extra
from smartaccounts.workflow.lines import order_lines

CUT_OFFS = 6
"""On how many past dates settings are tried, a quarter of a year apart, the last one two horizons before as_of."""


@dataclass(frozen=True)
class Tuned:
    """What a search found: what it was about, every trial that ended, the choice, and what a reader should know."""

    tuning: Tuning
    trials: tuple[Trial, ...]
    choice: Choice
    warnings: tuple[str, ...]

    @property
    def counted(self) -> int:
        """Return how many trials ended, those that were pruned among them."""
        return sum(t.state != "failed" for t in self.trials)

    @property
    def pruned(self) -> int:
        """Return how many trials were stopped early."""
        return sum(t.state == "pruned" for t in self.trials)

    @property
    def yaml(self) -> str:
        """Return the best settings as they are pasted below `model:` of the pipeline file."""
        said = self.choice.best.settings | {"tuned_before": self.tuning.tuned_before}
        return yaml.safe_dump(said, sort_keys=False)

    @property
    def file(self) -> str:
        """Return the content of model.yaml: the best settings, and a comment where they are not recommended."""
        kept = "# not better than the present settings by more than the noise: keep those\n"
        return self.yaml if self.choice.better else kept + self.yaml

    def as_json(self) -> dict[str, Any]:
        """Return it as a mapping; ratios to the best plain ranking, null where nothing is known."""
        choice, tuning = self.choice, self.tuning
        best, present = choice.best, choice.present
        return {
            "pipeline": tuning.pipeline,
            "as_of": str(tuning.as_of),
            "tuned_before": str(tuning.tuned_before),
            "cut_offs": [str(d) for d in sorted(tuning.cut_offs)],
            "best_plain": tuning.best_plain,
            "trials": self.counted,
            "pruned": self.pruned,
            "present": {"trial": present.number, "ratio": math.exp(present.value), "settings": present.settings},
            "best": {"trial": best.number, "ratio": math.exp(best.value), "settings": best.settings},
            "held_out_gain": None if math.isnan(choice.gain) else math.exp(choice.gain),
            "held_out_gain_low": None if math.isnan(choice.low) else math.exp(choice.low),
            "better": choice.better,
            "model": self.file,
            "warnings": list(self.warnings),
        }


def tune(
    pipeline: Pipeline,
    as_of: date,
    *,
    trials: int,
    minutes: float | None = None,
    memory: str | None = None,
    step: Callable[[str], None] = lambda _: None,
) -> Tuned:
    """Try settings on past dates until `trials` are done in all or `minutes` are over; a next call goes on.

    Nothing known from one horizon before as_of on is used: those dates are left for the gate. memory: as in
    `order_lines`. HistoryError where no past date can be tried on, PipelineError where another process runs the same
    search.
    """
    until = None if minutes is None else time.monotonic() + 60 * minutes
    before = as_of - timedelta(days=pipeline.target.horizon_days)
    store = store_at()  # refused before the work, not after it
    checked_extra(pipeline)
    with order_lines(pipeline, memory=memory) as lines:
        step("order lines read")
        ground = ground_of(lines, pipeline, as_of, step=step)
        key = study_key(pipeline, as_of, digest(lines, known_before=before))
    tuning = Tuning(pipeline.name, as_of, before, key, tuple(c.as_of for c in ground.cut_offs), ground.best_plain)
    file = _folder(store) / f"{pipeline.name}-{as_of}-{key}.journal"
    with alone(file):
        run = begin(store, tuning)
        logged = 0

        def after(ended: tuple[Trial, ...]) -> None:
            nonlocal logged
            log_trials(store, run, tuning, ended[logged:])
            logged = len(ended)
            step(_so_far(ended, trials))

        try:
            done = search(ground, pipeline.model, file, budget=Budget(trials, until), after=after)
            made = Tuned(tuning, done, choose(done, present_settings(pipeline.model)), _warnings(ground, pipeline))
        except BaseException as error:
            end(store, run, status="FAILED" if isinstance(error, Exception) else "KILLED")
            raise
        found = {"present": made.choice.present.value, "best": made.choice.best.value}
        end(store, run, log_ratios=found, model=made.file)
    return made


def ground_of(lines: Lines, pipeline: Pipeline, as_of: date, *, step: Callable[[str], None] = lambda _: None) -> Course:
    """Return the past dates on which settings are tried: their horizons are over one horizon before as_of.

    HistoryError, with the first possible as_of, where there are none.
    """
    before = as_of - timedelta(days=pipeline.target.horizon_days)
    days = pipeline.target.horizon_days
    dates = judged_dates(before, first_known=lines.first_known, horizon_days=days, most=CUT_OFFS)
    if not dates:
        raise _too_short(lines, pipeline, as_of)
    return course(lines, dates, pipeline, known_before=before, step=step)


def study_key(pipeline: Pipeline, as_of: date, data: str) -> str:
    """Return what tells one study from another: other lines, another target or another search is another study.

    `data` is the digest of the order lines that are seen. The present settings are not in it where they are searched.
    """
    space = space_around(pipeline.model)
    fixed = pipeline.model.model_dump(mode="json", exclude={*space, "tuned_before", "season"})
    said: list[Any] = [pipeline.name, str(as_of), pipeline.target.model_dump(), data, space, fixed]
    if extra := sorted(e.computed for e in declared(pipeline)):
        said.append(extra)
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]


def _folder(store: Store) -> Path:
    return (store.database.parent if store.database else Path.cwd() / "mlruns") / "tuning"


def _so_far(trials: tuple[Trial, ...], wanted: int) -> str:
    complete = [t.value for t in trials if t.state == "complete"]
    count = sum(t.state != "failed" for t in trials)
    best = f", the best {math.exp(max(complete)):.2f} x the best plain ranking" if complete else ""
    return f"{count} of {wanted} trials{best}"


def _warnings(ground: Course, pipeline: Pipeline) -> tuple[str, ...]:
    said = [f"{d} was left out. {why}" for d, why in sorted(ground.left_out.items())]
    if len(ground.cut_offs) == 1:
        said.append("Only 1 past date fits: differences are mostly noise.")
    if pipeline.model.borrow:
        said.append("Trials learn from own lines alone, not from what model.borrow names.")
    return tuple(said)


def _too_short(lines: Lines, pipeline: Pipeline, as_of: date) -> HistoryError:
    """Return the error for an as_of without a past date to try on, with the first that has one."""
    horizon = timedelta(days=pipeline.target.horizon_days)
    first = lines.first_known(as_of - horizon)
    learn = _next_first(first + horizon)
    possible = _next_first(learn + horizon) + 2 * horizon
    return HistoryError(
        f"Expected an as_of with a past date to try settings on, two horizons of {horizon.days} days before it and "
        f"with a training date before that, got {as_of} in a source that begins on {first}.",
        hint=f"The first possible as_of is {possible}.",
    )


def _next_first(day: date) -> date:
    return firsts_of_months(day, day + timedelta(days=31))[0]
