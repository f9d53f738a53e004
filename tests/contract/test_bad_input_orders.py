"""What a user can get wrong about a source of order lines, and the text that says so."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from smartaccounts.config import Pipeline, pipeline_from
from smartaccounts.engine.duckdb import Engine
from smartaccounts.errors import InputError, PipelineError
from smartaccounts.orders.check import check
from smartaccounts.orders.contract import OrderLines
from smartaccounts.orders.read import read, write_rejected

TODAY = date(2026, 1, 31)
HEADER = "customer,date,amount\n"
COLUMNS = {"customer_id": "customer", "order_date": "date", "amount": "amount"}


@pytest.fixture
def engine() -> Iterator[Engine]:
    with Engine() as opened:
        yield opened


def pipeline(
    path: Path | str, *, columns: dict[str, str] | None = None, keep: str | None = None, **source: Any
) -> Pipeline:
    content = {"name": "test", "source": {"path": str(path), **source}, "columns": columns or COLUMNS, "keep": keep}
    return pipeline_from(content, folder=Path("/nowhere"))


def csv(folder: Path, content: str | bytes, name: str = "lines.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def parquet(folder: Path, name: str = "lines.parquet", **columns: Any) -> Path:
    path = folder / name
    pq.write_table(pa.table(columns), path)
    return path


def taken(lines: OrderLines, *columns: str) -> list[Any]:
    wanted = columns or ("customer_id",)
    rows = lines.engine.rows(f"SELECT {', '.join(wanted)} FROM {lines.table} ORDER BY ALL")
    return [row[0] if len(wanted) == 1 else row for row in rows]


def rejected(lines: OrderLines) -> dict[str, int]:
    return {r.reason: r.rows for r in lines.intake.rejected}


def refused(engine: Engine, source: Pipeline) -> str:
    with pytest.raises(InputError) as error:
        read(source, engine, today=TODAY)
    return str(error.value)


# files


def test_a_missing_file_is_named_with_where_relative_paths_count_from(engine: Engine) -> None:
    said = refused(engine, pipeline("lines.csv"))
    assert said.startswith("Expected a file of order lines, got none in /nowhere/lines.csv.\nHint: Relative paths")


def test_a_glob_without_files_is_said(engine: Engine, tmp_path: Path) -> None:
    assert f"Expected files that match, got none in {tmp_path}/*.csv." in refused(engine, pipeline(tmp_path / "*.csv"))


def test_an_empty_file_is_said(engine: Engine, tmp_path: Path) -> None:
    path = csv(tmp_path, "")
    assert refused(engine, pipeline(path)) == f"Expected order lines, got an empty file in {path}."


def test_a_header_without_lines_is_said(engine: Engine, tmp_path: Path) -> None:
    path = csv(tmp_path, HEADER)
    assert refused(engine, pipeline(path)) == f"Expected order lines, got columns without a line in {path}."


def test_a_folder_is_refused_with_a_glob_as_hint(engine: Engine, tmp_path: Path) -> None:
    said = refused(engine, pipeline(tmp_path))
    assert said.startswith(f"Expected a file of order lines, got a folder in {tmp_path}.\nHint: For every file in it")
    assert f"{tmp_path}/*.parquet" in said


def test_a_truncated_parquet_is_refused(engine: Engine, tmp_path: Path) -> None:
    path = parquet(tmp_path, customer=["a"] * 1000, date=["2025-01-01"] * 1000, amount=[1.0] * 1000)
    path.write_bytes(path.read_bytes()[:-20])
    said = refused(engine, pipeline(path))
    assert said.startswith("Expected a whole Parquet file, got one that cannot be read (")
    assert f" in {path}." in said


def test_a_parquet_cut_in_its_first_bytes_is_refused(engine: Engine, tmp_path: Path) -> None:
    said = refused(engine, pipeline(csv(tmp_path, b"PA", name="lines.parquet")))
    assert said.startswith("Expected a whole Parquet file")


def test_an_excel_file_is_refused(engine: Engine, tmp_path: Path) -> None:
    said = refused(engine, pipeline(csv(tmp_path, b"PK\x03\x04abc", name="lines.xlsx")))
    assert "got a zip or Excel file in" in said
    assert "Hint: Save it as CSV" in said


def test_a_damaged_gzip_is_refused(engine: Engine, tmp_path: Path) -> None:
    whole = gzip.compress((HEADER + "a,2025-01-01,1\n" * 5000).encode())
    assert "Expected a whole file, got one that cannot be read" in refused(
        engine, pipeline(csv(tmp_path, whole[: len(whole) // 2], name="lines.csv.gz"))
    )


# csv


def test_a_wrong_delimiter_is_refused(engine: Engine, tmp_path: Path) -> None:
    path = csv(tmp_path, HEADER + "a,2025-01-01,1\n")
    said = refused(engine, pipeline(path, delimiter=";"))
    assert f"Expected several columns, got one ('customer,date,amount') with the delimiter ';' in {path}." in said
    assert "Hint: Set source.delimiter" in said


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(engine: Engine, tmp_path: Path, delimiter: str) -> None:
    text = "customer,date,amount\na,2025-01-01,1.5\n".replace(",", delimiter)
    assert taken(read(pipeline(csv(tmp_path, text)), engine, today=TODAY), "customer_id", "amount") == [("a", 1.5)]


def test_a_rare_delimiter_can_be_given(engine: Engine, tmp_path: Path) -> None:
    path = csv(tmp_path, "customer^date^amount\na^2025-01-01^1.5\n")
    assert taken(read(pipeline(path, delimiter="^"), engine, today=TODAY)) == ["a"]


def test_a_line_with_too_few_columns_is_refused_with_its_number(engine: Engine, tmp_path: Path) -> None:
    path = csv(tmp_path, HEADER + "a,2025-01-01,1\nEmily,2025-01-02\n")
    said = refused(engine, pipeline(path))
    assert "Line: 3" in said
    assert str(path) in said
    assert "Emily" not in said


def test_a_byte_order_mark_is_no_part_of_the_first_column(engine: Engine, tmp_path: Path) -> None:
    path = csv(tmp_path, b"\xef\xbb\xbf" + (HEADER + "a,2025-01-01,1\n").encode())
    assert taken(read(pipeline(path), engine, today=TODAY)) == ["a"]


@pytest.mark.parametrize(
    ("encoding", "said"),
    [
        ("latin-1", ": 1 lines are not utf-8, read as windows-1252"),
        ("windows-1252", ": 1 lines are not utf-8, read as windows-1252"),
        ("utf-16", " is not utf-8 and was read as utf-16"),
    ],
)
def test_another_encoding_is_found_and_said(engine: Engine, tmp_path: Path, encoding: str, said: str) -> None:
    customer = "Müller €" if encoding == "windows-1252" else "Müller"
    path = csv(tmp_path, (HEADER + f"{customer},2025-01-01,1\n").encode(encoding))
    lines = read(pipeline(path), engine, today=TODAY)
    assert taken(lines) == [customer]
    assert lines.intake.notes == (f"lines.csv{said} (source.encoding says otherwise).",)


def test_a_later_line_in_another_encoding_leaves_the_earlier_ones_alone(engine: Engine, tmp_path: Path) -> None:
    early = (HEADER + "Müller,2025-01-01,1\n").encode()
    late = "Søren,2025-02-01,1\n".encode("latin-1")
    assert taken(read(pipeline(csv(tmp_path, early + late)), engine, today=TODAY)) == ["Müller", "Søren"]


def test_numbers_that_cannot_be_summed_are_missing_and_absurd_amounts_rejected(engine: Engine, tmp_path: Path) -> None:
    text = (
        "customer,date,amount,cost\na,2025-01-01,1,inf\nb,2025-01-01,1,nan\nc,2025-01-01,1e25,1\nd,2025-01-01,1,1e12\n"
    )
    lines = read(pipeline(csv(tmp_path, text), columns={**COLUMNS, "cost": "cost"}), engine, today=TODAY)
    assert taken(lines, "customer_id", "cost") == [("a", None), ("b", None), ("d", None)]
    assert rejected(lines) == {"amount beyond 1e15": 1}


def test_rejected_lines_need_a_folder_to_go_to(engine: Engine, tmp_path: Path) -> None:
    path = csv(tmp_path, HEADER + "a,2025-01-01,1\n")
    with pytest.raises(PipelineError, match="Expected a file in a folder that exists"):
        write_rejected(pipeline(path), engine, tmp_path / "nowhere" / "x.parquet", today=TODAY)


def test_a_given_encoding_is_used_and_needs_no_note(engine: Engine, tmp_path: Path) -> None:
    path = csv(tmp_path, (HEADER + "Müller,2025-01-01,1\n").encode("latin-1"))
    lines = read(pipeline(path, encoding="latin-1"), engine, today=TODAY)
    assert (taken(lines), lines.intake.notes) == (["Müller"], ())


def test_an_unknown_encoding_is_a_wrong_pipeline(engine: Engine, tmp_path: Path) -> None:
    path = csv(tmp_path, HEADER + "a,2025-01-01,1\n")
    with pytest.raises(PipelineError, match=r"Expected an encoding, got 'klingon' in source\.encoding"):
        read(pipeline(path, encoding="klingon"), engine)


def test_a_wrong_given_encoding_is_refused(engine: Engine, tmp_path: Path) -> None:
    path = csv(tmp_path, (HEADER + "Müller,2025-01-01,1\n").encode("latin-1"))
    said = refused(engine, pipeline(path, encoding="utf-8"))
    assert said.startswith("Expected text in utf-8, got bytes that are none") or "utf-8" in said
    assert str(path) in said


def test_gzip_is_read(engine: Engine, tmp_path: Path) -> None:
    path = csv(tmp_path, gzip.compress((HEADER + "Müller,2025-01-01,1\n").encode("latin-1")), name="lines.csv.gz")
    assert taken(read(pipeline(path), engine, today=TODAY)) == ["Müller"]


def test_decimal_commas_need_a_setting_and_the_error_names_it(engine: Engine, tmp_path: Path) -> None:
    path = csv(tmp_path, "customer;date;amount\na;2025-01-01;1,5\nb;2025-01-01;1.234,50\nc;2025-01-01;7\n")
    said = refused(engine, pipeline(path))
    assert "Expected numbers with the decimal separator '.', got '1,5', '1.234,50' in 2 of 3 lines" in said
    assert f"column 'amount' of {path}." in said
    assert "Hint: Is source.decimal: ',' right?" in said
    lines = read(pipeline(path, decimal=","), engine, today=TODAY)
    assert taken(lines, "customer_id", "amount") == [("a", 1.5), ("b", 1234.5), ("c", 7.0)]


def test_a_decimal_point_among_decimal_commas_is_never_taken_for_thousands(engine: Engine, tmp_path: Path) -> None:
    path = csv(tmp_path, "customer;date;amount\na;2025-01-01;12.34\nb;2025-01-01;1,5\nc;2025-01-01;2,5\n")
    lines = read(pipeline(path, decimal=","), engine, today=TODAY)
    assert taken(lines, "amount") == [1.5, 2.5]
    assert rejected(lines) == {"amount not a number": 1}


def test_later_lines_change_nothing_about_earlier_ones(engine: Engine, tmp_path: Path) -> None:
    first = "customer,date,amount,quantity\n007,2025-01-01,1,2\n"
    columns = {**COLUMNS, "quantity": "quantity"}
    before = taken(
        read(pipeline(csv(tmp_path, first), columns=columns), engine, today=TODAY), "customer_id", "quantity"
    )
    later = first + "x-1,2025-02-01,2.5,many\n"
    after = read(pipeline(csv(tmp_path, later), columns=columns), engine, today=TODAY)
    assert before == [("007", 2.0)]
    assert taken(after, "customer_id", "quantity") == [("007", 2.0), ("x-1", None)]
    assert after.intake.notes == (
        "1 lines: 'quantity' (quantity) is no finite number below 1e9 and was taken as missing.",
    )


# columns


def test_a_misspelt_column_names_the_nearest(engine: Engine, tmp_path: Path) -> None:
    path = csv(tmp_path, HEADER + "a,2025-01-01,1\n")
    said = refused(engine, pipeline(path, columns={**COLUMNS, "customer_id": "Custmer"}))
    assert said == (
        f"Expected the column 'Custmer' of columns.customer_id, got no such column in {path}.\n"
        "Hint: Did you mean 'customer'?"
    )


def test_a_missing_column_names_what_there_is(engine: Engine, tmp_path: Path) -> None:
    path = csv(tmp_path, HEADER + "a,2025-01-01,1\n")
    said = refused(engine, pipeline(path, columns={**COLUMNS, "product_id": "XYZ"}))
    assert "Hint: The source has 'customer', 'date', 'amount'." in said


def test_a_file_of_a_glob_that_lacks_a_column_is_named(engine: Engine, tmp_path: Path) -> None:
    csv(tmp_path, HEADER + "a,2025-01-01,1\n", name="1.csv")
    second = csv(tmp_path, "customer,date,total\nb,2025-01-02,2\n", name="2.csv")
    assert f"got no such column in {second}." in refused(engine, pipeline(tmp_path / "*.csv"))


def test_files_of_a_glob_are_matched_by_column_names_whatever_their_order_or_type(
    engine: Engine, tmp_path: Path
) -> None:
    big = 2**53 + 1
    parquet(tmp_path, "1.parquet", customer=[big], date=[date(2025, 1, 1)], amount=[1])
    parquet(tmp_path, "2.parquet", amount=[2.5], customer=[17850.0], date=[datetime(2025, 1, 2, 23, 59)])  # noqa: DTZ001 - files have no time zone
    parquet(tmp_path, "3.parquet", date=["2025-01-03"], customer=["007"], amount=["3"], more=["x"])
    lines = read(pipeline(tmp_path / "*.parquet"), engine, today=TODAY)
    first = (date(2025, 1, 1) - date(1970, 1, 1)).days
    assert taken(lines, "customer_id", "amount", "day") == [
        ("007", 3.0, first + 2),
        ("17850", 2.5, first + 1),
        (str(big), 1.0, first),
    ]


# amounts


def test_text_in_amounts_is_rejected_with_examples(engine: Engine, tmp_path: Path) -> None:
    path = csv(tmp_path, HEADER + "a,2025-01-01,1\nb,2025-01-01,2\nc,2025-01-01,free\nd,2025-01-01,\n")
    lines = read(pipeline(path), engine, today=TODAY)
    assert taken(lines) == ["a", "b"]
    assert {r.reason: r.examples for r in lines.intake.rejected} == {
        "no amount": ("date=2025-01-01, customer=d, amount=",),
        "amount not a number": ("date=2025-01-01, customer=c, amount=free",),
    }


def test_nan_and_infinite_amounts_are_rejected(engine: Engine, tmp_path: Path) -> None:
    amounts = [1.0, float("nan"), float("inf"), float("-inf")]
    path = parquet(tmp_path, customer=["a", "b", "c", "d"], date=[date(2025, 1, 1)] * 4, amount=amounts)
    lines = read(pipeline(path), engine, today=TODAY)
    assert (taken(lines), rejected(lines)) == (["a"], {"amount not finite": 3})
    text = csv(tmp_path, HEADER + "a,2025-01-01,1\nb,2025-01-01,NaN\nc,2025-01-01,-inf\n")
    assert rejected(read(pipeline(text), engine, today=TODAY)) == {"amount not finite": 2}


def test_without_an_amount_it_is_quantity_times_price(engine: Engine, tmp_path: Path) -> None:
    path = csv(tmp_path, "customer,date,n,price\na,2025-01-01,2,1.5\nb,2025-01-01,,1\nc,2025-01-01,two,1\n")
    columns = {"customer_id": "customer", "order_date": "date", "quantity": "n", "unit_price": "price"}
    lines = read(pipeline(path, columns=columns), engine, today=TODAY)
    assert taken(lines, "amount", "quantity", "unit_price") == [(3.0, 2.0, 1.5)]
    assert rejected(lines) == {"no amount": 1, "amount not a number": 1}


def test_dates_where_numbers_belong_are_refused(engine: Engine, tmp_path: Path) -> None:
    path = parquet(tmp_path, customer=["a"], date=[date(2025, 1, 1)], amount=[date(2025, 1, 1)])
    assert f"Expected numbers for amount, got DATE in the column 'amount' of {path}." in refused(engine, pipeline(path))


# dates


def test_iso_dates_and_timestamps_need_no_setting(engine: Engine, tmp_path: Path) -> None:
    days = ["2025-01-02", "2025-01-02 23:59:59", "2025-01-02T00:00:00Z", "20250102", "2025/1/2"]
    path = csv(tmp_path, HEADER + "".join(f"a,{d},1\n" for d in days))
    assert taken(read(pipeline(path), engine, today=TODAY), "day") == [(date(2025, 1, 2) - date(1970, 1, 1)).days] * 5


@pytest.mark.parametrize(
    "days",
    [
        pa.array([datetime(2025, 1, 2, 23, tzinfo=UTC)], pa.timestamp("us", tz="UTC")),
        pa.array([datetime(2025, 1, 2, 23)], pa.timestamp("ns")),  # noqa: DTZ001 - files have no time zone
        pa.array([20250102]),
        pa.array([date(2025, 1, 2)]),
    ],
)
def test_dates_of_any_type_are_days(engine: Engine, tmp_path: Path, days: pa.Array) -> None:
    path = parquet(tmp_path, customer=["a"], date=days, amount=[Decimal("1.10")])
    lines = read(pipeline(path), engine, today=TODAY)
    assert taken(lines, "day", "amount") == [((date(2025, 1, 2) - date(1970, 1, 1)).days, 1.1)]


def test_dates_in_three_formats_are_read_by_the_formats_given(engine: Engine, tmp_path: Path) -> None:
    path = csv(tmp_path, HEADER + "a,31.01.2025,1\nb,2025-01-31,1\nc,01/31/2025,1\n")
    lines = read(pipeline(path, date_format=["%d.%m.%Y", "%Y-%m-%d", "%m/%d/%Y"]), engine, today=TODAY)
    assert taken(lines, "day") == [(date(2025, 1, 31) - date(1970, 1, 1)).days] * 3


def test_mostly_unreadable_dates_are_refused_with_the_setting(engine: Engine, tmp_path: Path) -> None:
    path = csv(tmp_path, HEADER + "a,31.01.2025,1\nb,2025-01-31,1\nc,01/31/2025,1\n")
    said = refused(engine, pipeline(path))
    assert "Expected dates as ISO dates (2011-12-09), got '01/31/2025', '31.01.2025' in 2 of 3 lines" in said
    assert f"column 'date' of {path}." in said
    assert "Hint: Say how they are written in source.date_format, for example '%d.%m.%Y'." in said


def test_a_date_format_that_is_none_is_refused(engine: Engine, tmp_path: Path) -> None:
    path = csv(tmp_path, HEADER + "a,31.01.2025,1\n")
    assert "source.date_format is written as in strptime" in refused(engine, pipeline(path, date_format="%Q"))


def test_dates_in_the_future_before_1900_missing_or_unreadable_are_counted_apart(
    engine: Engine, tmp_path: Path
) -> None:
    days = ["2026-01-31", "2026-02-01", "1899-12-31", "", "soon", "1900-01-01", "2025-02-30", "2025-02-28"]
    path = csv(tmp_path, HEADER + "".join(f"c{i},{d},1\n" for i, d in enumerate(days)))
    lines = read(pipeline(path), engine, today=TODAY)
    assert taken(lines) == ["c0", "c5", "c7"]
    assert rejected(lines) == {"no date": 1, "date not readable": 2, "date before 1900": 1, "date in the future": 1}
    assert (lines.intake.rows_in, lines.intake.rows_out) == (8, 3)


def test_infinite_timestamps_are_not_readable(engine: Engine, tmp_path: Path) -> None:
    path = csv(tmp_path, HEADER + "a,infinity,1\nb,2025-01-01,1\n")
    assert rejected(read(pipeline(path), engine, today=TODAY)) == {"date not readable": 1}


def test_an_unreadable_known_date_is_rejected_and_a_missing_one_is_the_order_date(
    engine: Engine, tmp_path: Path
) -> None:
    path = csv(tmp_path, "customer,date,amount,known\na,2025-01-01,1,2025-01-09\nb,2025-01-01,1,\nc,2025-01-01,1,?\n")
    lines = read(pipeline(path, columns={**COLUMNS, "known_date": "known"}), engine, today=TODAY)
    assert taken(lines, "customer_id", "known_day - day") == [("a", 8), ("b", 0)]
    assert rejected(lines) == {"known date not readable": 1}


# ids


def test_ids_stay_what_they_are(engine: Engine, tmp_path: Path) -> None:
    hostile = ["00017", "O'Brien", "'; DROP TABLE order_lines; --", "17", "a b", '"', "Ω"]
    quoted = ['"' + name.replace('"', '""') + '"' for name in hostile]
    path = csv(tmp_path, HEADER + "".join(f"{q},2025-01-01,1\n" for q in quoted))
    assert taken(read(pipeline(path), engine, today=TODAY)) == sorted(hostile)


def test_outer_blanks_of_ids_are_cut_off_and_said(engine: Engine, tmp_path: Path) -> None:
    path = csv(tmp_path, HEADER + " a ,2025-01-01,1\na,2025-01-02,1\n\u00a0b\t,2025-01-02,1\n   ,2025-01-02,1\n")
    lines = read(pipeline(path), engine, today=TODAY)
    assert taken(lines) == ["a", "a", "b"]
    assert rejected(lines) == {"no customer": 1}
    assert lines.intake.notes == ("2 lines: 'customer' (customer_id) had blanks around it, which were cut off.",)


@pytest.mark.parametrize(
    ("ids", "read_as"),
    [
        (pa.array([17, None], pa.int32()), ["17"]),
        (pa.array([2**53 + 1, 2**63 - 1], pa.int64()), [str(2**53 + 1), str(2**63 - 1)]),
        (pa.array([2**64 - 1, 1], pa.uint64()), ["1", str(2**64 - 1)]),
        (pa.array([17850.0, None]), ["17850"]),
        (pa.array([1.5, float("nan")]), ["1.5"]),
        (pa.array([b"00017", b"x"]), ["00017", "x"]),
        (pa.array([Decimal("17.00"), Decimal("12345678901234567890.00")]), ["12345678901234567890", "17"]),
        (pa.array(["007", "x"]).dictionary_encode(), ["007", "x"]),
        (pa.array([True, False]), ["false", "true"]),
        (pa.array(["17850.0", "17850"]), ["17850", "17850.0"]),
    ],
)
def test_ids_of_any_type_become_their_digits(engine: Engine, tmp_path: Path, ids: pa.Array, read_as: list[str]) -> None:
    path = parquet(tmp_path, customer=ids, date=[date(2025, 1, 1)] * 2, amount=[1.0, 1.0])
    assert taken(read(pipeline(path), engine, today=TODAY)) == read_as


def test_a_whole_number_in_csv_is_its_digits_as_csv_knows_no_types(engine: Engine, tmp_path: Path) -> None:
    path = csv(
        tmp_path,
        HEADER + "17850.0,2025-01-01,1\n17850,2025-01-02,1\n017.0,2025-01-02,1\n9007199254740993,2025-01-02,1\n",
    )
    assert taken(read(pipeline(path), engine, today=TODAY)) == ["017.0", "17850", "17850", "9007199254740993"]


def test_column_names_may_hold_anything(engine: Engine, tmp_path: Path) -> None:
    names = ['the "id"', "it's a date; DROP", "amount {x}"]
    table = pa.table({names[0]: ["a"], names[1]: ["2025-01-01"], names[2]: ["2"]})
    pq.write_table(table, tmp_path / "it's [1]*.parquet")
    columns = dict(zip(COLUMNS, names, strict=True))
    source = pipeline(tmp_path / "it's [1]*.parquet", columns=columns, keep='"the ""id""" = \'a\' AND "amount {x}" > 1')
    assert taken(read(source, engine, today=TODAY), "customer_id", "amount") == [("a", 2.0)]


def test_source_columns_named_like_the_contract_or_the_marks_do_no_harm(engine: Engine, tmp_path: Path) -> None:
    names = ("customer_id", "day", "reason", "market", "amount", "example", "source_row", "kept", "no_date", "shown_0")
    path = parquet(tmp_path, **{n: ["x"] for n in names[:1]}, **{n: ["2025-01-01"] for n in names[1:]}, amt=["1"])
    columns = {"customer_id": "customer_id", "order_date": "day", "amount": "amt"}
    source = pipeline(path, columns=columns, keep="reason = '2025-01-01' AND kept <> ''", duplicates="drop")
    assert taken(read(source, engine, today=TODAY), "customer_id", "market", "amount") == [("x", "", 1.0)]


# lines


def test_duplicates_are_kept_unless_the_pipeline_drops_them(engine: Engine, tmp_path: Path) -> None:
    path = csv(
        tmp_path, "customer,date,amount,note\n" + "a,2025-01-01,1,x\n" * 3 + "a,2025-01-01,1,y\na,2025-01-01,1,\n"
    )
    assert len(taken(read(pipeline(path), engine, today=TODAY))) == 5
    lines = read(pipeline(path, duplicates="drop"), engine, today=TODAY)
    assert (len(taken(lines)), rejected(lines)) == (3, {"duplicate": 2})


def test_two_currencies_in_a_market_are_refused_and_in_two_markets_are_not(engine: Engine, tmp_path: Path) -> None:
    path = csv(tmp_path, "customer,date,amount,cur,land\na,2025-01-01,1,EUR,AT\nb,2025-01-01,1,CHF,CH\n")
    columns = {**COLUMNS, "currency": "cur"}
    said = refused(engine, pipeline(path, columns=columns))
    assert f"Expected one currency in each market, got 'CHF', 'EUR' in the market '' of {path}." in said
    lines = read(pipeline(path, columns={**columns, "market": "land"}), engine, today=TODAY)
    assert taken(lines, "market", "currency") == [("AT", "EUR"), ("CH", "CHF")]


def test_one_customer_can_be_read_and_the_check_stops(engine: Engine, tmp_path: Path) -> None:
    path = csv(tmp_path, HEADER + "".join(f"a,2024-{m:02d}-01,1\n" for m in range(1, 13)))
    assert set(taken(read(pipeline(path), engine, today=TODAY))) == {"a"}
    quality = check(pipeline(path), engine, today=TODAY)
    assert not quality.sound
    assert "All lines are of one customer: there is nobody to compare with." in [p.text for p in quality.problems]


def test_no_line_left_says_why_with_an_example(engine: Engine, tmp_path: Path) -> None:
    path = csv(tmp_path, HEADER + ",2025-01-01,1\nb,2027-01-01,1\nc,2025-01-01,0\n")
    said = refused(engine, pipeline(path, keep="amount > 0"))
    assert said.startswith(
        "Expected at least one acceptable line, got none of 3 (1 no customer, 1 date in the future, 1 not kept) in "
    )
    assert said.endswith("Hint: One of them: date=2025-01-01, customer=, amount=1.")


def test_rejected_lines_can_be_written_out_whole(engine: Engine, tmp_path: Path) -> None:
    path = csv(
        tmp_path, "customer,date,amount,reason\na,2025-01-01,1,r1\n,2025-01-01,2,r2\nb,soon,3,r3\na,2025-01-01,1,r1\n"
    )
    out = tmp_path / "rejected.parquet"
    assert write_rejected(pipeline(path, duplicates="drop"), engine, out, today=TODAY) == 3
    rows = sorted(pq.read_table(out).to_pylist(), key=lambda r: str(r["reason"]))
    assert [(r["reason"], r["customer"], r["date"], r["rejected_because"]) for r in rows] == [
        ("r1", "a", "2025-01-01", "duplicate"),
        ("r2", None, "2025-01-01", "no customer"),
        ("r3", "b", "soon", "date not readable"),
    ]


def test_a_condition_that_fails_on_a_value_says_how_to_write_it(engine: Engine, tmp_path: Path) -> None:
    path = csv(tmp_path, "customer,date,amount,weight\na,2025-01-01,1,1.5\nb,2025-01-01,1,light\n")
    said = refused(engine, pipeline(path, keep="CAST(weight AS DOUBLE) > 1"))
    assert "TRY_CAST(column AS DOUBLE)" in said
    assert str(path) in said
