"""Reading Parquet where it lies: the same lines, the same reasons, and no line of a file that changes meanwhile."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from smartaccounts.config import Pipeline, pipeline_from
from smartaccounts.engine.duckdb import Engine, text
from smartaccounts.errors import InputError
from smartaccounts.features.sweep.coded import coded
from smartaccounts.features.sweep.keys import keyed
from smartaccounts.orders import mapping
from smartaccounts.orders.contract import OrderLines
from smartaccounts.orders.digest import digest
from smartaccounts.orders.read import read, read_in_place
from smartaccounts.orders.source import parquet as source_files
from smartaccounts.orders.staging import plain_texts

TODAY = date(2026, 1, 31)
LATER = date(2026, 2, 1)
COLUMNS = {
    "customer_id": "id", "order_date": "on", "amount": "amt", "product_id": "p", "category": "g", "market": "m",
    "cost": "cost", "order_id": "o",
}  # fmt: skip
NAN, INFINITE = float("nan"), float("inf")
DAY = datetime(2025, 3, 1, 13, tzinfo=UTC)
DIRTY = [
    {"id": "a", "on": DAY, "amt": 1.0, "p": "x", "g": "k", "m": "M", "cost": 1.0, "o": "1"},
    {"id": " a\u00a0", "on": DAY, "amt": 2.0, "p": "\tx", "g": "", "m": None, "cost": NAN, "o": " 1"},
    {"id": "b c", "on": DAY, "amt": NAN, "p": None, "g": " ", "m": "M", "cost": INFINITE, "o": None},
    {"id": "  ", "on": DAY, "amt": 3.0, "p": "x", "g": "k", "m": "M", "cost": 2e9, "o": "2"},
    {"id": "é", "on": None, "amt": 4.0, "p": "x", "g": "k", "m": "M", "cost": None, "o": "3"},
    {
        "id": "é",
        "on": datetime(2026, 5, 1, tzinfo=UTC),
        "amt": 5.0,
        "p": "x",
        "g": "k",
        "m": "M",
        "cost": 0.0,
        "o": "4",
    },
    {"id": "é", "on": DAY, "amt": None, "p": "x", "g": "k", "m": "M", "cost": 0.0, "o": "5"},
    {"id": "é", "on": DAY, "amt": 1e16, "p": "x", "g": "k", "m": "M", "cost": 0.0, "o": "6"},
    {"id": "é", "on": DAY, "amt": -7.0, "p": "x", "g": "k", "m": "M", "cost": 0.0, "o": "7"},
    {"id": "é", "on": DAY, "amt": -7.0, "p": "x", "g": "k", "m": "M", "cost": 0.0, "o": "7"},
]
SAME = {"p": "x", "g": "k", "m": "M", "on": DAY, "amt": 1.0, "cost": 1.0}
CLEAN: list[dict[str, object]] = [{**SAME, "id": "ab"[i % 2], "o": str(i)} for i in range(10)]


@pytest.fixture
def engine() -> Iterator[Engine]:
    with Engine() as opened:
        yield opened


def parquet(path: Path, rows: list[dict[str, object]]) -> Path:
    kinds = {"on": pa.timestamp("us"), "amt": pa.float64(), "cost": pa.float64()}
    schema = pa.schema([(name, kinds.get(name, pa.string())) for name in COLUMNS.values()])
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), path)
    return path


def pipeline(path: Path, **more: object) -> Pipeline:
    source = {"path": str(path), **dict(more.pop("source", {}))}
    return pipeline_from({"name": "test", "source": source, "columns": COLUMNS, **more}, folder=path.parent)


def rows(lines: OrderLines) -> Counter[str]:
    return Counter(map(repr, lines.engine.rows(f"SELECT * FROM {lines.table}")))


def told(lines: OrderLines) -> tuple[object, ...]:
    return (
        rows(lines),
        lines.intake,
        lines.first_day,
        lines.last_day,
        lines.provided,
        digest(lines, known_before=LATER),
    )


@pytest.mark.parametrize(
    "files", [[DIRTY], [CLEAN], [CLEAN, DIRTY], [DIRTY[2:], CLEAN]], ids=["dirty", "clean", "both", "too"]
)
@pytest.mark.parametrize("more", [{}, {"keep": "amt < 5 AND p <> 'y'"}, {"source": {"duplicates": "drop"}}], ids=str)
def test_it_is_what_a_copy_holds(
    engine: Engine, tmp_path: Path, files: list[list[dict[str, object]]], more: dict[str, object]
) -> None:
    for i, some in enumerate(files):
        parquet(tmp_path / f"{i}.parquet", some)
    asked = pipeline(tmp_path / "*.parquet", **more)
    copied = told(read(asked, engine, today=TODAY))
    with read_in_place(asked, engine, today=TODAY) as lines:
        assert told(lines) == copied
    assert told(read(asked, engine, today=TODAY)) == copied


def test_few_lines_are_copied(engine: Engine, tmp_path: Path) -> None:
    parquet(tmp_path / "a.parquet", CLEAN)
    with read_in_place(pipeline(tmp_path / "a.parquet"), engine, today=TODAY, least=len(CLEAN) + 1) as lines:
        (tmp_path / "a.parquet").unlink()
        assert sum(rows(lines).values()) == len(CLEAN)
    parquet(tmp_path / "a.parquet", CLEAN)
    with (
        pytest.raises(InputError, match=r"a change in '.*a\.parquet'"),
        read_in_place(pipeline(tmp_path / "a.parquet"), engine, today=TODAY, least=len(CLEAN)),
    ):
        parquet(tmp_path / "a.parquet", DIRTY)


def test_numbers_as_ids_and_texts_as_dates(engine: Engine, tmp_path: Path) -> None:
    table = pa.table({"id": [1.0, 2.5, NAN], "on": ["2025-01-02", "20250103", "soon"], "amt": ["1", "x", "3"]})
    pq.write_table(table, tmp_path / "a.parquet")
    content = {"name": "t", "source": {"path": "a.parquet"}, "columns": {k: COLUMNS[k] for k in list(COLUMNS)[:3]}}
    asked = pipeline_from(content, folder=tmp_path)
    copied = told(read(asked, engine, today=TODAY))
    with read_in_place(asked, engine, today=TODAY) as lines:
        assert told(lines) == copied
        assert [r.reason for r in lines.intake.rejected] == ["no customer", "amount not a number"]


def test_a_column_of_text_that_is_a_date_too(engine: Engine, tmp_path: Path) -> None:
    pq.write_table(
        pa.table({"id": ["a", "b"], "on": ["2025-01-02", "20250103"], "amt": [1.0, 2.0]}), tmp_path / "a.parquet"
    )
    columns = {"customer_id": "id", "order_date": "on", "amount": "amt", "category": "on"}
    asked = pipeline_from({"name": "t", "source": {"path": "a.parquet"}, "columns": columns}, folder=tmp_path)
    copied = told(read(asked, engine, today=TODAY))
    with read_in_place(asked, engine, today=TODAY) as lines:
        assert told(lines) == copied


def test_blanks_are_found_in_whichever_file(engine: Engine, tmp_path: Path) -> None:
    clean = [{**row, "g": "k"} for row in CLEAN]
    files = [
        parquet(tmp_path / f"{i}.parquet", rows) for i, rows in enumerate([clean, [{**clean[0], "g": "k "}], clean])
    ]
    asked = pipeline(tmp_path / "*.parquet")
    assert "category" not in plain_texts(asked, engine, source_files(asked, engine))
    files[1].unlink()
    assert plain_texts(asked, engine, source_files(asked, engine)) >= {"category", "customer_id", "product_id"}


def test_csv_is_copied(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,on,amt\na,2025-01-02,1\n")
    content = {"name": "t", "source": {"path": "a.csv"}, "columns": {k: COLUMNS[k] for k in list(COLUMNS)[:3]}}
    with read_in_place(pipeline_from(content, folder=tmp_path), engine, today=TODAY) as lines:
        (tmp_path / "a.csv").unlink()
        assert sum(rows(lines).values()) == 1


def test_a_file_that_changes_meanwhile_is_no_answer(engine: Engine, tmp_path: Path) -> None:
    path = parquet(tmp_path / "a.parquet", CLEAN)

    def answer() -> None:
        with read_in_place(pipeline(path), engine, today=TODAY) as lines:
            assert rows(lines)
            parquet(path, CLEAN[1:])

    with pytest.raises(InputError, match=r"Expected files that stay as they are .* got a change in .*a\.parquet"):
        answer()


@pytest.mark.parametrize(
    "then", [CLEAN[1:], CLEAN * 2, [{**row, "id": "new"} for row in CLEAN]], ids=["less", "more", "new"]
)
def test_other_lines_at_the_second_look_are_an_error(
    engine: Engine, tmp_path: Path, then: list[dict[str, object]]
) -> None:
    path = parquet(tmp_path / "a.parquet", CLEAN)

    def answer() -> None:
        with read_in_place(pipeline(path), engine, today=TODAY) as lines:
            keys = keyed(lines, known_before=LATER)
            parquet(path, then)
            coded(lines, keys)

    with pytest.raises(InputError, match="Expected the same order lines"):
        answer()


def test_a_damaged_file_is_said_without_a_traceback(engine: Engine, tmp_path: Path) -> None:
    path = parquet(tmp_path / "a.parquet", CLEAN)

    def answer() -> None:
        with read_in_place(pipeline(path), engine, today=TODAY) as lines:
            path.write_bytes(b"PAR1 and no more")
            rows(lines)

    with pytest.raises(InputError, match=r"Expected lines that can be read, got an error .* in .*a\.parquet"):
        answer()


def test_blanks_are_cut_off_as_trim_does(engine: Engine) -> None:
    signs = ["a", "!", "~", " ", "\t", "\n", "\r", "\u00a0", "\u0080", "\x7f", "\x1f", "é", "\u0301", "\u3000", "😀"]
    texts = ["".join(some) for n in range(4) for some in itertools.product(signs, repeat=n)]
    engine.load("texts", pa.table({"t": pa.array([*texts, None])}))
    blanks = text(" \t\n\r\u00a0")
    wrong = engine.rows(
        f"SELECT t FROM texts WHERE {mapping.stripped('t')} IS DISTINCT FROM nullif(trim(t, {blanks}), '')"
        f" OR ({mapping.blank('t', 'VARCHAR')}) <> (coalesce(trim(t, {blanks}), '') = '')"
        f" OR ({mapping.plain('t')} AND t <> trim(t, {blanks}))"
    )
    assert wrong == []
