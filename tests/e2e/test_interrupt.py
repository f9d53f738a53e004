"""Ctrl-C in the middle: exit 130, one sentence, no traceback, and no half-written file."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.unit.rankers.synthetic import card

from smartaccounts.bundle import Bundle, save
from smartaccounts.config import Target
from smartaccounts.rankers.plain import PLAIN
from smartaccounts.timeline import parse_as_of

pytestmark = pytest.mark.slow

COMMAND = [sys.executable, "-c", "from smartaccounts.cli.app import main; main()"]


@pytest.fixture
def folder(supplier: Path, tmp_path: Path) -> Path:
    for file in ("orders.parquet", "supplier.yaml"):
        shutil.copy(supplier / file, tmp_path / file)
    made = card("past_h", pipeline="supplier", as_of=parse_as_of("2023-01-01"), target=Target())
    save(Bundle(PLAIN["past_h"], made), tmp_path / "model")
    return tmp_path


def interrupted(folder: Path, *words: str, after: str, seconds: float) -> tuple[int, str, str]:
    """Send Ctrl-C so many seconds after a step was told; return the code, stdout and what follows that on stderr."""
    before = {p.name for p in folder.iterdir()}
    environment = os.environ | {"SMARTACCOUNTS_THREADS": "2", "MPLCONFIGDIR": str(folder)}
    with subprocess.Popen(
        [*COMMAND, *words], cwd=folder, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:  # fmt: skip
        assert process.stderr is not None
        told = ""
        while after and after not in told:
            told = process.stderr.readline()
            assert told, "it ended before the step was told"
        time.sleep(seconds)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert {p.name for p in folder.iterdir()} - before <= {"fontlist-v390.json", "matplotlib"} | {
        p.name for p in folder.glob("fontlist*")
    }  # fmt: skip
    return process.returncode, out, err


STEPS = [
    ("", 1.0),  # while it begins
    ("order lines read", 0.1),  # in DuckDB
    ("order lines read", 1.0),
    ("features at", 0.5),  # in LightGBM, on threads
]


@pytest.mark.parametrize(("after", "seconds"), STEPS)
def test_backtest(folder: Path, after: str, seconds: float) -> None:
    words = ("backtest", "supplier.yaml", "--as-of", "2023-07-01", "--out", "out", "-v")
    code, out, err = interrupted(folder, *words, "--set", "model.rounds=2000", after=after, seconds=seconds)
    assert (code, out) == (130, "")
    assert err.splitlines()[-1] == "Interrupted: nothing half written was left."
    assert "Traceback" not in err
    assert "Exception" not in err


@pytest.mark.parametrize(("after", "seconds"), [("", 1.0), ("order lines read", 0.05)])
def test_predict(folder: Path, after: str, seconds: float) -> None:
    words = ("predict", "supplier.yaml", "--as-of", "2024-01-01", "--out", "out", "--model", "./model", "-v")
    code, out, err = interrupted(folder, *words, after=after, seconds=seconds)
    assert (code, out) == (130, "")
    assert err.splitlines()[-1] == "Interrupted: nothing half written was left."
    assert "Traceback" not in err


def test_simulate(folder: Path) -> None:
    words = ("simulate", "--out", "lines.parquet", "--customers", "400000", "--years", "10")
    code, out, err = interrupted(folder, *words, after="", seconds=2.5)
    assert (code, out, err) == (130, "", "Interrupted: nothing half written was left.\n")
