"""The list as a workbook: typed, inert, the same bytes for the same list, and what LibreOffice makes of it."""

from __future__ import annotations

import csv
import re
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import openpyxl
import pandas as pd
import pytest
from openpyxl.worksheet.worksheet import Worksheet
from tests.unit.outputs.lists import HOSTILE, shown_of

from smartaccounts.outputs import workbook
from smartaccounts.outputs.shown import Shown, missing
from smartaccounts.outputs.workbook import write_workbook


@pytest.fixture(scope="module")
def shown() -> Shown:
    return shown_of()


@pytest.fixture(scope="module")
def file(shown: Shown, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("book") / "growth_list.xlsx"
    write_workbook(shown, path)
    return path


def head(sheet: Worksheet, row: int = 2) -> list[str]:
    return [str(c.value) for c in sheet[row] if c.value is not None]


def column(sheet: Worksheet, name: str, row: int = 2) -> list[object]:
    at = head(sheet, row).index(name) + 1
    return [sheet.cell(r, at).value for r in range(row + 1, sheet.max_row + 1)]


def test_sheets_heads_and_values(shown: Shown, file: Path) -> None:
    book = openpyxl.load_workbook(file)
    assert book.sheetnames == ["List", "Keep small", "Notes"]
    sheet, listed = book["List"], shown.listed
    assert sheet.freeze_panes == "C3"
    assert str(sheet.auto_filter.ref).startswith("A2:")
    assert str(sheet["A1"].value).startswith("Of 1,000 small customers like these, 17 became key accounts")
    assert column(sheet, "Rank") == listed["rank"].tolist()
    assert column(sheet, "Chance to grow") == pytest.approx(listed["probability"].tolist())
    assert column(sheet, "Spend, last 12 months") == pytest.approx(listed["spend_12m"].tolist())
    at = head(sheet).index("Potential in 6 months")
    assert head(sheet)[at - 1] == "Spend, last 6 months"  # of as many months as the potential
    assert column(sheet, "Number") == listed["customer_id"].tolist()
    assert str(column(sheet, "Speaks for it")[0]).split("\n") == listed.iloc[0]["reasons_for"]
    assert sheet.cell(3, head(sheet).index("Chance to grow") + 1).number_format == "0.0%"
    assert any(r.type == "dataBar" for rules in sheet.conditional_formatting for r in rules.rules)
    assert column(book["Keep small"], "Rank", 2) == shown.kept_small["rank"].tolist()
    assert "will most likely stay small" in str(book["Keep small"]["A1"].value)
    assert next(str(r) for r in book["Keep small"].merged_cells.ranges).startswith("A1:")  # as wide as the table


def test_a_further_attribute_is_a_column_of_both_sheets(shown: Shown, tmp_path: Path) -> None:
    teams = pd.Series(["=Team", "B", None, "B"] * 100, dtype="str")
    made = replace(shown, frame=shown.frame.assign(Team=teams), per="Team")
    write_workbook(made, tmp_path / "list.xlsx")
    book = openpyxl.load_workbook(tmp_path / "list.xlsx")
    assert column(book["List"], "Team")[:4] == ["=Team", "B", None, "B"]
    known = [None if missing(v) else v for v in made.kept_small["Team"]]
    assert column(book["Keep small"], "Team", 2) == known


@pytest.mark.slow
def test_notes_say_what_the_list_rests_on(shown: Shown, file: Path) -> None:
    notes = dict(openpyxl.load_workbook(file)["Notes"].iter_rows(min_row=3, max_col=2, values_only=True))
    assert "Of 1,000 small customers like these, 17 became key accounts" in str(notes["What to expect"])
    assert "clearly more new key accounts" in str(notes["Why this ranking is in use"])
    assert "Model shop-7" in str(notes["Data and model"])
    assert "March 1, 2025: of 50 listed 7 to 12 expected, 14 came" in str(
        notes["How lists made in this way would have turned out"]
    )
    assert {"Key account", "Potential", "How many grow anyway"} <= set(notes)


def test_no_text_is_a_formula_or_a_link_and_none_runs_when_edited(file: Path) -> None:
    book = openpyxl.load_workbook(file)
    assert [c.coordinate for s in book for row in s.iter_rows() for c in row if c.data_type == "f" or c.hyperlink] == []
    names = {c.value: c for c in book["List"]["B"]}
    for name in ("=cmd|' /C calc'!A0", "+49 30 Büro", "-1+1", "@SUM(A1)", "\tTab & Söhne"):
        assert names[name].quotePrefix
    with zipfile.ZipFile(file) as packed:
        sheets = b"".join(packed.read(n) for n in packed.namelist() if "worksheets/sheet" in n)
        assert b"<f>" not in sheets
        assert not [n for n in packed.namelist() if "external" in n.lower()]


def test_the_same_list_gives_the_same_bytes(
    shown: Shown, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Later(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:
            return cls(2031, 5, 6, tzinfo=tz)

    monkeypatch.setattr("xlsxwriter.workbook.datetime", Later, raising=False)
    monkeypatch.setattr("time.time", lambda: 1.9e9)
    write_workbook(shown, tmp_path / "again.xlsx")
    assert (tmp_path / "again.xlsx").read_bytes() == file.read_bytes()
    assert openpyxl.load_workbook(file).properties.created == datetime(2025, 12, 1)  # noqa: DTZ001 - as the file says it


def test_a_bare_list_leaves_out_what_it_does_not_know(tmp_path: Path) -> None:
    write_workbook(shown_of(bare=True, markets=1, language="de"), tmp_path / "bare.xlsx")
    book = openpyxl.load_workbook(tmp_path / "bare.xlsx")
    assert book.sheetnames == ["Liste", "Hinweise"]
    assert head(book["Liste"])[:2] == ["Rang", "Nummer"]
    assert not {"Chance zu wachsen", "Markt", "Vorgehen", "Region"} & set(head(book["Liste"]))


def test_nobody_listed_is_said_across_the_sheet(shown: Shown, tmp_path: Path) -> None:
    nobody = replace(
        shown, frame=shown.frame.assign(listed=False, keep_small=False), facts=replace(shown.facts, listed=0)
    )
    write_workbook(nobody, tmp_path / "nobody.xlsx")
    book = openpyxl.load_workbook(tmp_path / "nobody.xlsx")
    for sheet in (book["List"], book["Keep small"]):
        assert head(sheet) == ["Rank"]
        assert next(str(r) for r in sheet.merged_cells.ranges) == "A1:J1"
        assert float(sheet.row_dimensions[1].height or 0) < 100
    assert str(book["List"]["A1"].value).endswith("nobody is listed.")


def test_what_a_sheet_cannot_hold_is_said(shown: Shown, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbook, "MOST", 10)
    write_workbook(shown, tmp_path / "cut.xlsx")
    sheet = openpyxl.load_workbook(tmp_path / "cut.xlsx")["Keep small"]
    assert str(sheet["A2"].value).startswith("The sheet holds the first 10 of")
    assert len(column(sheet, "Rank", 3)) == 10


def test_a_long_name_is_not_written_over_the_next_row(shown: Shown, tmp_path: Path) -> None:
    frame = shown.frame.copy()
    row = shown.kept_small.index[1]
    frame.loc[row, "name"] = "Engineering office for fire protection and building services Schwarzenberger & Sons"
    write_workbook(replace(shown, frame=frame), tmp_path / "names.xlsx")
    sheet = openpyxl.load_workbook(tmp_path / "names.xlsx")["Keep small"]
    short, long = (sheet.row_dimensions[3 + i].height for i in (0, 1))
    assert short is not None
    assert long is not None
    assert long > 3 * short


def test_a_text_longer_than_a_cell_is_cut(shown: Shown, tmp_path: Path) -> None:
    frame = shown.frame.copy()
    frame.loc[0, "name"] = "=" + "x" * 40_000
    write_workbook(replace(shown, frame=frame), tmp_path / "long.xlsx")
    said = openpyxl.load_workbook(tmp_path / "long.xlsx")["List"]["B3"].value
    assert len(str(said)) == 32_767


@pytest.mark.slow
def test_libreoffice_reads_the_same_values(
    shown: Shown, file: Path, tmp_path: Path, libreoffice: Callable[..., None]
) -> None:
    libreoffice(file, "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,false,false,false,false,-1", tmp_path)
    with (tmp_path / "growth_list-List.csv").open(encoding="utf-8", newline="") as lines:
        said = next(csv.reader(lines))[0]
        rows = list(csv.DictReader(lines))
    assert said.startswith("Of 1,000 small customers like these, 17 became key accounts")
    assert [int(r["Rank"]) for r in rows] == shown.listed["rank"].tolist()
    assert [float(r["Chance to grow"].rstrip("%")) / 100 for r in rows] == pytest.approx(
        shown.listed["probability"].tolist()
    )
    assert [float(r["Spend, last 12 months"]) for r in rows] == pytest.approx(shown.listed["spend_12m"].tolist())
    assert [r["Number"] for r in rows] == shown.listed["customer_id"].tolist()
    plain = {n for n in HOSTILE if n.strip() and not re.search("[\x00-\x1f\u2028\u2029]", n)}
    assert plain <= {r["Customer"] for r in rows}


@pytest.mark.slow
def test_libreoffice_prints_it(file: Path, tmp_path: Path, libreoffice: Callable[..., None]) -> None:
    libreoffice(file, "pdf", tmp_path)
    assert (tmp_path / "growth_list.pdf").read_bytes().startswith(b"%PDF")
