"""Reading: what the table of order lines promises."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from smartaccounts.config import Pipeline, pipeline_from
from smartaccounts.engine.duckdb import Engine
from smartaccounts.errors import PipelineError
from smartaccounts.orders.contract import COLUMNS
from smartaccounts.orders.read import read

TODAY = date(2026, 1, 31)


@pytest.fixture
def engine() -> Iterator[Engine]:
    with Engine() as opened:
        yield opened


def pipeline(folder: Path, content: str, **more: object) -> Pipeline:
    (folder / "lines.csv").write_text(content)
    columns = {"customer_id": "customer", "order_date": "date", "amount": "amount"}
    return pipeline_from(
        {"name": "test", "source": {"path": "lines.csv"}, "columns": columns | dict(more.pop("columns", {})), **more},
        folder=folder,
    )


def test_the_table_has_every_column_of_the_contract_in_its_type(engine: Engine, tmp_path: Path) -> None:
    lines = read(pipeline(tmp_path, "customer,date,amount\na,2025-01-02,1\n"), engine, today=TODAY)
    assert engine.columns(lines.table) == {c.held_as: c.sql_type for c in COLUMNS}
    assert lines.provided == {"customer_id", "order_date", "amount"}
    row = dict(zip(engine.columns(lines.table), engine.rows(f"SELECT * FROM {lines.table}")[0], strict=True))
    day = (date(2025, 1, 2) - date(1970, 1, 1)).days
    given = {"market": "", "customer_id": "a", "order_id": "2025-01-02", "day": day, "known_day": day, "amount": 1.0}
    assert row == dict.fromkeys(row) | given
    assert (lines.first_day, lines.last_day) == (day, day)


def test_a_missing_market_or_order_is_stood_in_for(engine: Engine, tmp_path: Path) -> None:
    content = "customer,date,amount,land,order\na,2025-01-02,1,,\nb,2025-01-03,2,AT,17\n"
    source = pipeline(tmp_path, content, columns={"market": "land", "order_id": "order"})
    lines = read(source, engine, today=TODAY)
    assert engine.rows(f"SELECT market, order_id FROM {lines.table} ORDER BY day") == [("", "2025-01-02"), ("AT", "17")]


def test_keep_sees_numbers_and_dates_where_the_contract_has_them(engine: Engine, tmp_path: Path) -> None:
    content = "customer;date;amount\na;02.01.2025;9,5\nb;03.01.2025;10,5\nc;01.01.2024;11\nd;03.01.2025;\n"
    source = pipeline(tmp_path, content, keep="amount > 9.9 AND date >= DATE '2025-01-01' AND customer <> 'x'")
    source = source.model_copy(
        update={"source": source.source.model_copy(update={"decimal": ",", "date_format": "%d.%m.%Y"})}
    )
    lines = read(source, engine, today=TODAY)
    assert engine.rows(f"SELECT customer_id, amount FROM {lines.table}") == [("b", 10.5)]
    assert {r.reason: r.rows for r in lines.intake.rejected} == {"no amount": 1, "not kept": 2}


def test_reading_again_replaces_the_lines(engine: Engine, tmp_path: Path) -> None:
    for customer in "ab":
        lines = read(pipeline(tmp_path, f"customer,date,amount\n{customer},2025-01-02,1\n"), engine, today=TODAY)
        assert engine.rows(f"SELECT customer_id FROM {lines.table}") == [(customer,)]


def test_in_plus_rejected_is_out(engine: Engine, tmp_path: Path) -> None:
    content = "customer,date,amount\n" + "".join(f"{c},{d},{a}\n" for c in ("a", "") for d in ("2025-01-02", "x")
                                                 for a in ("1", "", "inf") for _ in range(2))  # fmt: skip
    taken = read(pipeline(tmp_path, "customer,date,amount\n" + "z,2025-01-02,1\n" * 9 + content[21:]), engine).intake
    assert taken.rows_in == 33
    assert taken.rows_in == taken.rows_out + sum(r.rows for r in taken.rejected)
    assert all(1 <= len(r.examples) <= 3 for r in taken.rejected)


def test_no_nan_of_a_parquet_file_is_taken_for_a_number(engine: Engine, tmp_path: Path) -> None:
    costs = [1.25, float("nan"), None, 2.0]
    lines = {"customer": list("abcd"), "date": [date(2025, 1, 2)] * 4, "amount": [1.0] * 4, "cost": costs}
    pq.write_table(pa.table(lines), tmp_path / "lines.parquet")
    source = pipeline(tmp_path, "", columns={"cost": "cost"})
    source = source.model_copy(update={"source": source.source.model_copy(update={"path": "lines.parquet"})})
    read_lines = read(source, engine, today=TODAY)
    assert engine.rows(f"SELECT cost FROM {read_lines.table} ORDER BY customer_id") == [
        (1.25,),
        (None,),
        (None,),
        (2.0,),
    ]
    assert read_lines.intake.notes == (
        "1 lines: 'cost' (cost) is no finite number below 1e9 and was taken as missing.",
    )


def test_a_source_of_spark_is_not_read_in_this_process(engine: Engine, tmp_path: Path) -> None:
    source = pipeline(tmp_path, "customer,date,amount\na,2025-01-02,1\n", engine="spark")
    with pytest.raises(PipelineError, match="Expected engine: embedded, got engine: spark in 'test'"):
        read(source, engine, today=TODAY)
