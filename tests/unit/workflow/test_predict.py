"""A list from a scheduler: twice at once, again, after the one before, and into a database."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pandas as pd
import psycopg
import pyarrow.parquet as pq
import pytest
import yaml
from tests.postgres import Server

from smartaccounts.bundle import Bundle, Card, load, save
from smartaccounts.cli.app import run
from smartaccounts.config import Pipeline, Source, Target, read_pipeline
from smartaccounts.engine.duckdb import Engine
from smartaccounts.errors import PipelineError
from smartaccounts.features.snapshot import snapshot
from smartaccounts.growth_list.previous import read_previous
from smartaccounts.growth_list.stability import compare
from smartaccounts.growth_list.words import words
from smartaccounts.orders.read import read
from smartaccounts.outputs.database import table_at
from smartaccounts.outputs.locked import LOCK, locked
from smartaccounts.rankers.base import Note
from smartaccounts.rankers.plain import PLAIN
from smartaccounts.workflow import lines
from smartaccounts.workflow.predict import Wanted, predict

START, DAYS = date(2020, 1, 1), 540
EARLIER, AS_OF = date(2021, 4, 1), date(2021, 5, 1)
TARGET: dict[str, Any] = {"horizon_days": 91, "min_active": 10}
CARD = Card(
    pipeline="shop", ranker="past_365", as_of="2021-01-01", target=Target(**TARGET), needs=(), training_dates=(),
    data_digest="0-0", verdict="Not judged.", better=None, notes=(), versions={},
)  # fmt: skip
BUNDLE = Bundle(PLAIN["past_365"], CARD)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a pipeline file; each customer buys every two weeks, some by turns much more."""
    folder = tmp_path_factory.mktemp("shop")
    rows = [
        f"m,c{c:02d},{START + timedelta(days=7 * week + c % 7)},{20 + 2 * c + 100 * ((week // 13 + c) % 5 == 0)}"
        for c in range(30)
        for week in range(0, DAYS // 7, 2)
    ]
    (folder / "lines.csv").write_text("\n".join(["market,customer,date,amount", *rows]))
    (folder / "customers.csv").write_text("market,customer_id,name\nm,c00,=Zero Ltd\nm,c07,Seven & Söhne\n")
    content = {
        "name": "shop", "source": {"path": "lines.csv"}, "customers": {"path": "customers.csv"}, "target": TARGET,
        "columns": {"market": "market", "customer_id": "customer", "order_date": "date", "amount": "amount"},
        "growth_list": {"capacity": 5},
    }  # fmt: skip
    (folder / "shop.yaml").write_text(yaml.safe_dump(content))
    save(BUNDLE, folder / "model")
    return folder / "shop.yaml"


@pytest.fixture(scope="module")
def before(shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the lists `earlier` and `now`; tests look at it only."""
    folder = tmp_path_factory.mktemp("before")
    predict(read_pipeline(shop), EARLIER, BUNDLE, folder / "earlier")
    predict(read_pipeline(shop), AS_OF, BUNDLE, folder / "now", wanted=Wanted(folder / "earlier"))
    return folder


@pytest.fixture
def pipeline(shop: Path) -> Pipeline:
    return read_pipeline(shop)


def command(shop: Path, out: Path, *more: str) -> list[str]:
    return [
        "predict",
        str(shop),
        "--as-of",
        str(AS_OF),
        "--out",
        str(out),
        "--model",
        str(shop.parent / "model"),
        *more,
    ]


def content(out: Path) -> dict[str, Any]:
    """Return file -> bytes, and of run.json all but its timings."""
    files: dict[str, Any] = {p.name: p.read_bytes() for p in out.iterdir()}
    files["run.json"] = json.loads(files["run.json"])
    assert files["run.json"].pop("seconds")
    return files


@pytest.mark.slow
def test_again_is_the_same_byte_for_byte(pipeline: Pipeline, tmp_path: Path) -> None:
    predict(pipeline, EARLIER, BUNDLE, tmp_path / "earlier")
    for out in (tmp_path / "a", tmp_path / "a", tmp_path / "b"):
        predict(pipeline, AS_OF, BUNDLE, out)
    first = content(tmp_path / "a")
    assert {"growth_list.parquet", "growth_list.csv", "run.json"} <= set(first)
    assert first == content(tmp_path / "b")
    predict(pipeline, AS_OF, BUNDLE, tmp_path / "a")
    assert content(tmp_path / "a") == first


@pytest.mark.slow
def test_lines_in_place_give_the_same_list(
    pipeline: Pipeline, shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pd.read_csv(shop.with_name("lines.csv")).to_parquet(tmp_path / "lines.parquet")
    changed = pipeline.model_copy(update={"source": Source(path=str(tmp_path / "lines.parquet"))})
    copied = predict(changed, AS_OF, BUNDLE, tmp_path / "copied" / "list")
    monkeypatch.setattr(lines, "LARGE", 1)
    monkeypatch.setattr("smartaccounts.orders.read.read", lambda *_, **__: pytest.fail("the lines were copied"))
    in_place = predict(changed, AS_OF, BUNDLE, tmp_path / "in place" / "list")
    assert {**in_place.run, "seconds": 0} == {**copied.run, "seconds": 0}
    for file in ("growth_list.parquet", "growth_list.csv", "growth_list.html", "growth_list.xlsx"):
        assert (tmp_path / "in place" / "list" / file).read_bytes() == (
            tmp_path / "copied" / "list" / file
        ).read_bytes()


@pytest.mark.slow
def test_two_at_once_both_end_well_and_leave_one_whole_list(shop: Path, tmp_path: Path) -> None:
    assert run(command(shop, tmp_path / "alone")) == 0
    started = [
        subprocess.Popen(
            [sys.executable, "-c", "from smartaccounts.cli.app import main; main()", *command(shop, tmp_path / "both")],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for _ in range(2)
    ]  # fmt: skip
    for one in started:
        _, err = one.communicate()
        assert (one.returncode, err) == (0, "")
    assert content(tmp_path / "both") == content(tmp_path / "alone")


def test_who_will_not_wait_is_told(shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with locked(tmp_path / "out"):
        assert run(command(shop, tmp_path / "out", "--wait", "0")) == 2
        assert [p.name for p in (tmp_path / "out").iterdir()] == [LOCK]
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("Error: Expected to be the only run that writes into a folder, got another one at work")
    assert "Hint: " in said.err


@pytest.mark.slow
def test_the_list_before_counts_as_input(pipeline: Pipeline, tmp_path: Path) -> None:
    first = predict(pipeline, EARLIER, BUNDLE, tmp_path / "2021-04-01")
    assert first.run["previous"] is None
    found = predict(pipeline, AS_OF, BUNDLE, tmp_path / "2021-05-01").run["previous"]
    assert {k: found[k] for k in ("folder", "as_of")} == {"folder": "2021-04-01", "as_of": "2021-04-01"}
    named = predict(pipeline, AS_OF, BUNDLE, tmp_path / "deep" / "er", wanted=Wanted(tmp_path / "2021-04-01"))
    assert named.run["previous"] == found
    written = json.loads((tmp_path / "2021-05-01" / "run.json").read_text())
    assert written["previous"] == found
    again = predict(pipeline, EARLIER, BUNDLE, tmp_path / "2021-04-01")  # the later one beside it is no list before
    assert again.run["previous"] is None


def test_a_list_that_was_written_is_compared_with_the_next(pipeline: Pipeline, before: Path) -> None:
    now = pd.read_parquet(before / "now" / "growth_list.parquet")
    previous = read_previous(before / "earlier", "shop", AS_OF, horizon_days=pipeline.target.horizon_days)
    with Engine() as engine:
        everybody = snapshot(read(pipeline, engine), [AS_OF], pipeline.target).frame
    nobody = np.zeros(len(now), dtype=bool)
    found = compare(now, previous, everybody=everybody, held=nobody, horizon_days=91, words=words("en"))
    assert found.rows["status"].notna().tolist() == now["listed"].tolist()
    assert found.rows["moved_because"].notna().tolist() == now["listed"].tolist()
    stayed = set(now.loc[found.rows["status"] == "stayed", "customer_id"])
    listed = set(previous.frame.loc[previous.frame["listed"], "customer_id"])
    assert stayed
    assert {g.customer_id for g in found.gone} == listed - stayed
    assert all(g.reason and not g.reason.startswith("It is no longer") for g in found.gone)


@pytest.mark.slow
def test_what_is_passed_over_is_a_warning(pipeline: Pipeline, tmp_path: Path) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "run.json").write_text("{")
    made = predict(pipeline, AS_OF, BUNDLE, tmp_path / "out")
    assert made.run["previous"] is None
    assert [said for said in made.run["warnings"] if "The folder broken beside this one" in said]
    assert str(tmp_path) not in " ".join(made.run["warnings"])


@pytest.mark.slow
def test_what_is_said_of_the_model_is_in_the_language_of_the_list(pipeline: Pipeline, tmp_path: Path) -> None:
    german = pipeline.model_copy(update={"growth_list": pipeline.growth_list.model_copy(update={"language": "de"})})
    noted = replace(BUNDLE, card=replace(CARD, notes=(Note("no_peers", {"needed": 30}),)))
    save(noted, tmp_path / "model")
    predict(german, AS_OF, load(tmp_path / "model"), tmp_path / "list")
    said = "Weniger als 30 Kleinkunden haben einen abgeschlossenen Zeitraum."
    notes = openpyxl.load_workbook(tmp_path / "list/growth_list.xlsx")["Hinweise"].values
    assert said in (tmp_path / "list/growth_list.html").read_text(encoding="utf-8")
    assert any(said in str(text) for _, text, *_ in notes)


@pytest.mark.parametrize("which", ["none", "out", "now"])
def test_a_wrong_list_before_is_refused_and_nothing_written(
    pipeline: Pipeline, before: Path, tmp_path: Path, which: str
) -> None:
    wrong = tmp_path / which if which == "out" else before / which
    with pytest.raises(PipelineError, match="Expected"):
        predict(pipeline, AS_OF, BUNDLE, tmp_path / "out", wanted=Wanted(wrong))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--to", "postgresql://h/db"), "Expected --to and --table together, got --to alone."),
        (("--table", "lists"), "Expected --to and --table together, got --table alone."),
        (("--to", "mysql://u:hush@h/db", "--table", "lists"), "Expected the URL of a database as postgresql://"),
        (("--to", "postgresql://u:hush@127.0.0.1:1/db", "--table", "lists"), "Expected to write into a database, got"),
        (("--previous", "nowhere"), "Expected a growth list, got no run.json in nowhere."),
    ],
)
def test_wrong_options_end_with_2_and_write_nothing(
    shop: Path, tmp_path: Path, options: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(command(shop, tmp_path / "out", *options)) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"Error: {said}")
    assert "Hint: " in err
    assert "hush" not in err
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_into_a_database_too(shop: Path, tmp_path: Path, postgres: Server, capsys: pytest.CaptureFixture[str]) -> None:
    name = f"lists_{uuid.uuid4().hex}"
    for _ in range(2):
        assert run(command(shop, tmp_path / "out", "--to", postgres.url, "--table", name)) == 0
    assert f"Written into the table {name} of" in " ".join(capsys.readouterr().out.split())
    written = pq.read_table(tmp_path / "out" / "growth_list.parquet")
    with psycopg.connect(postgres.url) as connection:
        cursor = connection.execute(f"SELECT * FROM {name} ORDER BY rank")
        assert [c.name for c in cursor.description or ()] == ["pipeline", *written.column_names]
        assert [row[1:] for row in cursor.fetchall()] == [tuple(r.values()) for r in written.to_pylist()]


@pytest.mark.slow
def test_a_table_that_cannot_be_written_leaves_no_files(pipeline: Pipeline, tmp_path: Path, postgres: Server) -> None:
    table = table_at(postgres.url, "no_such_schema.lists")
    with pytest.raises(PipelineError, match="does not exist"):
        predict(pipeline, AS_OF, BUNDLE, tmp_path / "out", wanted=Wanted(table=table))
    assert not (tmp_path / "out").exists()
