"""Temporary folders: gone when closed, and gone with the next process where theirs was killed."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from smartaccounts.engine import scratch
from smartaccounts.engine.scratch import PREFIX, Scratch

HOLDS = """
import sys, time
from smartaccounts.engine.duckdb import Engine
with Engine() as engine:
    (engine.room._folder / "spilled").write_bytes(b"x" * 1000)
    print(engine.room._folder, flush=True)
    time.sleep(600)
"""


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(scratch, "YOUNG", -1.0)
    scratch._clear.cache_clear()


def test_a_folder_is_gone_when_closed(tmp_path: Path) -> None:
    with Scratch() as folder:
        (folder / "x").touch()
        assert list(tmp_path.iterdir()) == [folder]
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_is_taken_away_and_what_a_living_one_has_is_not(tmp_path: Path) -> None:
    held = [subprocess.Popen([sys.executable, "-c", HOLDS], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    try:
        folders = [Path(p.stdout.readline().strip()) for p in held if p.stdout]
        assert all((f / "spilled").exists() and f.parent == tmp_path for f in folders)
        held[0].send_signal(signal.SIGKILL)
        held[0].wait()
        with Scratch():
            assert [f.exists() for f in folders] == [False, True]
    finally:
        for process in held:
            process.kill()
            process.communicate()


def test_a_folder_that_was_made_just_now_is_left_though_nobody_locks_it_yet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scratch, "YOUNG", 60.0)
    young = tmp_path / f"{PREFIX}young"
    young.mkdir()
    with Scratch():
        assert young.exists()


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "kept").touch()
    (tmp_path / f"{PREFIX}link").symlink_to(theirs)
    with Scratch():
        assert (theirs / "kept").exists()
