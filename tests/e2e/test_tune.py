"""The search for settings as a command: killed in the middle, it goes on where it was."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.e2e.conftest import Said, call, new_store

from smartaccounts.tracking.store import reached, store_at

pytestmark = pytest.mark.slow

COMMAND = [sys.executable, "-W", "error::UserWarning", "-c", "from smartaccounts.cli.app import main; main()"]
TRIALS = "6"
WORDS = ("tune", "supplier.yaml", "--as-of", "2024-01-01", "--trials", TRIALS)


def copied(supplier: Path, template: Path, folder: Path) -> Path:
    for file in ("orders.parquet", "supplier.yaml"):
        shutil.copy(supplier / file, folder / file)
    new_store(folder, template)
    return folder


def ended(folder: Path, number: signal.Signals, *, after: str) -> tuple[int, str]:
    """Send a signal when a step was told; return the exit code and what came after it on stderr."""
    environment = os.environ | {"SMARTACCOUNTS_THREADS": "1", "MPLCONFIGDIR": str(folder)}
    with subprocess.Popen(
        [*COMMAND, *WORDS, "-v"], cwd=folder, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stderr is not None
        told = ""
        while after not in told:
            told = process.stderr.readline()
            assert told, "it ended before the step was told"
        process.send_signal(number)
        _, err = process.communicate(timeout=120)
    return process.returncode, err


def runs(folder: Path) -> list[Any]:
    store = store_at(folder)
    with reached(store) as (_, client):
        return list(client.search_runs([client.get_experiment_by_name("smartaccounts/supplier").experiment_id]))


@pytest.fixture(scope="module")
def whole(supplier: Path, template: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Said]:
    """A search that nothing stopped."""
    folder = copied(supplier, template, tmp_path_factory.mktemp("whole"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        said = call(*WORDS, "--json")
    assert (said.code, said.err) == (0, "")
    return folder, said


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_stopped_after_three_trials_the_same_command_goes_on(
    number: signal.Signals, whole: tuple[Path, Said], supplier: Path, template: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    folder = copied(supplier, template, tmp_path)
    monkeypatch.chdir(folder)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    code, err = ended(folder, number, after=f"3 of {TRIALS} trials")
    assert code == (-signal.SIGKILL if number == signal.SIGKILL else 130)
    assert "Traceback" not in err
    (file,) = folder.glob("mlruns/tuning/*.journal")
    began = file.read_bytes()

    said = call(*WORDS, "--json", "-v")
    assert said.code == 0
    assert next(line for line in said.err.splitlines() if "trials" in line).startswith(f"Tune: 3 of {TRIALS} trials")
    assert file.read_bytes().startswith(began)  # what was done was not done again
    ours, theirs = said.json, whole[1].json
    assert ours["trials"] == int(TRIALS)
    for result in (ours, theirs):
        result["best"].pop("trial")  # the one that was stopped has a number too
    assert ours == theirs

    logged = runs(folder)
    (parent,) = [r for r in logged if r.data.tags["kind"] == "tuning"]
    trials = [r for r in logged if r.data.tags.get("mlflow.parentRunId") == parent.info.run_id]
    states = [t.data.tags["state"] for t in trials]
    assert parent.info.status == "FINISHED"
    assert len(trials) == len(logged) - 1 == int(TRIALS) + states.count("failed")
    assert states.count("failed") <= 1


def test_when_all_is_done_it_only_reports(whole: tuple[Path, Said], monkeypatch: pytest.MonkeyPatch) -> None:
    folder, first = whole
    monkeypatch.chdir(folder)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    logged = len(runs(folder))
    said = call(*WORDS)
    assert said.code == 0
    assert f"{TRIALS} trials (" in said.words
    assert "Nothing known on 2023-07-03 or later was seen." in said.words
    assert "picked on these dates and is flattered by that; the gate judges on later ones." in said.words
    better = json.loads(first.out)["better"]
    assert ("paste below `model:`" in said.words) == better
    assert ("keep the present settings" in said.words) != better
    assert len(runs(folder)) == logged


def test_a_leaderboard_knows_nothing_of_it(whole: tuple[Path, Said], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(whole[0])
    said = call("compare", "supplier.yaml")
    assert said.code == 2
    assert "Expected trainings of 'supplier', got none" in said.err


def test_the_best_settings_lie_beside_the_run(whole: tuple[Path, Said]) -> None:
    (file,) = whole[0].glob("mlruns/artifacts/supplier/*/artifacts/model.yaml")
    said = yaml.safe_load(file.read_text())
    assert str(said.pop("tuned_before")) == "2023-07-03"
    assert said == json.loads(whole[1].out)["best"]["settings"]
