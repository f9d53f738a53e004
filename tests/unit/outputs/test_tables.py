"""Files: types from the start, the same bytes every time, and nothing that a spreadsheet would run."""

from __future__ import annotations

import csv
import json
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from smartaccounts.errors import PipelineError
from smartaccounts.outputs import tables
from smartaccounts.outputs.tables import arrow, gather_parts, write_csv, write_json, write_parquet, write_part

FRAME = pd.DataFrame(
    {
        "rank": np.array([1, 2], dtype="int64"),
        "market": pd.Series(["", "EIRE"], dtype="str"),
        "customer_id": pd.Series(["00017", "=1+1"], dtype="str"),
        "name": pd.Series([None, "Ömer, \"S\"\nLtd"], dtype="object"),
        "probability": [0.25, np.nan],
        "reasons_for": pd.Series([["first", "second"], None], dtype="object"),
        "flags": pd.Series([None, None], dtype="object"),
        "as_of": pd.to_datetime(["2021-01-01", "2021-01-01"]),
        "listed": [True, False],
        "potential": [np.nan, np.nan],
    }
)  # fmt: skip


def test_an_attribute_of_any_name_is_text_by_its_type(tmp_path: Path) -> None:
    frame = FRAME.assign(team=pd.Series(["=1+1", None], dtype="str"), nobody=pd.Series([None, None], dtype="str"))
    table = arrow(frame)
    assert [table.schema.field(c).type for c in ("team", "nobody")] == [pa.string()] * 2
    assert table["team"].to_pylist() == ["=1+1", None]
    write_csv(frame, tmp_path / "list.csv")
    with (tmp_path / "list.csv").open(newline="", encoding="utf-8") as file:
        assert [(r["team"], r["nobody"]) for r in csv.DictReader(file)] == [("'=1+1", ""), ("", "")]


def test_columns_have_their_type_also_where_every_value_is_null() -> None:
    found = {f.name: f.type for f in arrow(FRAME).schema}
    assert found == {
        "rank": pa.int64(), "market": pa.string(), "customer_id": pa.string(), "name": pa.string(),
        "probability": pa.float64(), "reasons_for": pa.list_(pa.string()), "flags": pa.list_(pa.string()),
        "as_of": pa.date32(), "listed": pa.bool_(), "potential": pa.float64(),
    }  # fmt: skip
    assert {f.name: f.type for f in arrow(FRAME.iloc[:0]).schema} == found


def test_nan_is_null_and_lists_stay_lists() -> None:
    rows = arrow(FRAME).to_pylist()
    assert rows[1] == {
        "rank": 2, "market": "EIRE", "customer_id": "=1+1", "name": 'Ömer, "S"\nLtd', "probability": None,
        "reasons_for": None, "flags": None, "as_of": date(2021, 1, 1), "listed": False, "potential": None,
    }  # fmt: skip
    assert rows[0]["reasons_for"] == ["first", "second"]


def test_the_same_frame_gives_the_same_bytes_and_comes_back(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_parquet(FRAME, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert pq.read_table(tmp_path / "a").equals(arrow(FRAME))
    assert pq.read_schema(tmp_path / "a").metadata is None


@pytest.mark.parametrize("rows", [1, 3])
def test_rows_that_are_written_some_at_a_time_are_all_there(
    rows: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = pd.concat([FRAME] * 5, ignore_index=True).assign(rank=np.arange(10))
    write_csv(frame, tmp_path / "whole.csv")
    monkeypatch.setattr(tables, "ROWS", rows)
    write_csv(frame, tmp_path / "list.csv")
    write_parquet(frame, tmp_path / "list.parquet")
    assert (tmp_path / "list.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()
    assert pq.read_table(tmp_path / "list.parquet").equals(arrow(frame))
    assert pq.read_metadata(tmp_path / "list.parquet").num_row_groups == -(-10 // rows)
    for write, file in ((write_csv, "none.csv"), (write_parquet, "none.parquet")):
        write(FRAME.iloc[:0], tmp_path / file)
    assert (tmp_path / "none.csv").read_text(encoding="utf-8").count("\n") == 1
    assert pq.read_table(tmp_path / "none.parquet").equals(arrow(FRAME.iloc[:0]))


def test_csv_holds_the_same_in_words(tmp_path: Path) -> None:
    write_csv(FRAME, tmp_path / "list.csv")
    with (tmp_path / "list.csv").open(encoding="utf-8", newline="") as file:
        head, first, second = csv.reader(file)
    assert head == list(FRAME)
    assert first == ["1", "", "00017", "", "0.25", "first | second", "", "2021-01-01", "True", ""]
    assert second == ["2", "EIRE", "'=1+1", 'Ömer, "S"\nLtd', "", "", "", "2021-01-01", "False", ""]


@pytest.mark.parametrize("text", ["=1+1", "+49 30", "-5", "@SUM(A1)", "\t=1", "\r=1", "\n=1"])
def test_a_cell_that_a_spreadsheet_would_run_is_made_inert(text: str, tmp_path: Path) -> None:
    write_csv(pd.DataFrame({"name": [text], "reasons_for": [[text, "b"]], "score": [-5.0]}), tmp_path / "l.csv")
    with (tmp_path / "l.csv").open(encoding="utf-8", newline="") as file:
        _, (name, reasons, score) = csv.reader(file)
    assert name[0] == reasons[0] == "'"
    assert float(score) == -5


@pytest.mark.parametrize("text", ["a\rb", "a\r\nb", "a\nb", 'a"b', "a,b", "a;b", " a "])
def test_a_cell_stays_in_its_row(text: str, tmp_path: Path) -> None:
    write_csv(pd.DataFrame({"name": [text, "x"], "rank": [1, 2]}), tmp_path / "l.csv")
    found = pd.read_csv(tmp_path / "l.csv", dtype={"name": "str"})
    assert found["name"].tolist() == [text.replace("\r\n", "\n").replace("\r", "\n"), "x"]
    assert found["rank"].tolist() == [1, 2]


def test_the_name_of_a_column_is_made_inert(tmp_path: Path) -> None:
    write_csv(pd.DataFrame({"=1+1": pd.Series(["a"], dtype="str"), "rank": [1]}), tmp_path / "list.csv")
    assert (tmp_path / "list.csv").read_text(encoding="utf-8").splitlines()[0] == '"\'=1+1","rank"'


def test_json_is_strict(tmp_path: Path) -> None:
    content: dict[str, Any] = {"as_of": date(2021, 1, 1), "n": None, "x": 0.1}
    write_json(content, tmp_path / "run.json")
    assert json.loads((tmp_path / "run.json").read_text()) == {"as_of": "2021-01-01", "n": None, "x": 0.1}
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json({"x": float("nan")}, tmp_path / "other.json")
    assert not (tmp_path / "other.json").exists()


def test_files_of_workers_are_those_they_told_of(tmp_path: Path) -> None:
    written, out = tmp_path / "writing", tmp_path / "out"
    written.mkdir()
    out.mkdir()
    rows = [pa.table({"text": ["a"], "x": [1.5]}), pa.table({"text": ["b", None], "x": [2.5, None]})]
    told = pa.concat_tables([write_part(some, folder=str(written)) for some in rows])
    write_part(rows[0], folder=str(written))  # of a worker that was lost
    gather_parts(told, written, out)
    assert sorted(p.name for p in out.iterdir()) == sorted(told["file"].to_pylist())
    assert pq.read_table(out).sort_by("x").equals(pa.concat_tables(rows).combine_chunks())
    assert len(list(written.iterdir())) == 1
    with pytest.raises(PipelineError, match="Expected a folder that every worker sees"):
        gather_parts(told, written, out)
    with pytest.raises(PipelineError, match=r"Expected a folder that every worker sees, got one .* in .*elsewhere"):
        write_part(rows[0], folder=str(tmp_path / "elsewhere"))
