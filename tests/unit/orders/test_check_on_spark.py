"""The quality report on Spark, on a cluster of two workers: it is that of the embedded engine."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.conftest import real_history
from tests.unit.orders.test_on_spark import TODAY, dirty, pipeline

from smartaccounts.config import Pipeline, read_pipeline
from smartaccounts.engine.duckdb import Engine
from smartaccounts.errors import InputError
from smartaccounts.orders.check import Quality, check
from smartaccounts.orders.check_on_spark import check_on_spark

pytestmark = pytest.mark.slow

PIPELINES = Path(__file__).parents[3] / "pipelines"


def same(there: Any, here: Any, at: str = "") -> None:
    """Hold two reports together; money that is rounded to cents may be rounded the other way."""
    assert type(there) is type(here), at
    if isinstance(here, dict):
        assert there.keys() == here.keys(), at
        for key, value in here.items():
            same(there[key], value, f"{at}.{key}")
    elif isinstance(here, list):
        assert len(there) == len(here), at
        for i, value in enumerate(here):
            same(there[i], value, f"{at}[{i}]")
    elif isinstance(here, float):
        cent = 0.011 if at.endswith((".amount", ".spend")) else 0.0
        assert there == pytest.approx(here, rel=1e-9, abs=cent), at
    else:
        assert there == here, at


def both(source: Pipeline, cluster: Any, **more: Any) -> Quality:
    asked = source.model_copy(update={"engine": "spark"})
    asked._folder = source._folder
    there = check_on_spark(asked, cluster, today=TODAY, **more)
    with Engine() as engine:
        same(there.as_dict(), check(source, engine, today=TODAY, **more).as_dict())
    return there


@pytest.mark.parametrize("duplicates", ["keep", "drop"])
@pytest.mark.parametrize("partitions", [1, 5])
def test_every_figure_is_that_of_the_embedded_engine(
    duplicates: str, partitions: int, cluster: Any, tmp_path: Path
) -> None:
    table = dirty()
    table = table.append_column("storno", pa.array([i % 400 % 3 == 0 for i in range(len(table))]))
    codes = pa.array(["FREIGHT" if i % 400 % 9 == 0 else f"1{i % 400 % 7}" for i in range(len(table))])
    table = table.set_column(table.column_names.index("item"), "item", codes)
    for part in range(3):
        pq.write_table(table.slice(part * 200, 200), tmp_path / f"lines_{part}.parquet", row_group_size=70)
    cancelled = "storno AND net < 0"
    more = {"source": {"duplicates": duplicates, "cancelled": cancelled}, "spark": {"partitions": partitions}}
    found = both(pipeline(tmp_path, **more), cluster, as_of=date(2024, 6, 1))
    assert found.oddities.duplicates > 0
    assert found.oddities.share_of_lines_without_customer > 0
    assert found.cancellations.lines
    assert found.odd_codes
    assert found.customers_in_several_markets > 0
    assert {p.severity for p in found.problems} >= {"stops", "warns"}
    assert (duplicates == "drop") == any(r.reason == "duplicate" for r in found.intake.rejected)


def test_a_source_of_the_least_columns(cluster: Any, tmp_path: Path) -> None:
    days = pa.array([date(2024, m, 1) for m in range(1, 13)])
    table = pa.table({"customer no": ["a", "b"] * 6, "day": days, "net": pa.array([1.5] * 12)})
    pq.write_table(table, tmp_path / "lines.parquet")
    columns = {"customer_id": "customer no", "order_date": "day", "amount": "net"}
    found = both(pipeline(tmp_path, columns=columns, keep=None), cluster)
    assert found.oddities.zero_prices is None
    assert found.odd_codes == ()
    assert found.cancellations.lines is None


def test_nothing_acceptable_is_the_same_error(cluster: Any, tmp_path: Path) -> None:
    pq.write_table(dirty().slice(0, 40), tmp_path / "lines.parquet")
    source = pipeline(tmp_path, keep="FALSE")
    with pytest.raises(InputError, match="Expected at least one acceptable line") as there:
        both(source, cluster)
    with pytest.raises(InputError) as here, Engine() as engine:
        check(source, engine, today=TODAY)
    assert str(there.value) == str(here.value)


def test_an_empty_source_is_the_same_error(cluster: Any, tmp_path: Path) -> None:
    pq.write_table(dirty().slice(0, 0), tmp_path / "lines.parquet")
    with pytest.raises(InputError, match="got columns without a line") as there:
        both(pipeline(tmp_path), cluster)
    with pytest.raises(InputError) as here, Engine() as engine:
        check(pipeline(tmp_path), engine, today=TODAY)
    assert str(there.value) == str(here.value)


@pytest.mark.real
def test_a_real_history(cluster: Any, tmp_path: Path) -> None:
    path = real_history("online_retail")
    said = read_pipeline(PIPELINES / "online_retail.yaml")
    source = said.model_copy(update={"source": said.source.model_copy(update={"path": str(path)})})
    source._folder = said._folder
    found = both(source, cluster)
    assert found.intake.rows_in > 1_000_000
    assert found.cancellations.matched
    assert found.odd_codes
