"""Log a search for settings: one run of kind tuning, with one nested run per trial."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from smartaccounts.evaluation.search import Trial
from smartaccounts.tracking.content import BY_DATE
from smartaccounts.tracking.log import KIND, experiment_id
from smartaccounts.tracking.store import Store, reached

STUDY, NUMBER, STATE = "study", "trial", "state"
"""Tags: of the parent, the key of its study; of a trial, its number and how it ended."""

PARENT = "mlflow.parentRunId"
RATIO, LOG_RATIO = "ratio_to_best_plain", "log_ratio"
MODEL_FILE = "model.yaml"


@dataclass(frozen=True)
class Tuning:
    """What a search is about. cut_offs: in the order in which a trial visits them. study: its key."""

    pipeline: str
    as_of: date
    tuned_before: date
    study: str
    cut_offs: tuple[date, ...]
    best_plain: str


def begin(store: Store, tuning: Tuning) -> str:
    """Return the id of the run of a study, created where it is new, and running in either case."""
    with reached(store) as (_, client):
        experiment = experiment_id(client, store, tuning.pipeline)
        found = client.search_runs([experiment], f"tags.`{KIND}` = 'tuning' AND tags.`{STUDY}` = '{tuning.study}'")
        if found:
            client.update_run(found[0].info.run_id, status="RUNNING")
            return str(found[0].info.run_id)
        tags = {
            KIND: "tuning",
            STUDY: tuning.study,
            "as_of": str(tuning.as_of),
            "mlflow.source.name": "smartaccounts tune",
            "mlflow.source.type": "LOCAL",
            "mlflow.note.content": f"Settings tried on what was known before {tuning.tuned_before}.",
        }
        run_id = str(client.create_run(experiment, run_name=f"tune-{tuning.as_of}", tags=tags).info.run_id)
        for name, value in (
            ("as_of", tuning.as_of),
            ("tuned_before", tuning.tuned_before),
            ("cut_offs", ", ".join(str(d) for d in sorted(tuning.cut_offs))),
            ("best_plain", tuning.best_plain),
        ):
            client.log_param(run_id, name, str(value))
        return run_id


def log_trials(store: Store, run_id: str, tuning: Tuning, trials: Sequence[Trial]) -> None:
    """Log the trials that have no finished run yet, each as a child of the run; one half logged is completed."""
    if not trials:
        return
    with reached(store) as (mlflow, client):
        experiment = client.get_run(run_id).info.experiment_id
        there = {c.data.tags[NUMBER]: c.info for c in _children(client, experiment, run_id)}
        for trial in trials:
            child = there.get(str(trial.number))
            if child is None or child.status == "RUNNING":
                child_id = child.run_id if child else _create(client, experiment, run_id, tuning, trial)
                client.log_batch(
                    child_id,
                    params=[mlflow.entities.Param(f"model.{k}", str(v)) for k, v in trial.settings.items()],
                    metrics=[mlflow.entities.Metric(*point) for point in _points(tuning, trial)],
                )
                status = "FAILED" if trial.state == "failed" else "FINISHED"
                client.set_terminated(child_id, status, end_time=_milliseconds(trial.end))


def end(
    store: Store,
    run_id: str,
    *,
    status: str = "FINISHED",
    log_ratios: Mapping[str, float] | None = None,
    model: str = "",
) -> None:
    """End the run of a study with the log ratios of the present and the best settings, and those settings as YAML."""
    with reached(store) as (_, client):
        for name, value in (log_ratios or {}).items():
            client.log_metric(run_id, f"{LOG_RATIO}_{name}", value)
            client.log_metric(run_id, f"{RATIO}_{name}", math.exp(value))
        if model:
            client.log_text(run_id, model, MODEL_FILE)
        client.set_terminated(run_id, status)


def _children(client: Any, experiment: str, run_id: str) -> list[Any]:
    found: list[Any] = []
    token = None
    while True:
        page = client.search_runs([experiment], f"tags.`{PARENT}` = '{run_id}'", page_token=token)
        found += page
        token = page.token
        if not token:
            return found


def _create(client: Any, experiment: str, run_id: str, tuning: Tuning, trial: Trial) -> str:
    tags = {
        KIND: "trial", PARENT: run_id, NUMBER: str(trial.number), STATE: trial.state, "as_of": str(tuning.as_of),
        "mlflow.source.name": "smartaccounts tune", "mlflow.source.type": "LOCAL",
    }  # fmt: skip
    name = f"trial {trial.number}"
    made = client.create_run(experiment, run_name=name, tags=tags, start_time=_milliseconds(trial.start))
    return str(made.info.run_id)


def _points(tuning: Tuning, trial: Trial) -> list[tuple[str, float, int, int]]:
    """Return (name, value, milliseconds, step): the means, and a step for each cut-off that was seen."""
    if not trial.by_cut_off:
        return []
    now = _milliseconds(trial.end)
    out = [(LOG_RATIO, trial.value, now, 0), (RATIO, math.exp(trial.value), now, 0)]
    seen = sorted(zip(tuning.cut_offs, trial.by_cut_off, strict=False))  # a pruned trial saw the first ones only
    dates = sorted(tuning.cut_offs)
    for as_of, value in seen:
        moment = datetime(as_of.year, as_of.month, as_of.day, tzinfo=UTC)
        out.append((f"{BY_DATE}/{RATIO}", math.exp(value), int(moment.timestamp() * 1000), dates.index(as_of)))
    return out


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
