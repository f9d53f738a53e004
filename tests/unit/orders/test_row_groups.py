"""Parquet by row groups: every line once, typed as asked; what cannot be read so is left to Spark."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from smartaccounts.errors import InputError
from smartaccounts.orders import row_groups as module
from smartaccounts.orders.row_groups import read_row_groups, row_groups

ASKED = pa.schema([("amount", pa.float64()), ("who", pa.string())])


def written(path: Path, first: int, number: int, **more: Any) -> str:
    amounts = pa.array(range(first, first + number), pa.float64())
    names = pa.array([f"c{i}" for i in range(first, first + number)]).dictionary_encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({"who": names, "unused": amounts, "amount": amounts, **more}), path, row_group_size=4)
    return str(path)


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    return [written(tmp_path / "ü.parquet", 10, 5), written(tmp_path / "a b.parquet", 0, 10)]


def lines_of(groups: pa.Table) -> pa.Table:
    return pa.Table.from_batches(read_row_groups(iter(groups.to_batches()), schema=ASKED, lines_at_once=3), ASKED)


def tasks(groups: pa.Table) -> Iterator[pa.Table]:
    for task in groups["task"].unique():
        yield groups.filter(pa.compute.equal(groups["task"], task))


def test_tasks_together_read_every_line_once(files: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TASK_LINES", 6)
    groups = row_groups(files, ASKED)
    assert groups is not None
    assert groups["task"].to_pylist() == [0, 0, 1, 1, 2]
    read = pa.concat_tables([lines_of(task) for task in tasks(groups)])
    assert read.to_pylist() == [{"amount": float(i), "who": f"c{i}"} for i in range(15)]


def test_what_is_not_in_every_file_is_left_to_spark(files: list[str], tmp_path: Path) -> None:
    assert row_groups(files, ASKED.append(pa.field("folder", pa.string()))) is None
    assert row_groups([*files, str(tmp_path / "none.parquet")], ASKED) is None
    (tmp_path / "text.parquet").write_text("no Parquet")
    assert row_groups([str(tmp_path / "text.parquet")], ASKED) is None
    assert row_groups([], ASKED) is None


def test_a_column_that_is_the_name_of_a_folder_is_left_to_spark(tmp_path: Path) -> None:
    assert row_groups([written(tmp_path / "year=2024" / "a.parquet", 0, 3)], ASKED) is not None
    assert row_groups([written(tmp_path / "Who=x" / "a.parquet", 0, 3)], ASKED) is None


DAY, FAR = datetime.fromisoformat("2024-01-01"), datetime.fromisoformat("9999-12-31")


@pytest.mark.parametrize(
    ("values", "kind", "asked"),
    [
        ([1, 2], pa.int32(), pa.int32()),
        ([1, 2], pa.int16(), pa.int64()),
        ([1.5, None], pa.float32(), pa.float64()),
        (["a", "ü"], pa.large_string(), pa.string()),
        ([Decimal("1.50")], pa.decimal128(9, 2), pa.decimal128(9, 2)),
        ([DAY, FAR], pa.timestamp("ms"), pa.timestamp("us")),
        ([DAY, FAR], pa.timestamp("us", "Europe/Vienna"), pa.timestamp("us", "UTC")),
    ],
    ids=str,
)
def test_types_that_are_the_same_or_wider(values: list[Any], kind: Any, asked: Any, tmp_path: Path) -> None:
    column = pa.array(values, kind)
    pq.write_table(pa.table({"x": column}), tmp_path / "a.parquet")
    schema = pa.schema([("x", asked)])
    groups = row_groups([str(tmp_path / "a.parquet")], schema)
    assert groups is not None
    read = list(read_row_groups(iter(groups.to_batches()), schema=schema, lines_at_once=10))
    assert pa.Table.from_batches(read)["x"].combine_chunks().equals(column.cast(asked))


@pytest.mark.parametrize(
    ("values", "kind", "asked", "how"),
    [
        ([DAY, FAR], pa.timestamp("us"), pa.timestamp("us", "UTC"), {"use_deprecated_int96_timestamps": True}),
        ([DAY], pa.timestamp("ns"), pa.timestamp("us"), {}),
        ([DAY], pa.timestamp("us"), pa.timestamp("us", "UTC"), {}),
        (["Köln".encode("latin-1")], pa.binary(), pa.string(), {}),
        ([1, 2], pa.int64(), pa.int32(), {}),
        ([1, 2], pa.int32(), pa.float64(), {}),
        ([1.5], pa.float64(), pa.float32(), {}),
        ([Decimal("1.50")], pa.decimal128(9, 2), pa.decimal128(12, 2), {}),
        ([None], pa.null(), pa.string(), {}),
    ],
    ids=str,
)
def test_types_that_spark_may_see_otherwise_are_left_to_it(
    values: list[Any], kind: Any, asked: Any, how: dict[str, Any], tmp_path: Path
) -> None:
    pq.write_table(pa.table({"x": pa.array(values, kind)}), tmp_path / "a.parquet", **how)
    assert row_groups([str(tmp_path / "a.parquet")], pa.schema([("x", asked)])) is None


@pytest.mark.parametrize(
    ("number", "got"), [(None, "No such file"), (3, "other lines"), (9, "other lines"), (11, "other lines")]
)
def test_a_file_that_changes_meanwhile_is_an_error(files: list[str], number: int | None, got: str) -> None:
    groups = row_groups(files, ASKED)
    assert groups is not None
    Path(files[1]).unlink()
    if number is not None:
        written(Path(files[1]), 0, number)
    with pytest.raises(InputError, match=f"stay as they are while they are read, got .*{got}.* in .*a b.parquet"):
        lines_of(groups)


def test_a_file_with_another_kind_of_column_is_an_error(files: list[str]) -> None:
    groups = row_groups(files, ASKED)
    assert groups is not None
    written(Path(files[1]), 0, 10, amount=pa.array(["1"] * 10))
    with pytest.raises(InputError, match="got other lines or columns in"):
        lines_of(groups)


def test_a_file_that_is_not_whole_is_an_error(files: list[str]) -> None:
    groups = row_groups(files, ASKED)
    assert groups is not None
    content = bytearray(Path(files[1]).read_bytes())
    content[4:60] = bytes(56)
    Path(files[1]).write_bytes(content)
    with pytest.raises(InputError, match="Expected files that are whole"):
        lines_of(groups)
