"""The trainings of a pipeline side by side."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from smartaccounts.evaluation.intervals import Interval
from smartaccounts.tracking.content import BY_DATE
from smartaccounts.tracking.log import KIND, MODEL_VERSION
from smartaccounts.tracking.registry import registered
from smartaccounts.tracking.store import Store, experiment_name, reached


@dataclass(frozen=True)
class Row:
    """One training. version: of the registered model, None where it was deleted. model_version: the bundle's own.

    metrics: means over the judged dates; the ends of an interval are nan where none was logged. created: UTC.
    """

    run_id: str
    as_of: str
    ranker: str
    version: int | None
    model_version: str
    aliases: tuple[str, ...]
    metrics: Mapping[str, Interval]
    created: datetime


def leaderboard(store: Store, pipeline: str) -> list[Row]:
    """Return the finished trainings of a pipeline, the latest first; none where there is no store yet."""
    if not store.exists:
        return []
    models = {r.run_id: r for r in registered(store, pipeline)}
    rows: list[Row] = []
    with reached(store) as (_, client):
        experiment = client.get_experiment_by_name(experiment_name(pipeline))
        if experiment is None:
            return []
        token = None
        while True:
            page = client.search_runs(
                [experiment.experiment_id],
                f"tags.`{KIND}` = 'training' AND attributes.status = 'FINISHED'",
                order_by=["attributes.start_time DESC"],
                page_token=token,
            )
            for run in page:
                tags, model = run.data.tags, models.get(run.info.run_id)
                rows.append(
                    Row(
                        run_id=run.info.run_id,
                        as_of=tags.get("as_of", ""),
                        ranker=tags.get("ranker", ""),
                        version=model.version if model else None,
                        model_version=tags.get(MODEL_VERSION, ""),
                        aliases=model.aliases if model else (),
                        metrics=intervals(run.data.metrics),
                        created=datetime.fromtimestamp(run.info.start_time / 1000, tz=UTC),
                    )
                )
            token = page.token
            if not token:
                return rows


def intervals(logged: Mapping[str, float]) -> dict[str, Interval]:
    """Put NAME, NAME_low and NAME_high together again; metrics of single dates are left out.

    >>> intervals({"auc": 0.8, "auc_low": 0.7, "auc_high": 0.9, "by_date/auc": 0.6})["auc"]
    Interval(value=0.8, low=0.7, high=0.9, reason='')
    """
    ends = {f"{name}{end}" for name in logged for end in ("_low", "_high")}
    return {
        name: Interval(value, logged.get(f"{name}_low", math.nan), logged.get(f"{name}_high", math.nan))
        for name, value in logged.items()
        if name not in ends and not name.startswith(f"{BY_DATE}/")
    }
