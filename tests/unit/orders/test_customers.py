"""The customers table: attributes by key, for display, filters, capacity and scope."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from smartaccounts.config import Pipeline, pipeline_from
from smartaccounts.engine.duckdb import Engine
from smartaccounts.errors import InputError
from smartaccounts.orders.customers import ATTRIBUTES, customer_attributes


def pipeline_with(folder: Path, customers: dict[str, object] | None) -> Pipeline:
    content: dict[str, object] = {
        "name": "test",
        "source": {"path": "orders.csv"},
        "columns": {"customer_id": "id", "order_date": "day", "amount": "amount"},
    }
    return pipeline_from(content | ({"customers": customers} if customers else {}), folder=folder)


def attributes(folder: Path, text: str, **customers: object) -> pd.DataFrame:
    (folder / "customers.csv").write_text(text, encoding="utf-8")
    with Engine() as engine:
        found = customer_attributes(pipeline_with(folder, {"path": "customers.csv", **customers}), engine)
    assert found is not None
    assert found.index.is_unique
    return found


def names(folder: Path, text: str, **customers: object) -> dict[tuple[str, str], str]:
    return dict(attributes(folder, text, **customers)["name"])


def test_names_come_by_market_and_customer_with_zeros_kept(tmp_path: Path) -> None:
    text = "market,customer_id,name\nNorth,007,Bond Ltd\nSouth,007,Other Ltd\n"
    assert names(tmp_path, text) == {("North", "007"): "Bond Ltd", ("South", "007"): "Other Ltd"}


def test_columns_can_be_mapped_and_the_market_be_left_out(tmp_path: Path) -> None:
    found = names(tmp_path, "Number,Firm\n 17 ,'A' & Co\n", columns={"customer_id": "Number", "name": "Firm"})
    assert found == {("", "17"): "'A' & Co"}


def test_a_key_that_is_there_twice_gets_one_name(tmp_path: Path) -> None:
    assert names(tmp_path, "customer_id,name\n1,B\n1,A\n") == {("", "1"): "A"}


def test_without_a_table_there_are_no_attributes(tmp_path: Path) -> None:
    with Engine() as engine:
        assert customer_attributes(pipeline_with(tmp_path, None), engine) is None


def test_a_missing_table_says_where(tmp_path: Path) -> None:
    with Engine() as engine, pytest.raises(InputError, match=r"got nothing in .*customers\.csv"):
        customer_attributes(pipeline_with(tmp_path, {"path": "customers.csv"}), engine)


def test_a_missing_column_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"(?s)Expected the column 'name', got none.*Did you mean 'nmae'"):
        names(tmp_path, "customer_id,nmae\n1,A\n")


def test_a_table_that_is_no_parquet_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "customers.parquet").write_bytes(b"no parquet at all")
    with Engine() as engine, pytest.raises(InputError, match=r"Expected a customers table as parquet or csv"):
        customer_attributes(pipeline_with(tmp_path, {"path": "customers.parquet"}), engine)


def test_attributes_come_by_their_own_name_or_as_mapped_and_the_rest_is_null(tmp_path: Path) -> None:
    text = "Number,Firm,segment,Rep,Staff,other\n7,Bond Ltd, craft ,Moneypenny,12,x\n8,Q Ltd,,,,\n"
    columns = {"customer_id": "Number", "name": "Firm", "sales_rep": "Rep", "staff": "Staff"}
    found = attributes(tmp_path, text, columns=columns)
    assert list(found) == [*ATTRIBUTES, "staff"]  # what nobody mapped stays where it is
    assert found.index.tolist() == [("", "7"), ("", "8")]
    assert found.loc[("", "7")].tolist() == ["Bond Ltd", "craft", None, "Moneypenny", None, "12"]
    assert found.loc[("", "8")].tolist() == ["Q Ltd", None, None, None, None, None]


def test_of_several_rows_each_column_takes_its_first_in_the_alphabet_whatever_their_order(tmp_path: Path) -> None:
    rows = ["1,B,,north", "1,A,craft,", "1,C,art,south", ",nobody,,"]
    for order in (rows, rows[::-1]):
        found = attributes(tmp_path, "\n".join(["customer_id,name,segment,region", *order]))
        assert found.index.tolist() == [("", "1")]
        assert found[["name", "segment", "region"]].to_numpy().tolist() == [["A", "art", "north"]]


def test_numbers_of_a_typed_table_are_texts(tmp_path: Path) -> None:
    table = pd.DataFrame({"market": [None], "customer_id": [17.0], "name": ["A"], "region": [3]})
    table.to_parquet(tmp_path / "customers.parquet")
    with Engine() as engine:
        found = customer_attributes(pipeline_with(tmp_path, {"path": "customers.parquet"}), engine)
    assert found is not None
    assert found["region"].to_dict() == {("", "17"): "3"}


def test_a_mapped_column_that_is_missing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"(?s)Expected the column 'Rep', got none.*Did you mean 'rep'"):
        attributes(tmp_path, "customer_id,name,rep\n1,A,B\n", columns={"sales_rep": "Rep"})
