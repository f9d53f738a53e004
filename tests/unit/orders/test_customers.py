"""The customers table: attributes by key, for display, filters, capacity and scope."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from smartaccounts.config import Pipeline, pipeline_from
from smartaccounts.engine.duckdb import Engine
from smartaccounts.engine.memory import Room
from smartaccounts.errors import InputError
from smartaccounts.orders.customers import ATTRIBUTES, Attributes, customer_attributes


def pipeline_with(folder: Path, customers: dict[str, object] | None) -> Pipeline:
    content: dict[str, object] = {
        "name": "test",
        "source": {"path": "orders.csv"},
        "columns": {"customer_id": "id", "order_date": "day", "amount": "amount"},
    }
    return pipeline_from(content | ({"customers": customers} if customers else {}), folder=folder)


def customers(*keys: tuple[str, str]) -> pd.DataFrame:
    return pd.DataFrame(keys, columns=["market", "customer_id"], dtype="str")


def attributes(folder: Path, text: str, *keys: tuple[str, str], **settings: object) -> Attributes:
    (folder / "customers.csv").write_text(text, encoding="utf-8")
    pipeline = pipeline_with(folder, {"path": "customers.csv", **settings})
    with Engine() as engine:
        found = customer_attributes(pipeline, engine, customers(*keys))
    assert found is not None
    assert len(found.texts) == len(keys)
    return found


def names(folder: Path, text: str, *keys: tuple[str, str], **settings: object) -> list[str | None]:
    found = attributes(folder, text, *keys, **settings).texts["name"]
    return [None if pd.isna(name) else name for name in found]


def test_names_come_by_market_and_customer_with_zeros_kept(tmp_path: Path) -> None:
    text = "market,customer_id,name\nNorth,007,Bond Ltd\nSouth,007,Other Ltd\n"
    asked = [("South", "007"), ("North", "7"), ("North", "007"), ("", "007")]
    assert names(tmp_path, text, *asked) == ["Other Ltd", None, "Bond Ltd", None]


def test_how_many_the_table_has_is_said_with_or_without_a_name(tmp_path: Path) -> None:
    found = attributes(tmp_path, "customer_id,name\n1,A\n2,\n9,Z\n", ("", "1"), ("", "2"), ("", "3"), ("n", "1"))
    assert found.known == 0.5
    assert found.texts["name"].fillna("-").tolist() == ["A", "-", "-", "-"]


def test_texts_lie_in_a_file_where_memory_is_short(tmp_path: Path) -> None:
    ids = [str(i) for i in range(100_000)]
    lines = ["customer_id,name", *(f"{i},The firm of {i}" for i in ids)]
    (tmp_path / "customers.csv").write_text("\n".join(lines), encoding="utf-8")
    with Engine() as engine:
        engine.room = Room(0, tmp_path)
        asked = customers(*(("", i) for i in reversed(ids)))
        before = pa.total_allocated_bytes()
        found = customer_attributes(pipeline_with(tmp_path, {"path": "customers.csv"}), engine, asked)
        assert pa.total_allocated_bytes() - before < 500_000  # texts alone would be two million
    assert found is not None
    assert found.texts["name"].tolist() == [f"The firm of {i}" for i in reversed(ids)]


def test_columns_can_be_mapped_and_the_market_be_left_out(tmp_path: Path) -> None:
    columns = {"customer_id": "Number", "name": "Firm"}
    assert names(tmp_path, "Number,Firm\n 17 ,'A' & Co\n", ("", "17"), columns=columns) == ["'A' & Co"]


def test_a_key_that_is_there_twice_gets_one_name(tmp_path: Path) -> None:
    assert names(tmp_path, "customer_id,name\n1,B\n1,A\n", ("", "1")) == ["A"]


def test_without_a_table_there_are_no_attributes(tmp_path: Path) -> None:
    with Engine() as engine:
        assert customer_attributes(pipeline_with(tmp_path, None), engine, customers(("", "1"))) is None


def test_a_missing_table_says_where(tmp_path: Path) -> None:
    with Engine() as engine, pytest.raises(InputError, match=r"got nothing in .*customers\.csv"):
        customer_attributes(pipeline_with(tmp_path, {"path": "customers.csv"}), engine, customers())


def test_a_missing_column_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"(?s)Expected the column 'name', got none.*Did you mean 'nmae'"):
        names(tmp_path, "customer_id,nmae\n1,A\n")


def test_a_table_that_is_no_parquet_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "customers.parquet").write_bytes(b"no parquet at all")
    with Engine() as engine, pytest.raises(InputError, match=r"Expected a customers table as parquet or csv"):
        customer_attributes(pipeline_with(tmp_path, {"path": "customers.parquet"}), engine, customers())


def test_attributes_come_by_their_own_name_or_as_mapped_and_the_rest_is_null(tmp_path: Path) -> None:
    text = "Number,Firm,segment,Rep,Staff,other\n7,Bond Ltd, craft ,Moneypenny,12,x\n8,Q Ltd,,,,\n"
    columns = {"customer_id": "Number", "name": "Firm", "sales_rep": "Rep", "staff": "Staff"}
    found = attributes(tmp_path, text, ("", "8"), ("", "7"), columns=columns).texts
    assert list(found) == [*ATTRIBUTES, "staff"]  # what nobody mapped stays where it is
    assert set(found.dtypes) == {pd.StringDtype(na_value=np.nan)}
    assert found.fillna("-").to_numpy().tolist() == [
        ["Q Ltd", "-", "-", "-", "-", "-"], ["Bond Ltd", "craft", "-", "Moneypenny", "-", "12"],
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["at", "known", "a0", "order", 'is "it"', "Region", "Market", "Name"])
def test_an_attribute_may_have_any_name(tmp_path: Path, name: str) -> None:
    text = "customer_id,name,x\n1,A,z\n2,B,y\n"
    found = attributes(tmp_path, text, ("", "1"), ("", "2"), columns={name: "x"})
    assert found.texts[name].tolist() == ["z", "y"]
    assert found.known == 1


def test_of_several_rows_each_column_takes_its_first_in_the_alphabet_whatever_their_order(tmp_path: Path) -> None:
    rows = ["1,B,,north", "1,A,craft,", "1,C,art,south", ",nobody,,"]
    for order in (rows, rows[::-1]):
        found = attributes(tmp_path, "\n".join(["customer_id,name,segment,region", *order]), ("", "1"), ("", ""))
        assert found.known == 0.5
        assert found.texts.loc[0, ["name", "segment", "region"]].tolist() == ["A", "art", "north"]


def test_numbers_of_a_typed_table_are_texts(tmp_path: Path) -> None:
    table = pd.DataFrame({"market": [None], "customer_id": [17.0], "name": ["A"], "region": [3]})
    table.to_parquet(tmp_path / "customers.parquet")
    with Engine() as engine:
        found = customer_attributes(
            pipeline_with(tmp_path, {"path": "customers.parquet"}), engine, customers(("", "17"))
        )
    assert found is not None
    assert found.texts["region"].tolist() == ["3"]


def test_a_mapped_column_that_is_missing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"(?s)Expected the column 'Rep', got none.*Did you mean 'rep'"):
        attributes(tmp_path, "customer_id,name,rep\n1,A,B\n", columns={"sales_rep": "Rep"})
