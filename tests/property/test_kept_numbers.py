"""Whatever of the lines is kept as numbers: the same snapshot as from all of them, to the last bit."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.oracle.histories import CENTS, FINE, HUGE, TIES, as_ofs, random_history

from smartaccounts.config import Pipeline, Target, pipeline_from
from smartaccounts.engine.duckdb import Engine
from smartaccounts.engine.memory import Room
from smartaccounts.errors import InputError
from smartaccounts.features.snapshot import latest, snapshot
from smartaccounts.features.sweep import keep, kept, laid_out
from smartaccounts.orders.digest import digest
from smartaccounts.orders.read import read
from smartaccounts.timeline import from_day_number
from smartaccounts.workflow.ledger import update_ledger

TARGET = Target(min_active=3, horizon_days=91)
COLUMNS = (
    "market", "customer_id", "order_id", "order_date", "known_date", "product_id", "quantity", "amount", "unit_price",
    "list_price", "cost", "channel", "category",
)  # fmt: skip
FILES = 6


def table_of(seed: int, money: Any) -> pa.Table:
    rows = [
        {"order_date": r.pop("day"), "known_date": r.pop("known_day", None), **r} for r in random_history(seed, money)
    ]
    return pa.Table.from_pylist(rows).sort_by([("customer_id", "ascending")])  # files have customers of their own


def pipeline(folder: Path, table: pa.Table, **more: Any) -> Pipeline:
    columns = {c: c for c in COLUMNS if c in table.column_names}
    said = {"name": "test", "source": {"path": "*.parquet"}, "columns": columns, "ledger": "ledger"}
    return pipeline_from({**said, **more}, folder=folder)


def written(table: pa.Table, folder: Path, file: int) -> None:
    pq.write_table(table.slice(file * len(table) // FILES, len(table) // FILES + 1), folder / f"{file}.parquet")


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(laid_out, "RANGE", 20)
    monkeypatch.setattr(laid_out, "BATCH", 64)
    monkeypatch.setenv("SMARTACCOUNTS_THREADS", "2")


@pytest.mark.parametrize("money", [CENTS, FINE, TIES, HUGE], ids=lambda m: m.name)
@pytest.mark.parametrize("seed", range(3))
def test_a_snapshot_of_kept_and_new_lines_is_that_of_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int, money: Any
) -> None:
    table, dates, used = table_of(seed, money), as_ofs(seed), 0
    source = pipeline(tmp_path, table)
    scratch = source.model_copy(update={"ledger": None})
    scratch._folder = source._folder
    order = np.random.default_rng(seed).permutation(FILES).tolist()
    for step, file in enumerate(order):
        written(table, tmp_path, file)
        monkeypatch.setattr(keep, "SHARE", [1, 0, 0, 2, 0, 0][step])  # 0: what is kept stays as it is
        update_ledger(source)
        with Engine() as one, Engine() as other:
            lines = read(source, one)
            held = kept.kept(lines)
            if held is not None and lines.stored is not None:
                used += len(held.files) < len(lines.stored.files)
            one.room = Room(0, tmp_path)
            all_lines = read(scratch, other)
            for asked in (dates, dates[:1]):  # lines of the future are among what is kept
                told, expected = snapshot(lines, asked, TARGET).frame, snapshot(all_lines, asked, TARGET).frame
                pd.testing.assert_frame_equal(told, expected, check_exact=True)
            for a, b in zip(*(latest(s, dates[0], dates[-1], TARGET) for s in (lines, all_lines)), strict=True):
                pd.testing.assert_frame_equal(a.frame, b.frame, check_exact=True)
            for day in (*dates, from_day_number(lines.last_day + 100)):
                assert digest(lines, known_before=day) == digest(all_lines, known_before=day)
    assert used >= (0 if money is HUGE else 3)


def test_what_is_kept_is_replaced_as_lines_come_and_what_it_replaced_stays_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = table_of(1, CENTS)
    source = pipeline(tmp_path, table)
    seen: list[set[str]] = []
    for file, share in ((0, 16), (1, 16), (2, 0), (3, 16), (4, 0)):
        written(table, tmp_path, file)
        monkeypatch.setattr(keep, "SHARE", share)
        update_ledger(source)
        seen.append({f.name for f in (tmp_path / "ledger" / "numbers").iterdir()})
    assert [len(names) for names in seen] == [1, 2, 1, 2, 1]
    assert seen[2] < seen[1]
    assert seen[0] < seen[1]
    assert seen[4] < seen[3]


def test_a_corrected_file_is_laid_out_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = table_of(2, CENTS)
    source = pipeline(tmp_path, table)
    for file in range(FILES):
        written(table, tmp_path, file)
    update_ledger(source)
    written(table.set_column(table.column_names.index("amount"), "amount", pa.repeat(1.25, len(table))), tmp_path, 3)
    update_ledger(source)
    with Engine() as engine:
        lines = read(source, engine)
        held = kept.kept(lines)
        assert held is not None
        assert lines.stored is not None
        assert held.files == {file.name for file in lines.stored.files}
        assert held.rows == lines.intake.rows_out


def test_a_line_of_the_future_counts_when_its_day_has_come(tmp_path: Path) -> None:
    day, since = date(2026, 1, 10), timedelta(days=10)
    days = [day - 40 * since, day - timedelta(days=5), day + timedelta(days=3)]
    table = pa.table({"customer_id": ["a", "b", "a"], "order_date": days, "amount": [5.0, 7.0, 9.0]})
    pq.write_table(table, tmp_path / "0.parquet")
    source = pipeline(tmp_path, table)
    update_ledger(source, today=day)
    with Engine() as engine:
        lines = read(source, engine, today=day + since)
        assert kept.kept(lines) is not None
        found = snapshot(lines, [day + since], Target(horizon_days=182)).frame
        assert found["spend_365d"].tolist() == [9.0, 7.0]


@pytest.mark.parametrize("damage", ["shorter", "gone", "no json"])
def test_numbers_that_are_damaged_are_named_and_made_anew(tmp_path: Path, damage: str) -> None:
    table = table_of(1, CENTS)
    source = pipeline(tmp_path, table)
    written(table, tmp_path, 0)
    update_ledger(source)
    (folder,) = (tmp_path / "ledger" / "numbers").iterdir()
    if damage == "shorter":
        (folder / "lines.parquet").write_bytes((folder / "lines.parquet").read_bytes()[:-1])
    elif damage == "gone":
        (folder / "products.parquet").unlink()
    else:
        (folder / "kept.json").write_text("{")
    with Engine() as engine:
        lines = read(source, engine)
        with pytest.raises(InputError, match="Expected the numbers of a ledger as they were written") as said:
            snapshot(lines, as_ofs(1), TARGET)
        assert str(folder) in str(said.value.hint)
    update_ledger(source)
    with Engine() as engine:
        assert len(snapshot(read(source, engine), as_ofs(1), TARGET).frame)


def test_numbers_of_another_making_are_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = table_of(1, CENTS)
    source = pipeline(tmp_path, table)
    written(table, tmp_path, 0)
    update_ledger(source)
    monkeypatch.setattr(kept, "FORMAT", 2)
    with Engine() as engine:
        assert kept.kept(read(source, engine)) is None
    update_ledger(source)
    with Engine() as engine:
        assert kept.kept(read(source, engine)) is not None


def test_nothing_is_left_where_they_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = table_of(1, CENTS)
    source = pipeline(tmp_path, table)
    written(table, tmp_path, 0)

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(kept.pq, "write_table", full)
        with pytest.raises(Exception, match="Expected room on disk for the numbers of a ledger"):
            update_ledger(source)
    assert list((tmp_path / "ledger" / "numbers").iterdir()) == []
    update_ledger(source)
    assert len(list((tmp_path / "ledger" / "numbers").iterdir())) == 1
