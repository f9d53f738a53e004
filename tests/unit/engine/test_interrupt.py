"""Ctrl-C is an interruption, whatever a library made of it."""

from __future__ import annotations

import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from datetime import date
from pathlib import Path
from types import FrameType
from typing import NoReturn

import duckdb
import pyarrow as pa
import pytest
from tests.unit.rankers.synthetic import card

from smartaccounts.bundle import Bundle, save
from smartaccounts.cli.terminal import progress
from smartaccounts.config import Target
from smartaccounts.engine.duckdb import Engine
from smartaccounts.engine.interrupt import heed, pressed, remember, remember_still
from smartaccounts.engine.written import written_beside
from smartaccounts.orders.ledger import manifest
from smartaccounts.orders.ledger.manifest import Manifest
from smartaccounts.outputs.staged import folder_beside, staged
from smartaccounts.rankers.plain import PLAIN


def press() -> None:
    signal.raise_signal(signal.SIGINT)


def dropped() -> None:
    """Press Ctrl-C where it is not heard of again."""
    with suppress(KeyboardInterrupt):
        press()


@pytest.mark.usefixtures("remembered")
def test_it_is_raised_and_remembered() -> None:
    assert not pressed()
    heed()
    with pytest.raises(KeyboardInterrupt):
        press()
    assert pressed()
    with pytest.raises(KeyboardInterrupt):
        heed()


@pytest.mark.usefixtures("heard")
def test_a_library_that_is_imported_hears_it_as_ever() -> None:
    dropped()
    assert not pressed()
    remember_still()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.usefixtures("heard")
def test_where_it_is_ignored_it_stays_so() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    remember()
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    press()
    assert not pressed()


@pytest.mark.usefixtures("remembered")
def test_a_handler_that_a_library_puts_in_place_is_kept() -> None:
    called = []

    def of_spark(number: int, _frame: FrameType | None) -> NoReturn:
        called.append(number)
        raise KeyboardInterrupt

    signal.signal(signal.SIGINT, of_spark)
    remember_still()
    dropped()
    assert pressed()
    assert called == [signal.SIGINT]


@pytest.mark.usefixtures("remembered")
@pytest.mark.parametrize("ask", ["run", "rows", "frame", "arrow", "arrow_in_room"])
def test_the_next_statement_is_not_begun(ask: str) -> None:
    with Engine() as engine:
        assert engine.rows("SELECT 1") == [(1,)]
        dropped()
        with pytest.raises(KeyboardInterrupt):
            getattr(engine, ask)("SELECT 1")


class Pressed:
    """A table during whose look-up Ctrl-C comes."""

    def __init__(self, table: pa.Table) -> None:
        self.table = table

    @property
    def schema(self) -> pa.Schema:
        return self.table.schema

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        press()
        return self.table.__arrow_c_stream__(requested_schema)


@pytest.mark.usefixtures("remembered")
def test_what_duckdb_makes_of_it_is_an_interruption() -> None:
    with Engine() as engine, pytest.raises(KeyboardInterrupt):
        engine.load("t", Pressed(pa.table({"a": [1]})))


@pytest.mark.usefixtures("heard")
def test_of_itself_duckdb_makes_another_error_of_it() -> None:
    """Else what is tested above would be of no use."""
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.register("t", Pressed(pa.table({"a": [1]})))
        with pytest.raises(duckdb.Error):
            connection.execute("SELECT * FROM t")


@pytest.mark.usefixtures("remembered")
@pytest.mark.parametrize("writing", [written_beside, folder_beside, staged])
def test_no_result_takes_its_place(writing: Callable[[Path], AbstractContextManager[Path]], tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), writing(tmp_path / "out") as beside:  # noqa: PT012 - what is tested
        (beside / "a.csv" if beside.is_dir() else beside).write_text("whole")
        dropped()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("remembered")
def test_no_file_of_the_database_takes_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Engine() as engine:
        run = engine.run
        monkeypatch.setattr(engine, "run", lambda sql: (run(sql), dropped()))
        with pytest.raises(KeyboardInterrupt):
            engine.write_parquet("SELECT 1", tmp_path / "out.parquet")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("remembered")
def test_a_model_and_a_ledger_stay_what_they_were(tmp_path: Path) -> None:
    made = card("past_h", pipeline="shop", as_of=date(2023, 1, 1), target=Target())
    save(Bundle(PLAIN["past_h"], made), tmp_path / "model")
    manifest.save(Manifest({}, "", (), ()), tmp_path)
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    dropped()
    with pytest.raises(KeyboardInterrupt):
        save(Bundle(PLAIN["past_365"], made), tmp_path / "model")
    with pytest.raises(KeyboardInterrupt):
        manifest.save(Manifest({}, "another", (), ()), tmp_path)
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before


@pytest.mark.usefixtures("remembered")
def test_a_command_ends_at_its_next_step() -> None:
    with progress("Work") as step:
        step("one")
        dropped()
        with pytest.raises(KeyboardInterrupt):
            step("two")


@pytest.mark.usefixtures("remembered")
def test_another_thread_leaves_the_handler_alone() -> None:
    before = signal.getsignal(signal.SIGINT)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(remember_still).result()
    assert signal.getsignal(signal.SIGINT) is before
