"""Temporary folders: gone when closed, and gone with the next process where theirs was killed."""

from __future__ import annotations

import os
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


@pytest.mark.slow
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
    young = tmp_path / f"{PREFIX}youngest"
    young.mkdir()
    with Scratch():
        assert young.exists()


def test_what_only_looks_like_one_is_left(tmp_path: Path) -> None:
    others = [tmp_path / name for name in ("smartaccounts-1.0.0", "smartaccounts-abcdefgh", f"{PREFIX}kept")]
    for theirs in others:
        theirs.mkdir()
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (tmp_path / f"{PREFIX}linked__").symlink_to(theirs)
    os.mkfifo(tmp_path / f"{PREFIX}afifo___")
    (tmp_path / f"{PREFIX}leftover").mkdir()
    with Scratch():
        assert all(folder.is_dir() for folder in (*others, theirs))
        assert (tmp_path / f"{PREFIX}linked__").is_symlink()
        assert (tmp_path / f"{PREFIX}afifo___").exists()
        assert not (tmp_path / f"{PREFIX}leftover").exists()
