"""The search for settings: an Optuna study in a file, which goes on where it was stopped."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState

from smartaccounts.config import Model
from smartaccounts.errors import PipelineError
from smartaccounts.evaluation.course import Course

Settings = dict[str, int | float]

SPACE: dict[str, tuple[float, float, bool]] = {
    "rounds": (50, 500, True),
    "learning_rate": (0.01, 0.15, True),
    "leaves": (4, 48, True),
    "min_rows_per_leaf": (20, 500, True),
    "row_sample": (0.3, 1.0, False),
    "column_sample": (0.1, 0.8, False),
    "l2": (1.0, 200.0, True),
    "weight_not_eligible": (0.0, 1.0, False),
    "curve_strength": (30.0, 30_000.0, True),
}
"""Knob of config.Model -> lowest, highest, on a log scale or not. Bins, bags and rows per bag trade time for noise."""

PRUNE_FROM = 2
"""Cut-offs that every trial sees."""

BY_CUT_OFF, SETTINGS = "by_cut_off", "settings"


@dataclass(frozen=True)
class Trial:
    """One set of settings and how it did: log ratios to the best plain ranking, one per cut-off seen, in their order.

    state: complete, pruned (after the cut-offs seen the median of the trials before was better) or failed.
    """

    number: int
    state: str
    settings: Settings
    by_cut_off: tuple[float, ...]
    start: datetime
    end: datetime

    @property
    def value(self) -> float:
        """Return the mean over the cut-offs seen."""
        return float(np.mean(self.by_cut_off))


@dataclass(frozen=True)
class Budget:
    """trials: how many are wanted in the study, those of earlier calls among them. until: no trial begins after it.

    `until` is a time of time.monotonic(), None where there is no limit. The present settings are tried in any case.
    """

    trials: int
    until: float | None = None


def present_settings(model: Model) -> Settings:
    """Return what a pipeline has now of the settings that are searched."""
    return {name: getattr(model, name) for name in SPACE}


def space_around(model: Model) -> dict[str, tuple[float, float, bool]]:
    """Return SPACE, widened where a pipeline's present setting lies outside; a present 0 knows no log scale."""
    wide = {}
    for name, value in present_settings(model).items():
        low, high, log = SPACE[name]
        wide[name] = (min(low, value), max(high, value), log and value > 0)
    return wide


def search(
    course: Course,
    model: Model,
    file: Path,
    *,
    budget: Budget,
    after: Callable[[tuple[Trial, ...]], None] = lambda _: None,
) -> tuple[Trial, ...]:
    """Try settings until the budget is used up; return all trials that ended so far, in their order.

    The study lives in `file`: what an earlier call did is not done again, a trial that it left unfinished is marked as
    failed and does not count. Every proposal depends on the trials before it and on `model.seed` alone: a search that
    was stopped proposes what it would have proposed. `after` is told of all trials at the start and after each trial.
    One process at a time: call it inside `alone`.
    """
    present = present_settings(model)
    with _study(file) as study:
        for left in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            study.tell(left.number, state=TrialState.FAIL)
        if not any(t.settings == present for t in _ended(study) if t.state == "complete") and not study.get_trials(
            deepcopy=False, states=(TrialState.WAITING,)
        ):
            study.enqueue_trial(present)
        after(_ended(study))
        while _goes_on(study, budget):
            counted = _counted(study)
            study.sampler = optuna.samplers.TPESampler(seed=(model.seed * 100_003 + counted) % 2**32)
            study.optimize(lambda trial: _objective(trial, course, model), n_trials=1)
            after(_ended(study))
        return _ended(study)


def _goes_on(study: optuna.Study, budget: Budget) -> bool:
    if study.get_trials(deepcopy=False, states=(TrialState.WAITING,)):
        return True
    return _counted(study) < budget.trials and (budget.until is None or time.monotonic() < budget.until)


def _counted(study: optuna.Study) -> int:
    return len(study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED)))


def _objective(trial: optuna.Trial, course: Course, model: Model) -> float:
    present = present_settings(model)
    settings = _suggested(trial, model)
    trial.set_user_attr(SETTINGS, settings)
    values: list[float] = []
    for value in course.run(model.model_copy(update=settings)):
        values.append(value)
        trial.report(float(np.mean(values)), len(values))
        unfinished = PRUNE_FROM <= len(values) < len(course.cut_offs)
        if unfinished and settings != present and trial.should_prune():
            trial.set_user_attr(BY_CUT_OFF, values)
            raise optuna.TrialPruned
    trial.set_user_attr(BY_CUT_OFF, values)
    return float(np.mean(values))


def _suggested(trial: optuna.Trial, model: Model) -> Settings:
    """Return settings as a file shows them: three digits, so that what is recommended is what was tried."""
    out: Settings = {}
    for name, value in present_settings(model).items():
        low, high, log = space_around(model)[name]
        whole = Model.model_fields[name].annotation is int
        if whole:
            out[name] = trial.suggest_int(name, int(low), int(high), log=log)
        else:
            got = trial.suggest_float(name, low, high, log=log)
            out[name] = value if got == value else float(f"{got:.3g}")
    return out


def _ended(study: optuna.Study) -> tuple[Trial, ...]:
    states = {TrialState.COMPLETE: "complete", TrialState.PRUNED: "pruned", TrialState.FAIL: "failed"}
    return tuple(_trial(t, states[t.state]) for t in study.get_trials(deepcopy=False, states=tuple(states)))


def _trial(trial: FrozenTrial, state: str) -> Trial:
    attributes: Mapping[str, Any] = trial.user_attrs
    start, end = trial.datetime_start, trial.datetime_complete
    if start is None or end is None:
        raise ValueError(f"Expected a trial that began and ended, got {trial.state.name}.")
    return Trial(
        number=trial.number,
        state=state,
        settings=attributes.get(SETTINGS, {}),
        by_cut_off=tuple(attributes.get(BY_CUT_OFF, ())),
        start=start,
        end=end,
    )


@contextmanager
def _study(file: Path) -> Iterator[optuna.Study]:
    """Yield the study of a file, new where there is none; Optuna's log lines are kept off the terminal.

    The file is a journal, one line per fact: what is written stays, whenever the process ends.
    """
    loud = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        _mend(file)
        yield optuna.create_study(
            storage=JournalStorage(JournalFileBackend(str(file))),
            study_name=file.stem,
            direction="maximize",
            pruner=optuna.pruners.MedianPruner(n_startup_trials=5),
            load_if_exists=True,
        )
    finally:
        optuna.logging.set_verbosity(loud)


def _mend(file: Path) -> None:
    """Take away what a process leaves that ends while it writes: a lock, and the beginning of a line."""
    Path(f"{file}.lock").unlink(missing_ok=True)
    if file.exists() and not (content := file.read_bytes()).endswith(b"\n"):
        os.truncate(file, content.rfind(b"\n") + 1)


@contextmanager
def alone(file: Path) -> Iterator[None]:
    """Hold a lock on a study that ends with its process: an exclusive transaction on a file of its own.

    PipelineError where another process holds it.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(file.with_name(f".{file.name}.alone"), timeout=1, isolation_level=None)) as lock:
        try:
            lock.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError:
            raise PipelineError(
                f"Expected one search at a time, got another that runs in {file}.",
                hint="Wait for it to end, or stop it: the next one goes on from there.",
            ) from None
        yield
