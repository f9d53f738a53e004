"""The growth list as a workbook: the list, those to keep small, and notes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time
from pathlib import Path
from typing import Any

import pandas as pd
import xlsxwriter
from xlsxwriter.worksheet import Worksheet

from smartaccounts.growth_list.keep_small import KeptSmall, said
from smartaccounts.outputs.notes import notes
from smartaccounts.outputs.shown import Shown, missing, sentences
from smartaccounts.outputs.summary import summary
from smartaccounts.outputs.tables import FORMULA_STARTS

MOST = 2_000
"""So many accounts to keep small are in the workbook at most; all are in the csv."""

ACCENT, PALE = "#0B69A3", "#9CC8E4"
CELL = 32_767
"""Characters that a cell holds."""


@dataclass(frozen=True)
class Column:
    """A column of a sheet: where it comes from, how it is written, how wide it is."""

    name: str
    kind: str
    width: float


Cells = dict[Column, list[Any]]
NUMBERS = ("count", "money", "chance")


LIST = (
    Column("rank", "count", 6), Column("name", "bold", 26), Column("customer_id", "text", 12),
    Column("sales_rep", "text", 17), Column("status", "text", 13), Column("probability", "chance", 11),
    Column("spend_12m", "money", 12), Column("spend_h", "money", 12),
    Column("potential", "money", 12), Column("play", "text", 20),
    Column("reasons_for", "wrapped", 46), Column("reasons_against", "wrapped", 38), Column("flags", "wrapped", 34),
    Column("to_do", "wrapped", 34), Column("play_why", "wrapped", 34), Column("market", "text", 14),
    Column("segment", "text", 14), Column("region", "text", 12), Column("probability_low", "chance", 10),
    Column("probability_high", "chance", 10), Column("spend_prior_12m", "money", 13),
    Column("orders_365d", "count", 11), Column("recency_days", "count", 13), Column("potential_low", "money", 13),
    Column("potential_high", "money", 13), Column("gap", "money", 13), Column("peers", "count", 10),
    Column("peer_low", "money", 13), Column("peer_middle", "money", 13), Column("peer_high", "money", 13),
    Column("play_value", "money", 13), Column("cost_to_serve", "money", 18), Column("cost_proposed", "money", 16),
    Column("previous_rank", "count", 11), Column("moved_because", "wrapped", 36),
)  # fmt: skip
"""What a meeting needs comes first."""

PRINTED = "to_do"
"""The last column of the list that is printed: one page is no wider."""

FEW, UNSET = 9, 8
"""The last column, at least, over which a sentence lies, and the width of one that was not set."""

KEPT = tuple(
    c
    for c in LIST
    if c.name
    in {
        "rank", "name", "customer_id", "market", "segment", "region", "sales_rep", "probability", "play", "spend_12m",
        "spend_prior_12m", "orders_365d", "recency_days", "cost_to_serve", "cost_proposed",
    }
)  # fmt: skip
WIDTHS = {"wrapped": 1.0, "bold": 0.8}
"""The part of a column's width that its letters fill: bold ones are wider."""

LEFT: dict[str, Any] = {"align": "left", "indent": 1}  # away from the number at its left
RULED: dict[str, Any] = {"bottom": 1, "bottom_color": "#D9DDE3"}  # rows are tall: a line shows where one ends
FORMATS: dict[str, dict[str, Any]] = {
    "text": LEFT | RULED,
    "bold": LEFT | RULED | {"bold": True, "text_wrap": True},
    "wrapped": LEFT | RULED | {"text_wrap": True},
    "count": RULED | {"num_format": "#,##0"},
    "money": RULED | {"num_format": "#,##0"},
    "chance": RULED | {"num_format": "0.0%"},
    "said": LEFT | {"text_wrap": True},
    "head": LEFT | {"bold": True, "text_wrap": True, "font_color": "#FFFFFF", "bg_color": ACCENT, "valign": "vcenter"},
    "title": LEFT | {"bold": True, "font_size": 14, "font_color": ACCENT},
}


def write_workbook(shown: Shown, path: Path) -> None:
    """Write the workbook: the same list gives the same bytes.

    A column that has no value in any row of the list is left out. Texts are stored as texts: none is a formula, a link
    or a number.
    """
    inert = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(str(path), {**inert, "default_date_format": "yyyy-mm-dd"}) as book:
        made = datetime.combine(shown.as_of, time())  # the clock would change the bytes
        book.set_properties({"title": shown.words.say("page.title", as_of=shown.as_of), "created": made})
        writer = _Writer(book, shown)
        columns = _with_attribute(LIST, shown.per)
        sheet = book.add_worksheet(shown.words.say("notes.list_sheet"))
        told = summary(shown.facts, shown.words)
        writer.headed(sheet, [f"{told.base_rate} {told.expectation}"], shown.listed, columns)
        if shown.kept is not None:
            writer.kept(book.add_worksheet(shown.words.say("notes.small_sheet")), shown.kept, shown.kept_small)
        writer.notes(book.add_worksheet(shown.words.say("notes.notes_sheet")))


class _Writer:
    """The formats of one workbook and how cells are written with them."""

    def __init__(self, book: xlsxwriter.Workbook, shown: Shown) -> None:
        self.shown = shown
        top = {"valign": "top"}
        self.formats = {k: book.add_format(top | f) for k, f in FORMATS.items()}
        self.quoted = {k: book.add_format(top | f | {"quote_prefix": True}) for k, f in FORMATS.items()}

    def table(self, sheet: Worksheet, cells: Cells, columns: Sequence[Column], *, top: int = 0) -> None:
        """Write the `cells` of some of `columns` below a head that stays, with filters."""
        count = max(map(len, cells.values()))
        for j, (column, values) in enumerate(cells.items()):
            sheet.set_column(j, j, column.width)
            self.text(sheet, top, j, self.shown.label(column.name), "head")
            self._column(sheet, (top + 1, j), values, column.kind)
            if column.name == "probability":
                most = max(v for v in values if not missing(v))
                bar = {"type": "data_bar", "bar_color": PALE, "min_type": "num", "min_value": 0}
                ends = {"max_type": "num", "max_value": most}
                sheet.conditional_format(top + 1, j, top + count, j, bar | ends)
        sheet.set_row(top, 62)
        sheet.autofilter(top, 0, top + count, len(cells) - 1)
        sheet.freeze_panes(top + 1, 2)
        self._paper(sheet)
        sheet.repeat_rows(top)
        last = max((j for j, c in enumerate(cells) if columns.index(c) <= _place(columns, PRINTED)), default=0)
        sheet.print_area(0, 0, top + count, last)
        for i, lines in enumerate(_lines(cells, count), start=top + 1):
            sheet.set_row(i, 15 * lines + 3)

    def kept(self, sheet: Worksheet, kept: KeptSmall, rows: pd.DataFrame) -> None:
        """Write the second list below what it comes to."""
        told = [" ".join(said(kept, self.shown.words))]
        if kept.accounts > MOST:
            told.append(self.shown.words.say("notes.cut", rows=MOST, all=kept.accounts))
        columns = _with_attribute(KEPT, self.shown.per)
        self.headed(sheet, told, rows.head(MOST), columns)

    def headed(self, sheet: Worksheet, told: Sequence[str], rows: pd.DataFrame, columns: Sequence[Column]) -> None:
        """Write rows below sentences, one each in a row across the table."""
        cells = self.cells(rows, columns)
        for i, sentence in enumerate(told):  # across the table: a single cell would be cut on paper
            last = max(min(_place(list(cells), PRINTED), len(cells) - 1), FEW)  # also beside a table of few columns
            across = sum(c.width for c in list(cells)[: last + 1]) + UNSET * max(last + 1 - len(cells), 0)
            sheet.merge_range(i, 0, i, last, "", self.formats["said"])
            self.text(sheet, i, 0, sentence, "said")
            sheet.set_row(i, 15 * _wrapped(sentence, across) + 3)
        self.table(sheet, cells, columns, top=len(told))

    def notes(self, sheet: Worksheet) -> None:
        """Write what the list rests on and what its words mean."""
        sheet.set_column(0, 0, 34)
        sheet.set_column(1, 1, 100)
        sheet.hide_gridlines(2)
        self.text(sheet, 0, 0, self.shown.words.say("page.title", as_of=self.shown.as_of), "title")
        for i, (term, meaning) in enumerate(notes(self.shown), start=2):
            self.text(sheet, i, 0, term, "bold")
            self.text(sheet, i, 1, meaning, "wrapped")
            sheet.set_row(i, 15 * _wrapped(meaning, 100) + 3)
        self._paper(sheet)

    def text(self, sheet: Worksheet, row: int, column: int, value: str, kind: str) -> None:
        """Write a text that no spreadsheet runs, also after it was edited."""
        text = value if len(value) <= CELL else value[: CELL - 1] + "…"
        sheet.write_string(row, column, text, (self.quoted if text.startswith(FORMULA_STARTS) else self.formats)[kind])

    def _column(self, sheet: Worksheet, at: tuple[int, int], values: Sequence[Any], kind: str) -> None:
        """Write values one below the other."""
        top, j = at
        number, form = kind in NUMBERS, self.formats[kind]
        for i, value in enumerate(values, start=top):
            if missing(value):
                sheet.write_blank(i, j, None, form)  # for the line below
            elif number:
                sheet.write_number(i, j, float(value), form)
            else:
                self.text(sheet, i, j, str(value), kind)

    def cells(self, rows: pd.DataFrame, columns: Sequence[Column]) -> Cells:
        """Return what is written in the columns that have a value in any row; the ranks are always there."""
        there = [c for c in columns if ("play" if c.name == "to_do" else c.name) in rows]
        cells = {c: self._written(c.name, rows) for c in there}
        return {c: values for c, values in cells.items() if c.name == "rank" or not all(map(missing, values))}

    def _written(self, name: str, rows: pd.DataFrame) -> list[Any]:
        """Return the values of a column as they are written: words for ids, one line per sentence."""
        if name in ("play", "to_do"):
            plays = [self.shown.play(v) for v in rows["play"]]
            return [None if p is None else p.name if name == "play" else p.to_do for p in plays]
        if name in ("reasons_for", "reasons_against", "flags"):
            return ["\n".join(sentences(v)) for v in rows[name]]
        if name == "status":
            return [None if missing(v) else self.shown.words.say(f"columns.status_{v}") for v in rows[name]]
        return rows[name].tolist()

    def _paper(self, sheet: Worksheet) -> None:
        sheet.set_landscape()
        sheet.set_paper(9)
        sheet.fit_to_pages(1, 0)
        sheet.set_margins(0.4, 0.4, 0.5, 0.5)


def _with_attribute(columns: Sequence[Column], name: str | None) -> Sequence[Column]:
    """Return the columns with a further attribute of the customers table after the others of it."""
    if name is None:
        return columns
    at = _place(columns, "sales_rep") + 1
    return (*columns[:at], Column(name, "text", 17), *columns[at:])


def _lines(cells: Cells, count: int) -> list[int]:
    """Return how many lines the tallest wrapped cell of each of the `count` rows takes."""
    lines = [1] * count
    for column, values in cells.items():
        if column.kind in WIDTHS:
            width = column.width * WIDTHS[column.kind]
            taken = (0 if missing(v) else _wrapped(str(v), width) for v in values)
            lines = [max(n, t) for n, t in zip(lines, taken, strict=True)]
    return [min(n, 25) for n in lines]


def _place(columns: Sequence[Column], name: str) -> int:
    """Return where a column stands; past the end where it is not among them."""
    return next((j for j, c in enumerate(columns) if c.name == name), len(columns))


def _wrapped(said: str, width: float) -> int:
    """Return how many lines a text takes in a column of that many characters."""
    return sum(max(1, -(-len(part) // int(width * 1.05))) for part in said.split("\n"))
