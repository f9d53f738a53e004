"""Whatever of the lines is kept as numbers: the same snapshot as from all of them, to the last bit."""

from __future__ import annotations

import json
import shutil
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
from smartaccounts.features.sweep.keys import keyed
from smartaccounts.features.sweep.run import whole
from smartaccounts.orders.digest import digest
from smartaccounts.orders.ledger.update import Asked
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


@pytest.mark.slow
@pytest.mark.parametrize(
    ("seed", "money"), [(0, CENTS), (1, FINE), (0, TIES), (1, HUGE)], ids=lambda v: getattr(v, "name", v)
)
def test_a_snapshot_of_kept_and_new_lines_is_that_of_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int, money: Any
) -> None:
    table, dates, used = table_of(seed, money), as_ofs(seed), 0
    source = pipeline(tmp_path, table)
    scratch = without_ledger(source)
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


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
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


def once(folder: Path) -> tuple[Pipeline, Path]:
    """Make a ledger of one file; return the pipeline, and where its numbers are."""
    table = table_of(1, CENTS)
    source = pipeline(folder, table)
    written(table, folder, 0)
    update_ledger(source)
    (numbers_in,) = (folder / "ledger" / "numbers").iterdir()
    return source, numbers_in


def without_ledger(source: Pipeline) -> Pipeline:
    scratch = source.model_copy(update={"ledger": None})
    scratch._folder = source._folder
    return scratch


def flipped(file: Path, at: float, bits: int) -> None:
    """Damage a byte of a file."""
    content = bytearray(file.read_bytes())
    content[int(at * len(content))] ^= bits
    file.write_bytes(content)


def told(source: Pipeline) -> pd.DataFrame:
    with Engine() as engine:
        return snapshot(read(source, engine), as_ofs(1), TARGET).frame


def numbers(folder: Path) -> set[str]:
    return {f.name for f in (folder / "ledger" / "numbers").iterdir()}


DAMAGES = ("shorter", "gone", "no json", "another json", "another span", "other keys")


@pytest.mark.parametrize("damage", ["footer", *(pytest.param(d, marks=pytest.mark.slow) for d in DAMAGES)])
def test_numbers_that_are_damaged_are_passed_over_and_made_anew(tmp_path: Path, damage: str) -> None:
    source, folder = once(tmp_path)
    expected = told(source)
    if damage == "shorter":
        (folder / "lines.parquet").write_bytes((folder / "lines.parquet").read_bytes()[:-1])
    elif damage == "gone":
        (folder / "products.parquet").unlink()
    elif damage in ("other keys", "footer"):
        name, at = ("customers.parquet", 0.5) if damage == "other keys" else ("lines.parquet", 0.99)
        flipped(folder / name, at, 1)
    elif damage == "another span":
        said = json.loads((folder / "kept.json").read_text())
        said["span"][0] += 200
        (folder / "kept.json").write_text(json.dumps(said))
    else:
        (folder / "kept.json").write_text("{" if damage == "no json" else "{}")
    with Engine() as engine:
        assert kept.kept(read(source, engine)) is None
    pd.testing.assert_frame_equal(told(source), expected, check_exact=True)
    update_ledger(source)
    assert len(numbers(tmp_path) - {folder.name}) == len(numbers(tmp_path)) == 1
    with Engine() as engine:
        assert kept.kept(read(source, engine)) is not None


@pytest.mark.slow
def test_a_line_that_is_damaged_is_said_with_the_folder(tmp_path: Path) -> None:
    source, folder = once(tmp_path)
    flipped(folder / "lines.parquet", 0.25, 255)
    with pytest.raises(InputError, match="Expected the numbers of a ledger as they were written") as said:
        told(source)
    assert str(folder) in str(said.value.hint)
    shutil.rmtree(folder)
    update_ledger(source)
    assert len(told(source))


@pytest.mark.slow
def test_who_reads_while_a_file_is_corrected_reads_the_old_state_to_its_end(tmp_path: Path) -> None:
    table, dates = table_of(2, CENTS), as_ofs(2)
    source = pipeline(tmp_path, table)
    for file in range(FILES):
        written(table, tmp_path, file)
    update_ledger(source)
    with Engine() as engine, Engine() as other:
        lines, expected = read(source, engine), snapshot(read(source, other), dates, TARGET).frame
        keys = keyed(lines, known_before=dates[-1])
        assert keys.kept is not None
        other_amounts = table.set_column(table.column_names.index("amount"), "amount", pa.repeat(1.25, len(table)))
        written(other_amounts, tmp_path, 3)
        update_ledger(source)
        (frame,) = whole(lines, dates, [TARGET], keys=keys)
        pd.testing.assert_frame_equal(frame.astype(expected.dtypes.to_dict()), expected, check_exact=True)
        assert len(numbers(tmp_path)) == 2
    update_ledger(source)
    assert len(numbers(tmp_path)) == 1


def test_what_a_killed_update_left_is_no_numbers_and_goes(tmp_path: Path) -> None:
    source, folder = once(tmp_path)
    shutil.copytree(folder, folder.with_name("ff.partial"))
    folder.rename(folder.with_name("ee.partial"))
    with Engine() as engine:
        assert kept.kept(read(source, engine)) is None
    update_ledger(source)
    assert len([n for n in numbers(tmp_path) if not n.endswith(".partial")]) == len(numbers(tmp_path)) == 1


@pytest.mark.slow
def test_a_file_that_is_replaced_again_and_again_is_not_among_them(tmp_path: Path) -> None:
    table = table_of(1, CENTS)
    source = pipeline(tmp_path, table)
    for file in range(FILES):
        written(table, tmp_path, file)
    seen = []
    for week in range(4):
        pq.write_table(table.slice(week, 3 + week), tmp_path / "current.parquet")
        update_ledger(source)
        seen.append(numbers(tmp_path))
        pd.testing.assert_frame_equal(told(source), told(without_ledger(source)), check_exact=True)
    first, corrected, again, last = seen
    assert len(first) == 1
    assert len(corrected) == 2
    assert again == last == corrected - first


def test_an_open_known_date_is_kept_once(tmp_path: Path) -> None:
    days = [date(2020, 1, 1) + timedelta(days=7 * i) for i in range(60)]
    known = [d if i % 5 else date(9999, 12, 31) for i, d in enumerate(days)]
    table = pa.table({"customer_id": ["a", "b"] * 30, "order_date": days, "known_date": known, "amount": [5.0] * 60})
    source = pipeline(tmp_path, table)
    pq.write_table(table, tmp_path / "0.parquet")
    update_ledger(source)
    before = numbers(tmp_path)
    update_ledger(source)
    assert numbers(tmp_path) == before
    with Engine() as engine:
        held = kept.kept(read(source, engine))
        assert held is not None
        assert held.rows == 60
        assert len(snapshot(read(source, engine), [date(2021, 2, 1)], TARGET).frame) == 2


@pytest.mark.parametrize("duplicates", ["keep", "drop"])
def test_numbers_of_lines_that_were_let_go_go_too(tmp_path: Path, duplicates: str) -> None:
    table = table_of(1, CENTS)
    source = pipeline(tmp_path, table)
    for file in range(2):
        written(table, tmp_path, file)
    update_ledger(source)
    first = numbers(tmp_path)
    (tmp_path / "0.parquet").unlink()
    rebuilt = pipeline(tmp_path, table, source={"path": "*.parquet", "duplicates": duplicates})
    update_ledger(rebuilt, asked=Asked(rebuild=True, let_go=True))
    assert first < numbers(tmp_path) or duplicates == "drop"
    update_ledger(rebuilt)
    assert first.isdisjoint(numbers(tmp_path))
    assert len(numbers(tmp_path)) == (duplicates == "keep")


def test_numbers_of_another_making_are_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, _ = once(tmp_path)
    monkeypatch.setattr(kept, "FORMAT", 2)
    with Engine() as engine:
        assert kept.kept(read(source, engine)) is None
    update_ledger(source)
    with Engine() as engine:
        assert kept.kept(read(source, engine)) is not None


def test_a_ledger_is_up_to_date_where_its_numbers_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = table_of(1, CENTS)
    source = pipeline(tmp_path, table)
    written(table, tmp_path, 0)

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(kept.pq, "write_table", full)
        _, content = update_ledger(source)
    assert content.note.startswith("The lines are not kept as numbers: Expected room on disk for the numbers")
    assert content.as_dict()["notes"] == [content.note]
    assert numbers(tmp_path) == set()
    assert len(told(source))
    _, content = update_ledger(source)
    assert content.note == ""
    assert len(numbers(tmp_path)) == 1


@pytest.mark.slow
def test_lines_that_are_new_are_put_among_the_kept_a_piece_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the tables no more than a piece is in memory at once: all is released after each."""
    table = table_of(1, CENTS)
    source = pipeline(tmp_path, table)
    for file in range(FILES - 1):
        written(table, tmp_path, file)
    update_ledger(source)
    written(table, tmp_path, FILES - 1)
    monkeypatch.setattr(keep, "SHARE", 0)
    update_ledger(source)
    released: list[int] = []
    monkeypatch.setattr(laid_out, "release", lambda *arrays: released.append(len(arrays)))
    with Engine() as engine:
        lines = read(source, engine)
        snapshot(lines, as_ofs(1), TARGET)
        assert released.count(4) >= lines.intake.rows_out // laid_out.RANGE


def test_numbers_that_are_gone_before_they_are_read_are_said(tmp_path: Path) -> None:
    table, dates = table_of(1, CENTS), as_ofs(1)
    source = pipeline(tmp_path, table)
    written(table, tmp_path, 0)
    update_ledger(source)
    with Engine() as engine:
        lines = read(source, engine)
        keys = keyed(lines, known_before=dates[-1])
        shutil.rmtree(tmp_path / "ledger" / "numbers")
        with pytest.raises(InputError, match="Expected the numbers of a ledger as they were written"):
            whole(lines, dates, [TARGET], keys=keys)


def test_an_update_is_done_though_what_is_left_cannot_be_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, _ = once(tmp_path)
    (tmp_path / "ledger" / "numbers" / "left.partial").mkdir()

    def refused(_: Path) -> None:
        raise PermissionError(13, "Permission denied", "left.partial")

    monkeypatch.setattr(keep, "delete", refused)
    _, content = update_ledger(source)
    assert "Permission denied: 'left.partial'" in content.note
