from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
from matplotlib.figure import Figure
from tests.unit.evaluation.test_draws import FEB, JAN, drawn, folds

from smartaccounts.evaluation.draws import DRAWS, as_text
from smartaccounts.tracking import report as reports
from smartaccounts.tracking.content import Training
from smartaccounts.tracking.draws import read_draws
from smartaccounts.tracking.leaderboard import leaderboard
from smartaccounts.tracking.log import log_training
from smartaccounts.tracking.report import Report, log_report
from smartaccounts.tracking.store import Store, reached


@pytest.fixture
def report(training: Training) -> Report:
    return Report(
        pipeline="shop",
        kind="selection",
        name="selection of two dates",
        description="One sentence.",
        metrics={"mean_regret/growth": 0.05, "mean_regret/rfm": math.nan},
        digests={"order_lines": "12-ab"},
        figures=training.figures,
        artifacts={"selection.html": "<!doctype html>\n", "selection.json": {"leader": "growth"}},
    )


def test_a_report_is_a_finished_run_with_its_files(store: Store, report: Report, tmp_path: Path) -> None:
    run_id = log_report(store, report)
    with reached(store) as (_, client):
        run = client.get_run(run_id)
        folder = Path(client.download_artifacts(run_id, "", str(tmp_path / "there")))
        assert client.get_experiment(run.info.experiment_id).name == "smartaccounts/shop"
    assert (run.info.status, run.info.run_name) == ("FINISHED", "selection of two dates")
    assert run.data.tags["kind"] == "selection"
    assert run.data.tags["mlflow.note.content"] == "One sentence."
    assert run.data.metrics == {"mean_regret/growth": 0.05}
    assert [d.dataset.digest for d in run.inputs.dataset_inputs] == ["12-ab"]
    assert (folder / "selection.html").read_text() == "<!doctype html>\n"
    assert json.loads((folder / "selection.json").read_text()) == {"leader": "growth"}
    assert (folder / "figures" / "gain.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_a_report_is_no_training(store: Store, report: Report, training: Training) -> None:
    log_report(store, report)
    assert leaderboard(store, "shop") == []
    logged = log_training(store, training)
    log_report(store, report)
    assert [r.run_id for r in leaderboard(store, "shop")] == [logged.run_id]


@pytest.mark.parametrize(("error", "status"), [(RuntimeError, "FAILED"), (KeyboardInterrupt, "KILLED")])
def test_a_report_that_was_not_finished_says_so(
    store: Store, report: Report, monkeypatch: pytest.MonkeyPatch, error: type[BaseException], status: str
) -> None:
    def stop(_: Figure, __: Path) -> None:
        raise error

    monkeypatch.setattr(reports, "save", stop)
    with pytest.raises(error):
        log_report(store, report)
    with reached(store) as (_, client):
        experiment = client.get_experiment_by_name("smartaccounts/shop").experiment_id
        assert [r.info.status for r in client.search_runs([experiment])] == [status]


@pytest.mark.slow
def test_draws_are_read_back_by_run(store: Store, training: Training, another: Training) -> None:
    made = drawn(folds(JAN, FEB))
    with_draws = log_training(store, replace(training, artifacts={DRAWS: as_text(made)}))
    without = log_training(store, another)
    found = read_draws(store, [with_draws.run_id, without.run_id])
    assert list(found) == [with_draws.run_id]
    assert (found[with_draws.run_id].values == made.values).all()


@pytest.mark.slow
def test_draws_that_cannot_be_read_are_as_none(store: Store, training: Training) -> None:
    logged = log_training(store, replace(training, artifacts={DRAWS: '{"draws": "of another kind"}'}))
    assert read_draws(store, [logged.run_id]) == {}
