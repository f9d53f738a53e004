"""Tuning as a whole, with a log that only remembers: what is seen, what a study is, what is said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.unit.workflow.test_train import END, pipeline, write

from smartaccounts.config import Pipeline, pipeline_from
from smartaccounts.errors import HistoryError
from smartaccounts.evaluation.search import Trial
from smartaccounts.tracking.store import Store
from smartaccounts.tracking.trials import Tuning
from smartaccounts.workflow import tune as tuning
from smartaccounts.workflow.tune import CUT_OFFS, Tuned, study_key, tune

BEFORE = END - timedelta(days=91)


@dataclass
class Log:
    """What was logged, in order."""

    begun: list[Tuning] = field(default_factory=list)
    trials: list[Trial] = field(default_factory=list)
    ended: list[dict[str, Any]] = field(default_factory=list)

    def begin(self, _: Store, about: Tuning) -> str:
        self.begun.append(about)
        return "run"

    def log_trials(self, _: Store, __: str, ___: Tuning, trials: Sequence[Trial]) -> None:
        self.trials += trials

    def end(self, _: Store, __: str, **said: Any) -> None:
        self.ended.append(said)


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Log:
    made = Log()
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    for name in ("begin", "log_trials", "end"):
        monkeypatch.setattr(tuning, name, getattr(made, name))
    write(tmp_path, growers=40)
    return made


def told(made: Tuned) -> list[tuple[Any, ...]]:
    return [(t.settings, t.by_cut_off, t.state) for t in made.trials]


@pytest.mark.slow
def test_a_search_is_logged_and_goes_on(log: Log, tmp_path: Path) -> None:
    steps: list[str] = []
    shop = pipeline(tmp_path)
    first = tune(shop, END, trials=3, step=steps.append)
    assert (first.counted, len(log.trials)) == (3, 3)
    tested = sorted(first.tuning.cut_offs)
    assert 2 <= len(tested) <= CUT_OFFS
    assert tested[-1] + timedelta(days=91) <= first.tuning.tuned_before == BEFORE
    assert steps[-1].startswith("3 of 3 trials, the best ")
    assert {t.settings["rounds"] for t in log.trials[:1]} == {10}  # the present settings
    again = tune(shop, END, trials=5)
    assert again.counted == 5
    assert told(again)[:3] == told(first)
    assert log.begun[0] == log.begun[1]
    assert [e.get("status", "FINISHED") for e in log.ended] == ["FINISHED", "FINISHED"]
    assert log.ended[1]["log_ratios"]["best"] >= log.ended[1]["log_ratios"]["present"]


@pytest.mark.slow
def test_what_is_known_in_the_last_horizon_changes_nothing(log: Log, tmp_path: Path) -> None:
    rows = (tmp_path / "lines.csv").read_text().splitlines()
    whole = tune(pipeline(tmp_path), END, trials=4)
    kept = [r for r in rows if r < "k" or r.split(",")[1] < str(BEFORE)]
    assert len(kept) < len(rows)
    new = [f"k{c:02d},{BEFORE + timedelta(days=c)},90000" for c in range(80)]
    (tmp_path / "lines.csv").write_text("\n".join([*kept, *new]) + "\n")
    for file in tmp_path.glob("mlruns/tuning/*"):
        file.unlink()  # else the study would only be read again
    changed = tune(pipeline(tmp_path), END, trials=4)
    assert told(changed) == told(whole)
    assert changed.as_json() == whole.as_json()
    assert log.begun[0] == log.begun[1]  # the same study


def test_a_study_is_known_by_what_it_rests_on(tmp_path: Path) -> None:
    base, day = pipeline(tmp_path, model={}), date(2021, 1, 1)

    def with_model(**change: Any) -> Pipeline:
        return base.model_copy(update={"model": base.model.model_copy(update=change)})

    key = study_key(base, day, "7-aa")
    assert key == study_key(pipeline(tmp_path, model={}), day, "7-aa")
    others = [
        study_key(base, day, "7-ab"),
        study_key(base, date(2021, 1, 2), "7-aa"),
        study_key(pipeline(tmp_path, name="other", model={}), day, "7-aa"),
        study_key(pipeline(tmp_path, target={"horizon_days": 92, "min_active": 20}, model={}), day, "7-aa"),
        study_key(with_model(bags=3), day, "7-aa"),
        study_key(with_model(seed=1), day, "7-aa"),
        study_key(with_model(l2=0.5), day, "7-aa"),  # outside the range: another search space
    ]
    assert len({key, *others}) == len(others) + 1
    same = [with_model(rounds=99), with_model(tuned_before=date(2020, 1, 1)), with_model(season=False)]
    assert {study_key(p, day, "7-aa") for p in same} == {key}


@pytest.mark.slow
def test_other_lines_are_another_study(log: Log, tmp_path: Path) -> None:
    tune(pipeline(tmp_path), END, trials=1)
    with (tmp_path / "lines.csv").open("a") as file:
        file.write(f"k00,{BEFORE - timedelta(days=1)},5\n")
    tune(pipeline(tmp_path), END, trials=1)
    assert log.begun[0].study != log.begun[1].study
    assert len(list(tmp_path.glob("mlruns/tuning/*.journal"))) == 2


@pytest.mark.slow
def test_the_yaml_is_what_a_pipeline_file_takes(log: Log, tmp_path: Path) -> None:
    made = tune(pipeline(tmp_path), END, trials=3)
    said = yaml.safe_load(made.yaml)
    shop = pipeline(tmp_path).model_dump(mode="json") | {"model": said}
    model = pipeline_from(shop, folder=tmp_path).model
    assert model.tuned_before == BEFORE
    assert all(getattr(model, k) == v for k, v in made.choice.best.settings.items())
    assert yaml.safe_load(made.file) == said
    assert made.file.startswith("# not better") != made.choice.better


@pytest.mark.slow
def test_an_interrupted_search_is_logged_as_such_and_nothing_is_lost(
    log: Log, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(done: str) -> None:
        if done.startswith("2 of"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tune(pipeline(tmp_path), END, trials=3, step=stop)
    assert log.ended == [{"status": "KILLED"}]
    made = tune(pipeline(tmp_path), END, trials=3)
    assert [t.state for t in made.trials] == ["complete"] * 3


@pytest.mark.parametrize("as_of", ["2019-01-01", "2020-03-01", "2020-12-29"])
def test_too_little_history_names_the_first_possible_date(log: Log, tmp_path: Path, as_of: str) -> None:
    with pytest.raises(HistoryError, match="Expected an as_of with a past date to try settings on, two horizons") as no:
        tune(pipeline(tmp_path), date.fromisoformat(as_of), trials=1)
    assert no.value.hint == "The first possible as_of is 2020-12-30."
    assert not (tmp_path / "mlruns").exists()
    assert log.begun == []


def test_a_first_possible_date_is_tried_though_it_may_teach_nothing(log: Log, tmp_path: Path) -> None:
    with pytest.raises(HistoryError, match="none of use among 1"):
        tune(pipeline(tmp_path), date(2020, 12, 30), trials=1)


@pytest.mark.slow
def test_one_past_date_is_warned_of_and_changes_nothing(log: Log, tmp_path: Path) -> None:
    made = tune(pipeline(tmp_path), date(2021, 2, 1), trials=2)
    assert len(made.tuning.cut_offs) == 1
    assert "Only 1 past date fits: differences are mostly noise." in made.warnings
    assert not made.choice.better
    assert made.as_json()["held_out_gain"] is None
