"""A search in MLflow: one run with its trials below it, whenever and however often it is stopped."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from smartaccounts.evaluation.search import Trial
from smartaccounts.tracking import trials as logged
from smartaccounts.tracking.content import Training
from smartaccounts.tracking.leaderboard import leaderboard
from smartaccounts.tracking.log import log_training
from smartaccounts.tracking.store import Store, reached
from smartaccounts.tracking.trials import Tuning, begin, end, log_trials

START = datetime(2021, 1, 1, 12, tzinfo=UTC)
VISITED = (date(2010, 12, 1), date(2010, 6, 1), date(2010, 9, 1))
TUNING = Tuning("shop", date(2011, 12, 1), date(2011, 6, 2), "abc", VISITED, "past_h")


def trial(number: int, *by_cut_off: float, state: str = "complete") -> Trial:
    moment = START + timedelta(minutes=number)
    return Trial(number, state, {"leaves": 4 + number, "l2": 2.5}, by_cut_off, moment, moment + timedelta(seconds=30))


def children(store: Store, run_id: str) -> list[Any]:
    with reached(store) as (_, client):
        experiment = client.get_run(run_id).info.experiment_id
        found = client.search_runs([experiment], f"tags.`mlflow.parentRunId` = '{run_id}'")
        return sorted(found, key=lambda r: int(r.data.tags["trial"]))


def test_each_trial_is_a_child_with_settings_measures_and_how_it_ended(store: Store) -> None:
    run_id = begin(store, TUNING)
    stopped = [trial(1, -0.5, -0.4, state="pruned"), trial(2, state="failed")]
    log_trials(store, run_id, TUNING, [trial(0, 0.1, 0.2, 0.3), *stopped])
    whole, pruned, failed = children(store, run_id)
    assert [r.data.tags["state"] for r in (whole, pruned, failed)] == ["complete", "pruned", "failed"]
    assert [r.info.status for r in (whole, pruned, failed)] == ["FINISHED", "FINISHED", "FAILED"]
    assert {r.data.tags["kind"] for r in (whole, pruned, failed)} == {"trial"}
    assert whole.data.params == {"model.leaves": "4", "model.l2": "2.5"}
    assert whole.data.metrics["log_ratio"] == pytest.approx(0.2)
    assert whole.data.metrics["ratio_to_best_plain"] == pytest.approx(math.exp(0.2))
    assert failed.data.metrics == {}
    assert whole.info.end_time - whole.info.start_time == 30_000
    with reached(store) as (_, client):
        steps = client.get_metric_history(pruned.info.run_id, "by_date/ratio_to_best_plain")
    # it saw the latest and the earliest date: steps 2 and 0 of the three
    assert {m.step: m.value for m in steps} == pytest.approx({2: math.exp(-0.5), 0: math.exp(-0.4)})
    stamped = {m.step: datetime.fromtimestamp(m.timestamp / 1000, tz=UTC).date() for m in steps}
    assert stamped == {2: date(2010, 12, 1), 0: date(2010, 6, 1)}


def test_the_run_of_a_study_is_found_again_and_another_study_has_its_own(store: Store) -> None:
    run_id = begin(store, TUNING)
    end(store, run_id, status="KILLED")
    assert begin(store, TUNING) == run_id
    other = Tuning("shop", TUNING.as_of, TUNING.tuned_before, "def", TUNING.cut_offs, "past_h")
    assert begin(store, other) != run_id
    with reached(store) as (_, client):
        assert client.get_run(run_id).info.status == "RUNNING"


def test_trials_are_logged_once_and_one_half_logged_is_completed(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    run_id = begin(store, TUNING)
    two = [trial(0, 0.1, 0.1, 0.1), trial(1, 0.2, 0.2, 0.2)]

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    log_trials(store, run_id, TUNING, two[:1])
    with monkeypatch.context() as patch:
        patch.setattr(logged, "_points", stop)
        with pytest.raises(KeyboardInterrupt):
            log_trials(store, run_id, TUNING, two)
    assert [c.info.status for c in children(store, run_id)] == ["FINISHED", "RUNNING"]
    log_trials(store, run_id, TUNING, two)
    found = children(store, run_id)
    assert [c.info.status for c in found] == ["FINISHED", "FINISHED"]
    assert found[1].data.metrics["log_ratio"] == pytest.approx(0.2)


def test_the_end_leaves_the_best_settings_as_a_file(store: Store, tmp_path: Path) -> None:
    run_id = begin(store, TUNING)
    end(store, run_id, log_ratios={"best": 0.2, "present": 0.1}, model="leaves: 5\n")
    with reached(store) as (_, client):
        run = client.get_run(run_id)
        (tmp_path / "down").mkdir()
        file = Path(client.download_artifacts(run_id, "model.yaml", str(tmp_path / "down")))
    assert file.read_text() == "leaves: 5\n"
    assert (run.info.status, run.data.tags["kind"], run.data.tags["as_of"]) == ("FINISHED", "tuning", "2011-12-01")
    assert run.data.metrics["ratio_to_best_plain_best"] == pytest.approx(math.exp(0.2))
    assert run.data.params["tuned_before"] == "2011-06-02"
    assert run.data.params["cut_offs"] == "2010-06-01, 2010-09-01, 2010-12-01"


@pytest.mark.slow
def test_the_leaderboard_shows_trainings_only(store: Store, training: Training) -> None:
    kept = log_training(store, training)
    run_id = begin(store, TUNING)
    log_trials(store, run_id, TUNING, [trial(0, 0.1, 0.2, 0.3)])
    end(store, run_id)
    assert [r.run_id for r in leaderboard(store, "shop")] == [kept.run_id]
