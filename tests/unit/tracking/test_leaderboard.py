from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from smartaccounts.bundle import Bundle
from smartaccounts.evaluation.intervals import Interval
from smartaccounts.tracking.content import Training
from smartaccounts.tracking.leaderboard import leaderboard
from smartaccounts.tracking.log import log_training
from smartaccounts.tracking.registry import promote
from smartaccounts.tracking.store import Store, reached, store_at


@pytest.mark.slow
def test_a_leaderboard_has_a_row_per_training_the_latest_first(
    store: Store, training: Training, plain_bundle: Callable[[str], Bundle]
) -> None:
    first = log_training(store, training)
    plain = replace(training, bundle=plain_bundle("past_h"), metrics={})
    second = log_training(store, plain)
    promote(store, "shop", "1")
    later, earlier = leaderboard(store, "shop")
    assert (later.run_id, later.version, later.aliases) == (second.run_id, 2, ("challenger",))
    assert (later.ranker, later.metrics) == ("past_h", {})
    assert (earlier.run_id, earlier.version, earlier.aliases) == (first.run_id, 1, ("champion",))
    assert (earlier.ranker, earlier.as_of) == ("growth", "2011-06-01")
    assert earlier.model_version == training.bundle.version
    assert earlier.metrics["average_precision"] == Interval(0.2, 0.1, 0.3)
    assert earlier.metrics["auc"].value == 0.8
    assert math.isnan(earlier.metrics["auc"].low)
    assert set(earlier.metrics) == {"average_precision", "auc"}
    assert timedelta(0) <= datetime.now(UTC) - earlier.created < timedelta(minutes=5)


@pytest.mark.slow
def test_a_training_whose_version_was_deleted_stays_without_one(store: Store, training: Training) -> None:
    log_training(store, training)
    with reached(store) as (_, client):
        client.delete_model_version("smartaccounts-shop", "1")
    (row,) = leaderboard(store, "shop")
    assert (row.version, row.aliases) == (None, ())


def test_runs_that_are_no_finished_trainings_are_left_out(store: Store, training: Training) -> None:
    logged = log_training(store, training)
    with reached(store) as (_, client):
        experiment = client.get_run(logged.run_id).info.experiment_id
        client.create_run(experiment)
        client.create_run(experiment, tags={"kind": "training"})
    assert [r.run_id for r in leaderboard(store, "shop")] == [logged.run_id]


@pytest.mark.slow
def test_nothing_trained_is_an_empty_leaderboard(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert leaderboard(store, "shop") == []
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    nowhere = tmp_path / "nowhere"
    assert leaderboard(store_at(nowhere), "shop") == []
    assert not nowhere.exists()
