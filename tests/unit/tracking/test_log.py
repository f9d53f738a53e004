from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from smartaccounts.bundle import Bundle, load
from smartaccounts.features.extra import Extra
from smartaccounts.tracking import log, model
from smartaccounts.tracking.content import Training, files
from smartaccounts.tracking.library import quiet
from smartaccounts.tracking.log import log_training
from smartaccounts.tracking.registry import fetch
from smartaccounts.tracking.store import Store, reached


@pytest.fixture(scope="module")
def run(shared_store: Store, training: Training) -> Any:
    """One training, logged into `shared_store`."""
    logged = log_training(shared_store, training)
    with reached(shared_store) as (_, client):
        return client.get_run(logged.run_id)


def _mlruns(store: Store) -> Path:
    assert store.database is not None
    return store.database.parent


def _artifacts(store: Store, run_id: str, folder: Path) -> Path:
    (folder / "downloaded").mkdir()
    with reached(store) as (_, client):
        return Path(client.download_artifacts(run_id, "", str(folder / "downloaded")))


def test_a_run_holds_params_tags_and_finite_metrics(run: Any, training: Training) -> None:
    assert run.info.status == "FINISHED"
    assert run.info.run_name == training.bundle.version
    assert run.data.params == training.params
    assert run.data.tags["ranker"] == "growth"
    assert run.data.tags["as_of"] == "2011-06-01"
    assert run.data.tags["country"] == "IE"
    assert run.data.tags["mlflow.note.content"] == (
        "Better than the plain ranking. The recipe was judged on past dates; "
        "this is its refit on all 2 dates over by June 1, 2011."
    )
    assert run.data.metrics == {
        "average_precision": 0.2,
        "average_precision_low": 0.1,
        "average_precision_high": 0.3,
        "auc": 0.8,
        "by_date/average_precision": 0.25,
        "by_date/skill": 0.1,
    }


def test_metrics_of_single_dates_are_steps_stamped_with_their_date(
    shared_store: Store, run: Any, tmp_path: Path
) -> None:
    with reached(shared_store) as (_, client):
        history = client.get_metric_history(run.info.run_id, "by_date/average_precision")
    days = [str(pd.Timestamp(m.timestamp, unit="ms").date()) for m in history]
    assert [(m.step, m.value) for m in history] == [(0, 0.15), (1, 0.25)]
    assert days == ["2010-12-01", "2011-03-01"]
    named = json.loads((_artifacts(shared_store, run.info.run_id, tmp_path) / "by_date.json").read_text())
    assert named["steps"][0] == {"step": 0, "as_of": "2010-12-01", "average_precision": 0.15, "skill": None}


def test_data_sets_are_logged_by_name_and_digest_only(run: Any) -> None:
    (logged,) = run.inputs.dataset_inputs
    dataset = logged.dataset
    assert (dataset.name, dataset.digest, dataset.source) == ("order_lines", "d" * 36, "{}")
    assert dataset.schema is None
    assert dataset.profile is None
    assert [(t.key, t.value) for t in logged.tags] == [("mlflow.data.context", "training")]


def test_files_of_a_run(shared_store: Store, run: Any, training: Training, tmp_path: Path) -> None:
    folder = _artifacts(shared_store, run.info.run_id, tmp_path)
    assert {p.name for p in folder.iterdir()} == {"bundle", "figures", "quality.json", "catalogue.md", "by_date.json"}
    assert (folder / "figures" / "gain.png").read_bytes().startswith(b"\x89PNG")
    assert (folder / "catalogue.md").read_text() == "# Features\n"
    assert json.loads((folder / "quality.json").read_text()) == {"rows_in": 10, "missing": None}
    assert load(folder / "bundle").version == training.bundle.version


def test_artifacts_lie_below_the_folder_of_the_store(shared_store: Store, run: Any) -> None:
    assert run.info.artifact_uri.startswith((_mlruns(shared_store) / "artifacts" / "shop").as_uri())


def test_the_model_is_registered_as_challenger_with_what_it_is(
    shared_store: Store, run: Any, training: Training
) -> None:
    with reached(shared_store) as (_, client):
        version = client.get_model_version_by_alias("smartaccounts-shop", "challenger")
        logged = client.get_logged_model(version.source.removeprefix("models:/"))
    assert (version.version, version.run_id) == (1, run.info.run_id)
    assert version.tags["model_version"] == training.bundle.version
    assert version.description == "Better than the plain ranking."
    assert {m.key: m.value for m in logged.metrics}["average_precision"] == 0.2
    assert logged.status == "READY"
    assert json.loads(logged.tags["mlflow.modelVersions"]) == [{"name": "smartaccounts-shop", "version": 1}]


def test_the_experiment_says_what_it_is(shared_store: Store, run: Any) -> None:
    with reached(shared_store) as (_, client):
        experiment = client.get_experiment(run.info.experiment_id)
    assert experiment.name == "smartaccounts/shop"
    assert experiment.tags["mlflow.experimentKind"] == "custom_model_development"
    assert "shop" in experiment.tags["mlflow.note.content"]


@pytest.mark.slow
def test_an_experiment_and_a_model_that_another_process_just_created_are_used(
    store: Store, training: Training, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = log_training(store, training)
    with reached(store) as (mlflow, _):
        look = mlflow.MlflowClient.get_experiment_by_name
        asked: list[str] = []

        def late(self: Any, name: str) -> Any:
            asked.append(name)
            return look(self, name) if len(asked) > 1 else None

        monkeypatch.setattr(mlflow.MlflowClient, "get_experiment_by_name", late)
    logged = log_training(store, training)
    with reached(store) as (_, client):
        of = {client.get_run(r.run_id).info.experiment_id for r in (first, logged)}
    assert len(of) == 1
    assert logged.version == 2


@pytest.mark.slow
def test_another_training_takes_the_alias_over(store: Store, training: Training, another: Training) -> None:
    assert log_training(store, training).version == 1
    assert log_training(store, another).version == 2
    assert log_training(store, training, alias=None).version == 3
    with reached(store) as (_, client):
        assert client.get_model_version_by_alias("smartaccounts-shop", "challenger").version == 2


@pytest.mark.parametrize("name", ["decay_180", *(pytest.param(n, marks=pytest.mark.slow) for n in ("growth", "rfm"))])
def test_mlflow_predicts_what_the_bundle_predicts(
    name: str, store: Store, training: Training, frame: pd.DataFrame, plain_bundle: Callable[[str], Bundle]
) -> None:
    bundle = training.bundle if name == "growth" else plain_bundle(name)
    log_training(store, replace(training, bundle=bundle))
    with quiet(uri=store.uri) as mlflow:
        predicted = mlflow.pyfunc.load_model("models:/smartaccounts-shop@challenger").predict(frame)
    expected = bundle.fitted.score(frame)
    np.testing.assert_array_equal(predicted["score"], expected.score)
    if expected.probability is None:
        assert predicted["probability"].isna().all()
    else:
        np.testing.assert_array_equal(predicted["probability"], expected.probability)


@pytest.mark.slow
def test_a_store_that_the_users_own_code_has_set_stays_and_is_not_written_to(
    store: Store, training: Training, template: Path
) -> None:
    with quiet() as mlflow:
        other = f"sqlite:///{template}"
        mlflow.set_tracking_uri(other)
        try:
            assert log_training(store, training).version == 1
            assert mlflow.get_tracking_uri() == other
            assert mlflow.MlflowClient(other, other).search_registered_models() == []
        finally:
            mlflow.set_tracking_uri(None)
    assert fetch(store, "shop", "1").version == training.bundle.version


@pytest.fixture
def written(growth_bundle: Bundle, tmp_path: Path) -> Path:
    folder = tmp_path / "written"
    with quiet() as mlflow:
        model.write_model(mlflow, growth_bundle, folder, run_id="r" * 32, model_id="m-1")
    return folder


def test_the_model_has_no_pickle_no_path_and_no_address(written: Path, tmp_path: Path) -> None:
    files = {
        p.relative_to(written).as_posix(): p.read_text(encoding="utf-8") for p in written.rglob("*") if p.is_file()
    }
    assert {"MLmodel", "model_code.py", "requirements.txt", "artifacts/bundle/bundle.json"} <= set(files)
    assert not [name for name in files if name.endswith((".pkl", ".pickle", ".joblib", ".lock"))]
    for name, text in files.items():
        for leak in (str(tmp_path), "/tmp/", str(Path.home()) + "/", "site-packages", "http://", "https://"):
            assert leak not in text, (name, leak)
    pinned = files["requirements.txt"].split()
    assert pinned == model.requirements()
    assert all(line.count("==") == 1 for line in pinned)


def test_the_signature_names_features_and_never_a_customer(written: Path, frame: pd.DataFrame) -> None:
    with quiet() as mlflow:
        signature = mlflow.models.Model.load(written).signature
    names = signature.inputs.input_names()
    assert {"as_of", "market", "key_spend", "small_spend", "spend_182d"} <= set(names) <= set(frame.columns)
    assert not {"customer_id", "active", "eligible"} & set(names)
    assert [(c.name, c.type.name) for c in signature.outputs] == [("score", "double"), ("probability", "double")]


def test_the_signature_names_the_features_of_the_pipeline_file(training: Training) -> None:
    own = (Extra("mine", "SUM(amount)", "money", "m"),)
    bundle = replace(training.bundle, card=replace(training.bundle.card, extra=own))
    with quiet() as mlflow:
        names, plain = (model._signature(mlflow, b).inputs.input_names() for b in (bundle, training.bundle))
    assert names == [*plain, "mine"]


def test_no_customer_reaches_the_store(shared_store: Store, run: Any, frame: pd.DataFrame) -> None:
    secret = frame["customer_id"][0].encode()
    kept = [p for p in _mlruns(shared_store).rglob("*") if p.is_file()]
    assert len(kept) > 10
    assert not [p for p in kept if secret in p.read_bytes()]


@pytest.mark.parametrize(("error", "status"), [(KeyboardInterrupt, "KILLED"), (ZeroDivisionError, "FAILED")])
def test_an_interrupted_training_is_marked_and_has_no_version(
    store: Store, training: Training, monkeypatch: pytest.MonkeyPatch, error: type[BaseException], status: str
) -> None:
    def stop(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(log, "write_model", stop)
    with pytest.raises(error):
        log_training(store, training)
    with reached(store) as (_, client):
        found = client.search_runs([client.get_experiment_by_name("smartaccounts/shop").experiment_id])
        assert [r.info.status for r in found] == [status]
        assert client.search_model_versions("name = 'smartaccounts-shop'") == []


@pytest.mark.parametrize("name", ["../quality.json", "/quality.json", "bundle/growth.json"])
def test_an_artifact_cannot_lie_over_the_bundle_or_outside(training: Training, name: str) -> None:
    with pytest.raises(ValueError, match="beside the bundle"):
        list(files(replace(training, artifacts={name: "text"})))
