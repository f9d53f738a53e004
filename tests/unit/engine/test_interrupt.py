"""Ctrl-C is an interruption, whatever a library made of it."""

from __future__ import annotations

import signal
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from types import FrameType
from typing import NoReturn

import duckdb
import pyarrow as pa
import pytest

from smartaccounts.engine.duckdb import Engine
from smartaccounts.engine.interrupt import heed, pressed, remember, remember_still
from smartaccounts.outputs.staged import folder_beside, staged, written_beside


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
@pytest.mark.parametrize("ask", ["run", "rows", "frame", "arrow"])
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
        engine.load("t", Pressed(pa.table({"a": [1]})))  # type: ignore[arg-type]


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
