"""Parquet by row groups: every line once, typed as asked; what cannot be read so is left to Spark."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from smartaccounts.errors import InputError
from smartaccounts.orders import row_groups as module
from smartaccounts.orders.row_groups import read_row_groups, row_groups

ASKED = pa.schema([("amount", pa.float64()), ("who", pa.string())])


def written(path: Path, first: int, number: int, kind: pa.DataType) -> str:
    numbers = pa.array(range(first, first + number), kind)
    names = pa.array([f"c{i}" for i in range(first, first + number)]).dictionary_encode()
    pq.write_table(pa.table({"who": names, "unused": numbers, "amount": numbers}), path, row_group_size=4)
    return str(path)


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    return [written(tmp_path / "a b.parquet", 0, 10, pa.int32()), written(tmp_path / "ü.parquet", 10, 5, pa.float32())]


def lines_of(groups: pa.Table) -> pa.Table:
    return pa.Table.from_batches(read_row_groups(iter(groups.to_batches()), schema=ASKED, lines_at_once=3), ASKED)


def tasks(groups: pa.Table) -> Iterator[pa.Table]:
    for task in groups["task"].unique():
        yield groups.filter(pa.compute.equal(groups["task"], task))


def test_tasks_together_read_every_line_once(files: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TASK_LINES", 6)
    groups = row_groups(files, ASKED.names)
    assert groups is not None
    assert groups["task"].to_pylist() == [0, 0, 1, 1, 2]
    read = pa.concat_tables([lines_of(task) for task in tasks(groups)])
    assert read.to_pylist() == [{"amount": float(i), "who": f"c{i}"} for i in range(15)]


def test_what_is_not_in_every_file_is_left_to_spark(files: list[str], tmp_path: Path) -> None:
    assert row_groups(files, ["who", "folder"]) is None
    assert row_groups([*files, str(tmp_path / "none.parquet")], ASKED.names) is None
    (tmp_path / "text.parquet").write_text("no Parquet")
    assert row_groups([str(tmp_path / "text.parquet")], ASKED.names) is None
    assert row_groups([], ASKED.names) is None


@pytest.mark.parametrize("number", [None, 3, 9, 11])
def test_a_file_that_changes_meanwhile_is_an_error(files: list[str], number: int | None) -> None:
    groups = row_groups(files, ASKED.names)
    assert groups is not None
    Path(files[0]).unlink()
    if number is not None:
        written(Path(files[0]), 0, number, pa.int32())
    with pytest.raises(InputError, match="stay as they are"):
        lines_of(groups)
