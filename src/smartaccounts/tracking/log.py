"""Log a training as one run, register its model and make it the challenger."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from smartaccounts.errors import ModelError
from smartaccounts.growth_list.words import words
from smartaccounts.tracking.content import Point, Training, files, means, points
from smartaccounts.tracking.model import write_model
from smartaccounts.tracking.store import Store, already_there, experiment_name, model_name, reached

KIND = "kind"
"""Tag of a run: what it is; a leaderboard shows trainings only."""

MODEL_VERSION = "model_version"
"""Tag of a run and of a registered version: the bundle's own version, as lists and run.json name it."""

CHALLENGER = "challenger"
PARAMS_AT_ONCE, METRICS_AT_ONCE = 100, 500
DIGEST_LENGTH = 36
"""More of a digest MLflow's data set table does not hold; the whole one is in the bundle."""


@dataclass(frozen=True)
class Logged:
    """Where a training went: the run, and the registered version of its model."""

    run_id: str
    version: int


def log_training(store: Store, training: Training, *, alias: str | None = CHALLENGER) -> Logged:
    """Log a training as one run of its pipeline's experiment; register the model and give it the alias.

    ModelError where the store cannot be reached. A run that was not finished is marked FAILED, or KILLED by Ctrl-C, and
    has no registered version.
    """
    with reached(store) as (mlflow, client):
        run_id = client.create_run(experiment_id(client, store, training.pipeline), **_about(training)).info.run_id
        try:
            _log_run(mlflow, client, run_id, training)
            model = _log_model(mlflow, client, run_id, training)
            version = _register(mlflow, client, model, training)
            if alias is not None:
                client.set_registered_model_alias(model_name(training.pipeline), alias, str(version))
        except BaseException as error:
            client.set_terminated(run_id, "FAILED" if isinstance(error, Exception) else "KILLED")
            raise
        client.set_terminated(run_id)
        return Logged(run_id, version)


def experiment_id(client: Any, store: Store, pipeline: str) -> str:
    """Return the id of the pipeline's experiment, created with its own artifact folder where it is new."""
    name = experiment_name(pipeline)
    found = client.get_experiment_by_name(name)
    if found is None:
        folder = None if store.artifacts is None else f"{store.artifacts}/{pipeline}"
        try:
            return str(client.create_experiment(name, artifact_location=folder, tags=_about_experiment(pipeline)))
        except Exception as error:
            if not already_there(error):
                raise
            found = client.get_experiment_by_name(name)
    if found.lifecycle_stage != "active":
        raise ModelError(
            f"Expected the experiment {name!r}, got a deleted one in {store.shown}.",
            hint=f"Bring it back: mlflow experiments restore --experiment-id {found.experiment_id}",
        )
    return str(found.experiment_id)


def _about_experiment(pipeline: str) -> dict[str, str]:
    """Return the tags of a new experiment: its description, and which of its views MLflow opens it in."""
    return {
        "mlflow.note.content": f"Trainings of the pipeline {pipeline}: which small customers will become key accounts?",
        "mlflow.experimentKind": "custom_model_development",
    }


def _about(training: Training) -> dict[str, Any]:
    """Return a run's name and tags."""
    card, version = training.bundle.card, training.bundle.version
    tags = {
        KIND: "training",
        MODEL_VERSION: version,
        "mlflow.source.name": "smartaccounts train",
        "mlflow.source.type": "LOCAL",
        "mlflow.note.content": _description(training),
        "ranker": card.ranker,
        "as_of": card.as_of,
    }
    return {"run_name": version, "tags": tags | dict(training.tags)}


def _description(training: Training) -> str:
    card = training.bundle.card
    return " ".join([card.verdict, *map(words("en").note, card.notes)])


def _log_run(mlflow: Any, client: Any, run_id: str, training: Training) -> None:
    params = [mlflow.entities.Param(k, v) for k, v in training.params.items()]
    for start in range(0, len(params), PARAMS_AT_ONCE):
        client.log_batch(run_id, params=params[start : start + PARAMS_AT_ONCE])
    log_points(mlflow, client, run_id, points(training))
    client.log_inputs(run_id, datasets=list(datasets(mlflow, training.digests)))
    with TemporaryDirectory() as temporary:
        for name, write in files(training):
            path = Path(temporary) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            write(path)
        client.log_artifacts(run_id, temporary)


def log_points(mlflow: Any, client: Any, run_id: str, logged: Iterable[Point], model_id: str | None = None) -> None:
    """Log metrics of a run, and of a model where one is named."""
    now = int(time.time() * 1000)
    metrics = [
        mlflow.entities.Metric(
            p.name, p.value, now if p.milliseconds is None else p.milliseconds, p.step,
            model_id=model_id, run_id=run_id if model_id else None,
        )
        for p in logged
    ]  # fmt: skip
    for start in range(0, len(metrics), METRICS_AT_ONCE):
        client.log_batch(run_id, metrics=metrics[start : start + METRICS_AT_ONCE])


def datasets(mlflow: Any, digests: Mapping[str, str]) -> Iterator[Any]:
    """Yield the data sets by name and digest: enough to see that two runs saw the same data, and no more."""
    entities = mlflow.entities
    for name, digest in digests.items():
        dataset = entities.Dataset(name, digest[:DIGEST_LENGTH], source_type="order lines", source="{}")
        yield entities.DatasetInput(dataset, [entities.InputTag("mlflow.data.context", "training")])


def _log_model(mlflow: Any, client: Any, run_id: str, training: Training) -> Any:
    experiment = client.get_run(run_id).info.experiment_id
    model = client.create_logged_model(
        experiment,
        training.bundle.card.ranker,
        run_id,
        tags={"mlflow.note.content": _description(training), MODEL_VERSION: training.bundle.version},
        params=dict(training.params),
        model_type="ranker",
    )
    client.log_outputs(run_id, [mlflow.entities.LoggedModelOutput(model.model_id, step=0)])
    log_points(mlflow, client, run_id, [p for p in points(training) if p in set(means(training))], model.model_id)
    with TemporaryDirectory() as temporary:
        folder = Path(temporary) / "model"
        write_model(mlflow, training.bundle, folder, run_id=run_id, model_id=model.model_id)
        client.log_model_artifacts(model.model_id, str(folder))
    return client.finalize_logged_model(model.model_id, "READY")


def _register(mlflow: Any, client: Any, model: Any, training: Training) -> int:
    name, card = model_name(training.pipeline), training.bundle.card
    try:
        client.create_registered_model(
            name, description=f"Which small customers of {training.pipeline} will grow into key accounts."
        )
    except Exception as error:
        if not already_there(error):
            raise
    tags = {MODEL_VERSION: training.bundle.version, "ranker": card.ranker, "as_of": card.as_of}
    # MLflow looks a models:/ address up in the global store, which the user's own code may have set to another
    ours = mlflow.get_tracking_uri() == client.tracking_uri
    source = f"models:/{model.model_id}" if ours else model.artifact_location
    made = client.create_model_version(
        name, source, model.source_run_id, tags=tags, description=card.verdict, model_id=model.model_id
    )
    versions = [{"name": name, "version": made.version}]  # links the model's page to its version
    client.set_logged_model_tags(model.model_id, {"mlflow.modelVersions": json.dumps(versions)})
    return int(made.version)
