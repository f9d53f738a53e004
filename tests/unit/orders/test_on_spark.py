"""Reading with Spark, on a cluster of two workers: lines, counts and errors are those of the embedded engine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from smartaccounts.config import Pipeline, pipeline_from
from smartaccounts.engine.duckdb import Engine
from smartaccounts.errors import InputError, PipelineError, SmartAccountsError
from smartaccounts.orders.contract import Intake
from smartaccounts.orders.on_spark import read_on_spark, unpacked
from smartaccounts.orders.read import read
from smartaccounts.orders.row_groups import row_groups

pytestmark = pytest.mark.slow

TODAY = date(2026, 1, 31)
COLUMNS = {
    "market": "land", "customer_id": "customer no", "order_id": "order", "order_date": "day", "product_id": "item",
    "quantity": "pieces", "amount": "net", "cost": "cost", "currency": "currency",
}  # fmt: skip


def dirty(seed: int = 0, rows: int = 600) -> pa.Table:
    """Return lines with every kind of dirt that a typed source can have; many are alike in every column."""
    draw = np.random.default_rng(seed)

    def some(values: Sequence[Any]) -> list[Any]:
        return [values[i] for i in draw.integers(0, len(values), rows)]

    days = (np.datetime64("2024-01-01T09", "us") + draw.integers(0, 6, rows) * np.timedelta64(1, "D")).tolist()
    odd = {3: None, 5: np.datetime64("1850-01-01", "us").item(), 8: np.datetime64("2031-01-01", "us").item()}
    table = pa.table(
        {
            "land": some(["AT", "DE", None]),
            "customer no": some(["00017", " 17 ", "", None, "b", "c", "ü"]),
            "order": pa.array(some([1, 2, None]), pa.int64()),
            "day": pa.array([odd.get(i % 40, d) for i, d in enumerate(days)], pa.timestamp("us")),
            "item": some(["p", "q", "FREIGHT", None]),
            "pieces": some([1.0, 2.0, None, float("inf")]),
            "net": some([9.5, -9.5, 0.1, None, float("nan"), 1e16]),
            "cost": pa.array(some([1.25, float("nan"), None]), pa.float32()),
            "currency": some(["EUR", None]),
            "never mapped": some(["x", "y"]),
        }
    )
    return pa.concat_tables([table.slice(0, rows - rows // 3), table.slice(0, rows // 3)])


def pipeline(folder: Path, **more: Any) -> Pipeline:
    source = {"path": "lines*.parquet", **more.pop("source", {})}
    content = {"name": "test", "source": source, "columns": COLUMNS, "keep": "item <> 'FREIGHT' AND \"net\" <> 0.1"}
    return pipeline_from({**content, **more}, folder=folder)


def on_spark(source: Pipeline, cluster: Any) -> tuple[Intake, list[tuple[Any, ...]], tuple[Any, ...]]:
    asked = source.model_copy(update={"engine": "spark"})
    asked._folder = source._folder
    with Engine() as engine, read_on_spark(asked, cluster, engine, today=TODAY) as lines:
        engine.load("there", pa.concat_tables(unpacked(lines.frame.arrow().to_batches())))
        rows = engine.rows(f"SELECT {', '.join(lines.held)} FROM there ORDER BY ALL")
        return lines.intake, rows, (lines.first_day, lines.last_day, lines.provided, lines.held)


@pytest.fixture
def by_workers(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether files were read by the workers themselves, each time that it was asked."""
    said: list[bool] = []

    def asked(files: Sequence[str], schema: pa.Schema) -> pa.Table | None:
        said.append((found := row_groups(files, schema)) is not None)
        return found

    monkeypatch.setattr("smartaccounts.orders.on_spark.row_groups", asked)
    return said


@pytest.mark.parametrize("duplicates", ["keep", "drop"])
@pytest.mark.parametrize("partitions", [1, 5])
@pytest.mark.parametrize("kind", ["of today", "old timestamps"])
def test_lines_and_counts_are_those_of_the_embedded_engine(
    duplicates: str, partitions: int, kind: str, cluster: Any, tmp_path: Path, by_workers: list[bool]
) -> None:
    table, folder, old = dirty(), tmp_path / "a b ü%20=+", kind == "old timestamps"
    folder.mkdir()
    for part, name in enumerate(("lines_b", "lines_a")):
        pq.write_table(
            table.slice(part * 300, 300),
            folder / f"{name}.parquet",
            row_group_size=70,
            use_deprecated_int96_timestamps=old,
        )
    source = pipeline(folder, source={"duplicates": duplicates}, spark={"partitions": partitions})
    taken, rows, (first, last, provided, held) = on_spark(source, cluster)
    assert by_workers == [not old]
    with Engine() as engine:
        lines = read(source, engine, today=TODAY)
        if old:  # Spark gives such a zone: an example shows it
            assert [(r.reason, r.rows) for r in taken.rejected] == [(r.reason, r.rows) for r in lines.intake.rejected]
        else:
            assert taken == lines.intake
        assert (first, last, provided) == (lines.first_day, lines.last_day, lines.provided)
        assert repr(rows) == repr(engine.rows(f"SELECT {', '.join(held)} FROM {lines.table} ORDER BY ALL"))
    assert len(taken.rejected) == (9 if duplicates == "drop" else 8)
    assert len(taken.notes) == 3


def test_a_column_that_is_the_name_of_a_folder(cluster: Any, tmp_path: Path, by_workers: list[bool]) -> None:
    """Spark reads such files itself; its workers read the others."""
    pq.write_table(dirty(), tmp_path / "lines.parquet")
    pq.write_to_dataset(dirty(), tmp_path / "apart", partition_cols=["never mapped"])
    told = [
        on_spark(pipeline(tmp_path, source={"path": path, "duplicates": "drop"}), cluster)
        for path in ("lines.parquet", "apart")
    ]
    assert by_workers == [True, False]
    assert repr(told[0][1:]) == repr(told[1][1:])
    assert told[0][0].rows_in == told[1][0].rows_in == 600
    assert told[0][0].rows_out == told[1][0].rows_out > 0


def same_error(source: Pipeline, cluster: Any, *, but: Callable[[str], str] = str) -> SmartAccountsError:
    with pytest.raises(SmartAccountsError) as said:
        on_spark(source, cluster)
    with pytest.raises(type(said.value)) as expected, Engine() as engine:
        read(source, engine, today=TODAY)
    assert but(str(said.value)) == but(str(expected.value))
    return said.value


def test_errors_are_those_of_the_embedded_engine(cluster: Any, tmp_path: Path) -> None:
    pq.write_table(dirty(), tmp_path / "lines.parquet")
    at = {"source": {"path": "lines.parquet"}}
    missing = pipeline(tmp_path, columns=COLUMNS | {"amount": "nett"}, **at)
    assert "Did you mean 'net'?" in str(same_error(missing, cluster))
    assert isinstance(same_error(pipeline(tmp_path, keep="count(*) > 1", **at), cluster), PipelineError)
    text_dates = pipeline(tmp_path, columns=COLUMNS | {"order_date": "item"}, keep=None, **at)
    assert "source.date_format" in str(same_error(text_dates, cluster))
    # seen in a worker only, when it comes to the line
    breaks = pipeline(tmp_path, keep="CAST(item AS DOUBLE) > 1", **at)
    assert "TRY_CAST" in str(same_error(breaks, cluster))


def test_two_currencies_in_a_market_are_refused(cluster: Any, tmp_path: Path) -> None:
    table = dirty()
    table = table.set_column(8, "currency", pa.array(["EUR", "USD"] * 300))
    pq.write_table(table, tmp_path / "lines.parquet")
    error = same_error(pipeline(tmp_path, source={"path": "lines.parquet"}), cluster)
    assert "Expected one currency in each market, got 'EUR', 'USD' in the market ''" in str(error)


def test_a_table_of_the_session_is_read_and_a_missing_one_named(cluster: Any, tmp_path: Path) -> None:
    pq.write_table(dirty(), tmp_path / "lines.parquet")
    cluster.parquet(str(tmp_path)).data.createOrReplaceTempView("order_book")
    by_file, rows, _ = on_spark(pipeline(tmp_path, source={"path": "lines.parquet"}), cluster)
    named = pipeline(tmp_path, source={"path": None, "table": "order_book"}, engine="spark")
    assert on_spark(named, cluster)[:2] == (by_file, rows)
    for source in ({"path": None, "table": "nothing_there"}, {"path": "nothing_there.parquet"}):
        with pytest.raises(InputError, match=r"Expected order lines that Spark can read, got .* in .*nothing_there"):
            on_spark(pipeline(tmp_path, source=source, engine="spark"), cluster)
