"""From order lines on a cluster to a model and a list: what they are from files, byte by byte."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from tests.e2e.conftest import BEFORE, LONG_BEFORE, NOW, OVER_TIME, call, new_store
from tests.unit.rankers.synthetic import card

import smartaccounts as sa
from smartaccounts.bundle import Bundle, save
from smartaccounts.config import Pipeline, Target, read_pipeline
from smartaccounts.features.snapshot import snapshot
from smartaccounts.orders.digest import digest
from smartaccounts.rankers.plain import PLAIN
from smartaccounts.workflow.lines import order_lines

pytestmark = pytest.mark.slow

ON_SPARK = ("--set", "engine=spark", "--set", "spark.partitions=3")
OF_ITS_OWN = ("--set", "spark.master=local[1]", "--set", "spark.settings={spark.ui.enabled: 'false'}")
"""A session that a command starts, and ends with the lines: nothing is asked of it later."""


def elsewhere(folder: Path, *arguments: str) -> None:
    """Run a command in a process of its own, where no session is active."""
    command = [str(Path(sys.executable).with_name("smartaccounts")), *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


SPREAD = "features.extra={spread: {sql: STDDEV(amount), unit: ratio, meaning: How much amounts vary}}"


def said_by(supplier: Path, *more: str, engine: str) -> Pipeline:
    return read_pipeline(supplier / "supplier.yaml", overrides=[f"engine={engine}", "spark.partitions=5", *more])


@pytest.mark.parametrize(("as_of", "more"), [(LONG_BEFORE, []), (NOW, []), (NOW, ["columns.known_date=null"])])
def test_what_is_asked_of_the_lines_is_the_same_wherever_they_lie(
    cluster: Any, supplier: Path, as_of: str, more: list[str]
) -> None:
    day, told = date.fromisoformat(as_of), []
    for engine in ("embedded", "spark"):
        with order_lines(said_by(supplier, *more, engine=engine)) as lines:
            told.append(
                (digest(lines, known_before=day), lines.first_known(day), lines.last_known(day), lines.intake,
                 lines.first_known(date(1990, 1, 1)), lines.last_known(date(1990, 1, 1)), lines.first_day)
            )  # fmt: skip
    assert told[0] == told[1]


def test_a_panel_on_the_session_of_a_notebook(cluster: Any, supplier: Path) -> None:
    asked = [LONG_BEFORE, BEFORE, NOW]
    pipelines = [said_by(supplier, SPREAD, engine=engine) for engine in ("embedded", "spark")]
    made = [sa.read_panel(p, asked, horizons=[182, 91], known_before=NOW) for p in pipelines]
    for horizon in (182, 91):
        here, there = (panels[horizon] for panels in made)
        pd.testing.assert_frame_equal(there.frame, here.frame, check_exact=True)
        assert there.snapshot.absent == here.snapshot.absent
        assert there.base_rate == here.base_rate
        assert 0 < there.outcome["target"].sum() < there.outcome["target"].notna().sum()
        assert there.frame["spread"].notna().any()


def test_a_session_outlives_what_was_asked_of_it_from_another_thread(cluster: Any, supplier: Path) -> None:
    with ThreadPoolExecutor(1) as elsewhere:
        panel = elsewhere.submit(sa.read_panel, said_by(supplier, engine="spark"), NOW).result()
    assert len(panel.frame)
    assert cluster.session.range(3).count() == 3


def test_a_table_of_the_session(cluster: Any, supplier: Path) -> None:
    cluster.session.read.parquet(str(supplier / "orders.parquet")).createOrReplaceTempView("orders")
    asked = ["engine=spark", "source.path=null", "source.table=orders"]
    there = sa.read_panel(read_pipeline(supplier / "supplier.yaml", overrides=asked), NOW)
    here = sa.read_panel(supplier / "supplier.yaml", NOW)
    pd.testing.assert_frame_equal(there.frame, here.frame, check_exact=True)


def test_a_date_before_the_history_has_no_rows(cluster: Any, supplier: Path) -> None:
    early, frames = [date(2019, 1, 1)], []
    for engine in ("embedded", "spark"):
        pipeline = said_by(supplier, engine=engine)
        with order_lines(pipeline) as lines:
            frames.append(snapshot(lines, early, pipeline.target).frame)
    pd.testing.assert_frame_equal(*frames)
    assert frames[0].empty


def test_models_and_lists_are_those_of_the_embedded_engine(
    cluster: Any, supplier: Path, template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Trained on a session that ends before anything is fitted, listed on the cluster."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    for engine, more in (("embedded", ()), ("spark", ON_SPARK)):
        folder = tmp_path / engine
        folder.mkdir()
        new_store(folder, template)
        for name in ("orders.parquet", "supplier.yaml"):
            (folder / name).symlink_to(supplier / name)
        monkeypatch.chdir(folder)
        elsewhere(folder, "train", "supplier.yaml", "--as-of", BEFORE, *more, *(OF_ITS_OWN if more else ()))
        said = call("predict", "supplier.yaml", "--as-of", NOW, "--out", "list", *more)
        assert said.code == 0, said.err
    files = sorted(p.relative_to(folder) for p in (folder / "models" / "supplier").iterdir() if p.is_file())
    assert len(files) > 5
    lists = [
        Path("list") / name
        for name in ("growth_list.parquet", "growth_list.csv", "growth_list.xlsx", "growth_list.html")
    ]
    for file in (*files, *lists):
        assert (tmp_path / "spark" / file).read_bytes() == (tmp_path / "embedded" / file).read_bytes(), file
    runs = [json.loads((tmp_path / e / "list" / "run.json").read_text()) for e in ("spark", "embedded")]
    assert {k: v for k, v in runs[0].items() if k != "seconds"} == {k: v for k, v in runs[1].items() if k != "seconds"}


def test_a_list_on_a_session_of_its_own(cluster: Any, supplier: Path, tmp_path: Path) -> None:
    made = card("past_h", pipeline="supplier", as_of=date.fromisoformat(NOW), target=Target())
    save(Bundle(PLAIN["past_h"], made), tmp_path / "model")
    command = ("predict", str(supplier / "supplier.yaml"), "--as-of", NOW, "--model", str(tmp_path / "model"))
    for engine, more in (("embedded", ()), ("spark", (*ON_SPARK, *OF_ITS_OWN))):
        elsewhere(tmp_path, *command, "--out", engine, *more)
    for name in ("growth_list.parquet", "growth_list.html"):
        assert (tmp_path / "spark" / name).read_bytes() == (tmp_path / "embedded" / name).read_bytes()


def test_what_does_not_run_on_spark_says_so(cluster: Any, supplier: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(supplier)
    said = call("check", "supplier.yaml", "--rejected", "rejected.parquet", *ON_SPARK)
    assert said.code == 2
    assert "got engine: spark in 'supplier' for --rejected" in " ".join(said.err.split())
    assert not Path("rejected.parquet").exists()


def test_the_quality_report_is_that_of_the_embedded_engine(
    cluster: Any, supplier: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(supplier)
    here, there = (call("check", "supplier.yaml", *more) for more in ((), ON_SPARK))
    assert here.code == there.code
    assert there.out == here.out
    assert "Quality of supplier" in here.out


def test_what_past_dates_say_is_what_they_say_of_files(
    cluster: Any, supplier: Path, template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: dict[str, list[Any]] = {}
    for engine, more in (("embedded", ()), ("spark", ON_SPARK)):
        folder = tmp_path / engine
        folder.mkdir()
        new_store(folder, template)
        for name in ("orders.parquet", "supplier.yaml"):
            (folder / name).symlink_to(supplier / name)
        monkeypatch.chdir(folder)
        for name, *words in (
            ("backtest", "backtest", "--as-of", BEFORE, "--as-of", NOW, "--out", "back"),
            ("over time", "compare", *OVER_TIME, "--out", "compared"),
            ("tune", "tune", "--as-of", NOW, "--trials", "2"),
        ):
            said = call(words[0], "supplier.yaml", *words[1:], "--json", *more)
            assert said.code == 0, said.err
            told.setdefault(name, []).append(said.json)
    for name, (here, there) in told.items():
        assert there == here, name
    for file in ("back/scores.parquet", "compared/selection.html"):
        assert (tmp_path / "spark" / file).read_bytes() == (tmp_path / "embedded" / file).read_bytes(), file
