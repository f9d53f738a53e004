"""The two real order histories: the report shows what is known to be in them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from smartaccounts.config import Pipeline, read_pipeline
from smartaccounts.engine.duckdb import Engine
from smartaccounts.orders.check import Quality, check
from smartaccounts.orders.read import read
from smartaccounts.orders.report import as_text
from smartaccounts.timeline import from_day_number

ROOT = Path(__file__).parents[3]
FILES = {"online_retail": "online_retail_ii.parquet", "iowa_suppliers": "iowa_suppliers.parquet"}

pytestmark = [pytest.mark.real, pytest.mark.slow]


def real(name: str) -> Pipeline:
    folder = Path(os.environ.get("SMARTACCOUNTS_DATA") or ROOT.parent / "shared" / "data")
    if not (folder / FILES[name]).is_file():
        pytest.skip(f"{FILES[name]} is not in {folder} (SMARTACCOUNTS_DATA)")
    return read_pipeline(ROOT / "pipelines" / f"{name}.yaml")


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine() as opened:
        yield opened


@pytest.fixture(scope="module")
def online_retail(engine: Engine) -> Quality:
    return check(real("online_retail"), engine)


@pytest.fixture(scope="module")
def iowa(engine: Engine) -> Quality:
    return check(real("iowa_suppliers"), engine)


def test_online_retail_lines(online_retail: Quality) -> None:
    assert online_retail.intake.rows_in == 1_044_847
    assert {r.reason: r.rows for r in online_retail.intake.rejected} == {"no customer": 235_287, "not kept": 3_732}
    odd = online_retail.oddities
    assert (odd.duplicates, odd.negative_quantities) == (11_812, 3_393)
    assert (odd.zero_prices, odd.negative_prices) == (6_024, 5)


def test_online_retail_cancellations(online_retail: Quality) -> None:
    found = online_retail.cancellations
    assert found.lines == 19_165
    assert [(p.pieces, p.minutes_between) for p in found.largest[:2]] == [(80_995, 12), (74_215, 16)]


def test_online_retail_codes_season_and_end(online_retail: Quality) -> None:
    codes = {code for odd in online_retail.odd_codes for code in odd.examples}
    assert {"POST", "DOT", "M", "D", "AMAZONFEE", "BANK CHARGES", "TEST001", "ADJUST"} <= codes
    assert all(odd.accepted_lines == 0 for odd in online_retail.odd_codes)
    assert [month for month, index in online_retail.calendar.season.items() if index >= 1.25] == [9, 10, 11]
    assert online_retail.calendar.cut_off == "2011-12"
    assert online_retail.calendar.last_day == date(2011, 12, 9)
    assert online_retail.sound


def test_the_text_shows_all_of_it(online_retail: Quality) -> None:
    text = as_text(online_retail)
    for number in ("1,044,847", "235,287", "19,165", "80,995", "74,215", "3,393", "6,024", "11,812", "AMAZONFEE",
                   "BANK CHARGES", "TEST001", "September, October, November", "2011-12"):  # fmt: skip
        assert number in text
    assert max(len(row) for row in text.splitlines()) <= 80


def test_iowa_suppliers(iowa: Quality) -> None:
    assert (iowa.intake.rows_in, iowa.intake.rows_out) == (1_188_082, 1_188_082)
    assert len(iowa.markets) == 11
    assert sum(m.customers for m in iowa.markets) == 10_614
    assert iowa.customers_in_several_markets == 1_705
    odd = iowa.oddities
    assert (odd.negative_quantities, odd.negative_amounts, odd.zero_amounts) == (0, 0, 115)
    assert {"list_price", "discount"} <= set(iowa.columns_missing)
    assert iowa.sound


def test_lines_of_online_retail(engine: Engine) -> None:
    lines = read(real("online_retail"), engine)
    assert lines.intake.rows_out == 805_828
    assert (from_day_number(lines.first_day), from_day_number(lines.last_day)) == (date(2009, 12, 1), date(2011, 12, 9))
    customers, spend = engine.rows(f"SELECT count(DISTINCT customer_id), round(sum(amount)) FROM {lines.table}")[0]
    assert (customers, spend) == (5_875, 16_411_917)


def test_a_csv_of_online_retail_gives_the_same_lines(engine: Engine, tmp_path: Path) -> None:
    source = real("online_retail")
    parquet = source.resolve(source.source.path)
    engine.run(f"COPY (SELECT * FROM '{parquet}') TO '{tmp_path}/lines.csv.gz' (HEADER, DELIMITER ';')")
    columns = "customer_id, order_id, day, product_id, quantity, amount, unit_price"
    digest = f"SELECT count(*), bit_xor(hash({columns})), sum(hash({columns})) FROM "
    from_parquet = engine.rows(digest + read(source, engine).table)
    csv = source.model_copy(update={"source": source.source.model_copy(update={"path": f"{tmp_path}/lines.csv.gz"})})
    assert engine.rows(digest + read(csv, engine).table) == from_parquet
