"""What is decided only when the ledger is read: days that have come, duplicates in other files, currencies."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.unit.orders.ledger.conftest import TODAY, Shop

from smartaccounts.errors import InputError

Make = Callable[..., Shop]


def rejected(source: Shop, **more: Any) -> dict[str, int]:
    return {r.reason: r.rows for r in source.read(**more)[1].intake.rejected}


@pytest.mark.slow
def test_a_day_that_has_come_is_accepted(shop: Make) -> None:
    source = shop(keep="amount < 100")
    source.write("3.csv", "c,2025-06-02,4", "d,2025-06-02,400", "e,2025-06-20,5", ",2025-06-02,6")
    source.update()
    later = date(2025, 6, 2)
    assert rejected(source) == {"no customer": 1, "date in the future": 3}
    assert rejected(source, today=later) == {"no customer": 1, "date in the future": 1, "not kept": 1}
    assert source.is_its_source()
    assert source.is_its_source(today=later)


@pytest.mark.slow
@pytest.mark.parametrize("today", [TODAY, date(2025, 6, 2)])
def test_duplicates_are_found_among_all_files_and_all_readings(shop: Make, today: date) -> None:
    source = shop(source={"duplicates": "drop"})
    source.write("3.csv", "a,2025-01-02,1", "c,2025-06-02,1", "c,2025-06-02,1")
    source.update()
    source.append("3.csv", "a,2025-01-02,1\nc,2025-06-02,1\n")
    source.update(today=today)
    both = {TODAY: {"date in the future": 3, "duplicate": 2}, date(2025, 6, 2): {"duplicate": 4}}
    assert rejected(source, today=today) == both[today]
    assert source.is_its_source(today=today)
    source.file("1.csv").unlink()  # what it had first is now first elsewhere
    source.update(today=today, let_go=True)
    assert source.is_its_source(today=today)


@pytest.mark.slow
def test_a_column_that_only_some_files_have_does_not_hide_a_duplicate(shop: Make) -> None:
    source = shop(source={"duplicates": "drop"})
    source.update()
    table = {"amount": ["1", "1"], "date": ["2025-01-02"] * 2, "customer": ["a", "a"], "note": [None, "x"]}
    pq.write_table(pa.table(table, schema=pa.schema([(c, pa.string()) for c in table])), source.file("3.parquet"))
    source.update()
    assert rejected(source) == {"duplicate": 1}
    assert source.is_its_source()


def test_two_currencies_in_a_market_are_refused_as_without_a_ledger(shop: Make) -> None:
    source = shop(columns={"currency": "currency"})
    header = "customer,date,amount,currency\n"
    for name, currency in (("1.csv", "EUR"), ("2.csv", "USD")):
        source.write(name, f"a,2025-01-02,1,{currency}", header=header)
    source.update()
    with pytest.raises(InputError, match=r"'EUR', 'USD' in the market ''") as whole:
        source.read(ledger=False)
    with pytest.raises(InputError) as said:
        source.read()
    assert str(said.value) == str(whole.value)


def test_typed_parquet_and_text_stand_beside_each_other(shop: Make) -> None:
    source = shop()
    table = pa.table({"customer": [17, None], "date": [date(2025, 1, 5)] * 2, "amount": pa.array([0.1, -0.0])})
    pq.write_table(table, source.file("3.parquet"))
    source.update()
    assert source.is_its_source()
    assert ("17", 0.1) in [(row[1], row[7]) for row in source.read()[0]]


def test_what_is_not_in_the_ledger_yet_is_an_error(shop: Make) -> None:
    source = shop()
    with pytest.raises(InputError, match="Expected a ledger, got none in") as error:
        source.read()
    assert "smartaccounts ledger update" in error.value.hint
    source.update()
    source.write("3.csv", "c,2025-01-16,4")
    source.append("1.csv", "c,2025-01-16,4\n")
    with pytest.raises(InputError, match=r"1 new and 1 changed files .* \('weeks/3.csv', 'weeks/1.csv'\)") as error:
        source.read()
    assert "smartaccounts ledger update" in error.value.hint
    source.update()
    source.file("3.csv").unlink()
    with pytest.raises(InputError, match="1 that are gone"):
        source.read()


def test_a_folder_may_have_any_name(shop: Make) -> None:
    source = shop(ledger="it's [1]*")
    source.update()
    assert source.is_its_source()
