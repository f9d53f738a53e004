"""From order lines on a cluster to a model and a list: what they are from files, byte by byte."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from tests.e2e.conftest import BEFORE, LONG_BEFORE, NOW, call, new_store

import smartaccounts as sa
from smartaccounts.config import Pipeline, read_pipeline
from smartaccounts.features.snapshot import snapshot
from smartaccounts.orders.digest import digest
from smartaccounts.workflow.lines import order_lines

pytestmark = pytest.mark.slow

ON_SPARK = ("--set", "engine=spark", "--set", "spark.partitions=3")


def said_by(supplier: Path, *, engine: str) -> Pipeline:
    return read_pipeline(supplier / "supplier.yaml", overrides=[f"engine={engine}", "spark.partitions=5"])


@pytest.mark.parametrize("as_of", [LONG_BEFORE, NOW])
def test_what_is_asked_of_the_lines_is_the_same_wherever_they_lie(cluster: Any, supplier: Path, as_of: str) -> None:
    day, told = date.fromisoformat(as_of), []
    for engine in ("embedded", "spark"):
        with order_lines(said_by(supplier, engine=engine)) as lines:
            told.append(
                (digest(lines, known_before=day), lines.first_known(day), lines.last_known(day), lines.intake,
                 lines.first_known(date(1990, 1, 1)), lines.last_known(date(1990, 1, 1)), lines.first_day)
            )  # fmt: skip
    assert told[0] == told[1]


def test_a_panel_on_the_session_of_a_notebook(cluster: Any, supplier: Path) -> None:
    asked = [LONG_BEFORE, BEFORE, NOW]
    here = sa.read_panel(said_by(supplier, engine="embedded"), asked, known_before=NOW)
    there = sa.read_panel(said_by(supplier, engine="spark"), asked, known_before=NOW)
    pd.testing.assert_frame_equal(there.frame, here.frame, check_exact=True)
    assert there.snapshot.absent == here.snapshot.absent
    assert there.base_rate == here.base_rate
    assert 0 < there.outcome["target"].sum() < there.outcome["target"].notna().sum()


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
    for engine, more in (("embedded", ()), ("spark", ON_SPARK)):
        folder = tmp_path / engine
        folder.mkdir()
        new_store(folder, template)
        for name in ("orders.parquet", "supplier.yaml"):
            (folder / name).symlink_to(supplier / name)
        monkeypatch.chdir(folder)
        for command in (("train", "--as-of", BEFORE), ("predict", "--as-of", NOW, "--out", "list")):
            said = call(command[0], "supplier.yaml", *command[1:], *more)
            assert said.code == 0, said.err
    files = sorted(p.relative_to(folder) for p in (folder / "models" / "supplier").iterdir() if p.is_file())
    assert len(files) > 5
    lists = [Path("list") / name for name in ("growth_list.parquet", "growth_list.csv", "growth_list.xlsx")]
    for file in (*files, *lists):
        assert (tmp_path / "spark" / file).read_bytes() == (tmp_path / "embedded" / file).read_bytes(), file
    runs = [json.loads((tmp_path / e / "list" / "run.json").read_text()) for e in ("spark", "embedded")]
    assert {k: v for k, v in runs[0].items() if k != "seconds"} == {k: v for k, v in runs[1].items() if k != "seconds"}


def test_what_does_not_run_on_spark_says_so(cluster: Any, supplier: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(supplier)
    said = call("check", "supplier.yaml", *ON_SPARK)
    assert said.code == 2
    assert "does not run on Spark" in " ".join(said.err.split())
