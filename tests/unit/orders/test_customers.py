"""The customers table: names by key, for display only."""

from __future__ import annotations

from pathlib import Path

import pytest

from smartaccounts.config import Pipeline, pipeline_from
from smartaccounts.engine.duckdb import Engine
from smartaccounts.errors import InputError
from smartaccounts.orders.customers import customer_names


def pipeline_with(folder: Path, customers: dict[str, object] | None) -> Pipeline:
    content: dict[str, object] = {
        "name": "test",
        "source": {"path": "orders.csv"},
        "columns": {"customer_id": "id", "order_date": "day", "amount": "amount"},
    }
    return pipeline_from(content | ({"customers": customers} if customers else {}), folder=folder)


def names(folder: Path, text: str, **customers: object) -> dict[tuple[str, str], str]:
    (folder / "customers.csv").write_text(text, encoding="utf-8")
    with Engine() as engine:
        found = customer_names(pipeline_with(folder, {"path": "customers.csv", **customers}), engine)
    assert found is not None
    return dict(found)


def test_names_come_by_market_and_customer_with_zeros_kept(tmp_path: Path) -> None:
    text = "market,customer_id,name\nNorth,007,Bond Ltd\nSouth,007,Other Ltd\n"
    assert names(tmp_path, text) == {("North", "007"): "Bond Ltd", ("South", "007"): "Other Ltd"}


def test_columns_can_be_mapped_and_the_market_be_left_out(tmp_path: Path) -> None:
    found = names(tmp_path, "Number,Firm\n 17 ,'A' & Co\n", columns={"customer_id": "Number", "name": "Firm"})
    assert found == {("", "17"): "'A' & Co"}


def test_a_key_that_is_there_twice_gets_one_name(tmp_path: Path) -> None:
    assert names(tmp_path, "customer_id,name\n1,B\n1,A\n") == {("", "1"): "A"}


def test_without_a_table_there_are_no_names(tmp_path: Path) -> None:
    with Engine() as engine:
        assert customer_names(pipeline_with(tmp_path, None), engine) is None


def test_a_missing_table_says_where(tmp_path: Path) -> None:
    with Engine() as engine, pytest.raises(InputError, match=r"got nothing in .*customers\.csv"):
        customer_names(pipeline_with(tmp_path, {"path": "customers.csv"}), engine)


def test_a_missing_column_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"(?s)Expected the column 'name', got none.*Did you mean 'nmae'"):
        names(tmp_path, "customer_id,nmae\n1,A\n")


def test_a_table_that_is_no_parquet_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "customers.parquet").write_bytes(b"no parquet at all")
    with Engine() as engine, pytest.raises(InputError, match=r"Expected a customers table as parquet or csv"):
        customer_names(pipeline_with(tmp_path, {"path": "customers.parquet"}), engine)
