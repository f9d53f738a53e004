"""From order lines on a cluster to a model and a list: what they are from files, byte by byte."""

from __future__ import annotations

import json
import mmap
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from tests.e2e.conftest import BEFORE, LONG_BEFORE, NOW, OVER_TIME, call, new_store

import smartaccounts as sa
from smartaccounts.config import Pipeline, read_pipeline
from smartaccounts.engine.memory import Room, _mapped
from smartaccounts.features.extra import extra_features
from smartaccounts.features.snapshot import latest, snapshot
from smartaccounts.orders.digest import digest
from smartaccounts.workflow.lines import order_lines

pytestmark = pytest.mark.slow

ON_SPARK = ("--set", "engine=spark", "--set", "spark.partitions=3")
OF_ITS_OWN = (
    "--set",
    "spark.master=local[1]",
    "--set",
    "spark.settings={spark.ui.enabled: 'false', spark.sql.shuffle.partitions: '2'}",
)


def in_another(*arguments: str) -> None:
    """Run a command in a process where no session is active."""
    command = [str(Path(sys.executable).with_name("smartaccounts")), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=900)
    assert done.returncode == 0, done.stderr


def in_this_process(*arguments: str) -> None:
    """Run a command in this process, on the session that is active."""
    said = call(*arguments)
    assert said.code == 0, said.err


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


@pytest.mark.parametrize("earlier", [BEFORE, "2019-01-01"], ids=["with rows", "without"])
def test_the_latest_snapshot_lies_in_a_file_where_there_is_no_room(
    cluster: Any, supplier: Path, earlier: str, tmp_path: Path
) -> None:
    told = []
    for engine in ("embedded", "spark"):
        pipeline = said_by(supplier, SPREAD, engine=engine)
        with order_lines(pipeline) as lines:
            if engine == "spark":
                lines.engine.room = Room(0, tmp_path)
            days = date.fromisoformat(earlier), date.fromisoformat(NOW)
            told.append(latest(lines, *days, pipeline.target, extra=extra_features(pipeline)))
    for here, there in zip(*told, strict=True):
        pd.testing.assert_frame_equal(there.frame, here.frame, check_exact=True)
        assert (there.target, there.absent, there.extra) == (here.target, here.absent, here.extra)
    assert isinstance(_mapped(told[1][1].frame["spend_h"].to_numpy()), mmap.mmap)
    assert told[1][0].frame.empty == (earlier < LONG_BEFORE)


def test_models_and_lists_are_those_of_the_embedded_engine(
    cluster: Any, supplier: Path, template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a session that stays open, and on one that ends with the lines: nothing is asked of it later."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    ways = (
        ("embedded", in_this_process, ()),
        ("cluster", in_this_process, ON_SPARK),
        ("own", in_another, (*ON_SPARK, *OF_ITS_OWN)),
    )
    for way, done, more in ways:
        folder = tmp_path / way
        folder.mkdir()
        new_store(folder, template)
        for name in ("orders.parquet", "supplier.yaml"):
            (folder / name).symlink_to(supplier / name)
        monkeypatch.chdir(folder)
        few = ("--set", "model.training_dates=4")
        for command in (("train", "--as-of", BEFORE, *few), ("predict", "--as-of", NOW, "--out", "list")):
            done(command[0], "supplier.yaml", *command[1:], *more)
    assert cluster.session.range(3).count() == 3
    files = sorted(p.relative_to(folder) for p in (folder / "models" / "supplier").iterdir() if p.is_file())
    assert len(files) > 5
    lists = [
        Path("list") / name
        for name in ("growth_list.parquet", "growth_list.csv", "growth_list.xlsx", "growth_list.html")
    ]
    runs = {way: json.loads((tmp_path / way / "list" / "run.json").read_text()) for way, _, _ in ways}
    for way in ("cluster", "own"):
        for file in (*files, *lists):
            assert (tmp_path / way / file).read_bytes() == (tmp_path / "embedded" / file).read_bytes(), (way, file)
        assert runs[way] | {"seconds": 0} == runs["embedded"] | {"seconds": 0}


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
