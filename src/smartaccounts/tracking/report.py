"""Log a report, figures and files about a pipeline, as one run without a model; no leaderboard shows it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from matplotlib.figure import Figure

from smartaccounts.evaluation.figures import save
from smartaccounts.tracking.content import Point, as_json
from smartaccounts.tracking.log import KIND, datasets, experiment_id, log_points
from smartaccounts.tracking.store import Store, reached


@dataclass(frozen=True)
class Report:
    """What a report leaves in MLflow; as a training, it must hold no names of customers, no lists and no order lines.

    kind: what it is, not 'training'. metrics: what is not finite is left out. digests: data set -> digest. figures:
    name -> figure. artifacts: file name -> text, or content to be written as JSON.
    """

    pipeline: str
    kind: str
    name: str
    description: str
    metrics: Mapping[str, float] = field(default_factory=dict)
    digests: Mapping[str, str] = field(default_factory=dict)
    figures: Mapping[str, Figure] = field(default_factory=dict)
    artifacts: Mapping[str, str | Mapping[str, object]] = field(default_factory=dict)


def log_report(store: Store, report: Report) -> str:
    """Log a report as one run of its pipeline's experiment and return the run id.

    ModelError where the store cannot be reached. A run that was not finished is marked FAILED, or KILLED by Ctrl-C.
    """
    tags = {
        KIND: report.kind,
        "mlflow.source.name": "smartaccounts compare",
        "mlflow.source.type": "LOCAL",
        "mlflow.note.content": report.description,
    }
    with reached(store) as (mlflow, client):
        made = client.create_run(experiment_id(client, store, report.pipeline), run_name=report.name, tags=tags)
        run_id = str(made.info.run_id)
        try:
            finite = [Point(name, value) for name, value in report.metrics.items() if math.isfinite(value)]
            log_points(mlflow, client, run_id, finite)
            client.log_inputs(run_id, datasets=list(datasets(mlflow, report.digests)))
            with TemporaryDirectory() as temporary:
                _write(report, Path(temporary))
                client.log_artifacts(run_id, temporary)
        except BaseException as error:
            client.set_terminated(run_id, "FAILED" if isinstance(error, Exception) else "KILLED")
            raise
        client.set_terminated(run_id)
    return run_id


def _write(report: Report, folder: Path) -> None:
    (folder / "figures").mkdir()
    for name, figure in report.figures.items():
        save(figure, folder / "figures" / f"{name}.png")
    for name, content in report.artifacts.items():
        text = content if isinstance(content, str) else as_json(content)
        (folder / name).write_text(text, encoding="utf-8")
