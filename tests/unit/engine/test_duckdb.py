"""The engine: threads, spilling, Ctrl-C while a statement runs."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import suppress
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from smartaccounts.engine.duckdb import Engine, _interruptible, reading
from smartaccounts.engine.threads import threads
from smartaccounts.errors import InputError, PipelineError

LONG = "SELECT sum(hash(a.range + b.range)) AS s FROM range(10000000) a, range(100000) b"


@pytest.mark.parametrize("said", ["1", "3"])
def test_threads_are_those_asked_for(said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMARTACCOUNTS_THREADS", said)
    with Engine() as engine:
        assert threads() == int(said)
        assert engine.rows("SELECT current_setting('threads')") == [(int(said),)]


def test_without_a_number_every_core_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SMARTACCOUNTS_THREADS")
    assert threads() == os.cpu_count()


@pytest.mark.parametrize("said", ["two", "0", "-1", "1.5", " "])
def test_another_text_is_refused(said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMARTACCOUNTS_THREADS", said)
    with pytest.raises(PipelineError, match="Expected a number of threads, got "):
        Engine()


@pytest.mark.usefixtures("heard")
@pytest.mark.parametrize("ask", ["run", "rows", "frame", "arrow", "arrow_in_room"])
def test_an_interruption_is_an_interruption(ask: str) -> None:
    with Engine() as engine:
        stop = threading.Timer(0.2, os.kill, [os.getpid(), signal.SIGINT])
        stop.start()
        with pytest.raises(KeyboardInterrupt):
            getattr(engine, ask)(LONG)
        stop.join()
        assert engine.rows("SELECT 1") == [(1,)]


@pytest.mark.usefixtures("heard")
def test_an_interrupted_file_is_not_left(tmp_path: Path) -> None:
    with Engine() as engine:
        stop = threading.Timer(0.2, os.kill, [os.getpid(), signal.SIGINT])
        stop.start()
        with pytest.raises(KeyboardInterrupt):
            engine.write_parquet(LONG, tmp_path / "x.parquet")
        stop.join()
    assert list(tmp_path.iterdir()) == []


def test_what_goes_wrong_late_in_a_stream_says_the_same() -> None:
    """Arrow makes an OSError of it; of a memory that is too small it is hardly to be had there."""
    late = "SELECT CASE WHEN range < 300000 THEN range ELSE error('late') END AS a FROM range(400000)"
    with Engine() as engine, pytest.raises(OSError, match="late"):
        list(engine.batches(late, rows=1 << 16))
    with pytest.raises(PipelineError, match="Expected memory for what the database must hold"), _interruptible():
        raise OSError("Out of Memory Error: could not allocate block of size 256.0 KiB")


@pytest.mark.usefixtures("remembered")
def test_what_a_stream_makes_of_a_ctrl_c_is_an_interruption() -> None:
    with pytest.raises(KeyboardInterrupt), _interruptible():  # noqa: PT012 - what is tested
        with suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        raise OSError("INTERRUPT Error: Interrupted!")


def test_other_errors_stay_what_they_are() -> None:
    with Engine() as engine:
        with pytest.raises(Exception, match="nothing_there"):
            engine.run("SELECT * FROM nothing_there")
        with pytest.raises(InputError, match=r"said: .*nothing_there"), reading(lambda t: InputError(f"said: {t}")):
            engine.rows("SELECT * FROM nothing_there")


def test_answers_come_as_tuples_frames_and_tables() -> None:
    with Engine() as engine:
        engine.load("given", pd.DataFrame({"a": [1, 2]}))
        assert engine.rows("SELECT a FROM given WHERE a > ?", [1]) == [(2,)]
        assert engine.frame("SELECT a FROM given WHERE a > ?", [1])["a"].tolist() == [2]
        assert engine.arrow("SELECT a FROM given WHERE a > ?", [1]).equals(pa.table({"a": [2]}))
        assert engine.columns("given") == {"a": "BIGINT"}


def test_closing_leaves_no_folder() -> None:
    with Engine() as engine:
        folder = Path(str(engine.rows("SELECT current_setting('temp_directory')")[0][0]))
        assert folder.is_dir()
    assert not folder.exists()


def test_no_progress_bar_gets_into_what_a_command_prints() -> None:
    with Engine() as engine:
        assert engine.rows("SELECT current_setting('enable_progress_bar')") == [(False,)]
