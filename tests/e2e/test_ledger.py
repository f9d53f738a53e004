"""Weeks come in, the ledger grows, and every command says from it what it says from the files."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
import yaml
from filelock import FileLock
from tests.e2e.conftest import BEFORE, NOW, OPEN, PIPELINE, Said, call
from tests.unit.rankers.synthetic import card

from smartaccounts.bundle import Bundle, save
from smartaccounts.config import Target
from smartaccounts.rankers.plain import PLAIN
from smartaccounts.timeline import parse_as_of

pytestmark = pytest.mark.slow

PARTS = 6


@pytest.fixture
def folder(supplier: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with all but the last part of the supplier's lines, and a pipeline with a ledger."""
    table = pq.read_table(supplier / "orders.parquet").sort_by("known_date")
    (tmp_path / "weeks").mkdir()
    for i in range(PARTS - 1):
        write(tmp_path, table, i, kind="parquet" if i == 2 else "csv")
    said = yaml.safe_load(PIPELINE)
    said["source"] |= {"path": "weeks/*", "duplicates": "drop"}
    (tmp_path / "supplier.yaml").write_text(yaml.safe_dump(said | {"ledger": "data/ledger"}))
    made = card("past_h", pipeline="supplier", as_of=parse_as_of(NOW), target=Target())
    save(Bundle(PLAIN["past_h"], made), tmp_path / "model")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(folder: Path, table: pa.Table, part: int, *, kind: str = "csv", first: int = 0) -> None:
    start, end = (len(table) * i // PARTS for i in (part, part + 1))
    lines = table.slice(start + first, end - start - first)
    if kind == "csv":
        pyarrow.csv.write_csv(lines, folder / "weeks" / f"week_{part}.csv")
    else:
        pq.write_table(lines, folder / "weeks" / f"week_{part}.parquet")


def both(*words: str, out: str) -> tuple[Said, Said]:
    """Run a command from the ledger, into `out`, and from the files, into `out` with 'files_' before."""
    from_ledger = call(*words, "--out", out)
    from_files = call(*words, "--out", f"files_{out}", "--set", "ledger=null")
    assert (from_ledger.code, from_files.code) == (0, 0), (from_ledger.err, from_files.err)
    return from_ledger, from_files


def test_commands_say_from_the_ledger_what_they_say_from_the_files(folder: Path, supplier: Path) -> None:
    on, table = "supplier.yaml", pq.read_table(supplier / "orders.parquet").sort_by("known_date")
    none = call("features", on, "--as-of", NOW, "--out", "a.parquet")
    assert (none.code, "Expected a ledger, got none" in none.err) == (2, True)
    first = call("ledger", "update", on, "--json").json
    assert (len(first["read"]), first["files"]) == (PARTS - 1, PARTS - 1)

    write(folder, table, PARTS - 1)  # a new week
    write(folder, table, 1, first=7)  # a correction
    with (folder / "weeks" / "week_0.csv").open("ab") as file:  # late lines
        pyarrow.csv.write_csv(table.slice(0, 40), file, pyarrow.csv.WriteOptions(include_header=False))
    stale = call("predict", on, "--as-of", OPEN, "--out", "list", "--model", "model")
    assert stale.code == 2
    assert "1 new and 2 changed files that are not in it yet" in stale.err
    assert "smartaccounts ledger update" in stale.err
    assert not (folder / "list").exists()
    shown = call("ledger", "show", on, "--json").json
    assert (shown["current"], shown["new"]) == (False, [f"weeks/week_{PARTS - 1}.csv"])
    assert shown["changed"] == ["weeks/week_0.csv", "weeks/week_1.csv"]

    second = call("ledger", "update", on, "--json").json
    assert (len(second["read"]), second["appended"]) == (2, ["weeks/week_0.csv"])
    assert second["lines"] > first["lines"]
    assert second["rejected"]["duplicate"] >= 40
    told = call("ledger", "show", on)
    assert "It holds the source as it is." in told.out
    assert f"{second['lines']:,} lines of {PARTS} files" in told.out

    both("features", on, "--as-of", BEFORE, "--as-of", NOW, out="snapshot.parquet")
    assert (folder / "snapshot.parquet").read_bytes() == (folder / "files_snapshot.parquet").read_bytes()
    both("predict", on, "--as-of", OPEN, "--model", "model", out="list")
    for name in ("growth_list.parquet", "growth_list.csv", "growth_list.html"):
        assert (folder / "list" / name).read_bytes() == (folder / "files_list" / name).read_bytes()
    runs = [json.loads((folder / out / "run.json").read_text()) for out in ("list", "files_list")]
    assert len({json.dumps({k: v for k, v in run.items() if k != "seconds"}) for run in runs}) == 1
    both("backtest", on, "--as-of", NOW, out="back")
    scores = [pq.read_table(folder / out / "scores.parquet") for out in ("back", "files_back")]
    assert scores[0].equals(scores[1])
    measured = [(folder / out / "metrics.json").read_text() for out in ("back", "files_back")]
    assert measured[0] == measured[1]


def test_one_update_at_a_time(folder: Path) -> None:
    (folder / "data" / "ledger").mkdir(parents=True)
    with FileLock(folder / "data" / "ledger" / ".lock"):
        said = call("ledger", "update", "supplier.yaml", "--wait", "0.2")
    assert said.code == 2
    assert "Waiting for another update of this ledger." in said.err
    assert "got another one at work" in said.err
    assert "another folder as `ledger`" in said.err
    assert call("ledger", "update", "supplier.yaml").code == 0


def test_a_pipeline_without_a_ledger_is_told_how_to_get_one(folder: Path) -> None:
    said = call("ledger", "update", "supplier.yaml", "--set", "ledger=null")
    assert said.code == 2
    assert "Hint: Name a folder for it, for example ledger: ../data/ledger/supplier." in said.err
