"""One writer of a folder at a time, and nothing of the lock is left."""

from __future__ import annotations

import errno
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from smartaccounts.errors import PipelineError
from smartaccounts.outputs.locked import LOCK, locked
from smartaccounts.outputs.staged import staged

HOLD = """
import sys, time
from pathlib import Path
from smartaccounts.outputs.locked import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(float(sys.argv[2]))
"""

ADD = """
import sys, time
from pathlib import Path
from smartaccounts.outputs.locked import locked
out = Path(sys.argv[1])
for _ in range(25):
    with locked(out / "inside" / "folder"):
        count = int((out / "count").read_text())
        time.sleep(0.002)
        (out / "count").write_text(str(count + 1))
"""


def started(folder: Path, seconds: float) -> subprocess.Popen[str]:
    """Start a process that holds the folder; return when it does."""
    made = subprocess.Popen([sys.executable, "-c", HOLD, folder, str(seconds)], stdout=subprocess.PIPE, text=True)
    assert made.stdout
    assert made.stdout.readline() == "held\n"
    return made


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.rglob("*"))


def test_nothing_is_left_but_the_result(tmp_path: Path) -> None:
    out = tmp_path / "a" / "b"
    with locked(out):
        assert names(out) == [LOCK]
        with staged(out) as folder:
            (folder / "list.csv").write_text("x")
    assert names(tmp_path) == ["a", "b", "list.csv"]


def test_folders_that_were_made_for_it_go_when_the_run_fails(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no"), locked(tmp_path / "a" / "b"):
        raise ValueError("no")
    assert names(tmp_path) == []
    (tmp_path / "mine").mkdir()
    with pytest.raises(ValueError, match="no"), locked(tmp_path / "mine" / "b"):
        raise ValueError("no")
    assert names(tmp_path) == ["mine"]


def test_who_comes_second_is_told_and_then_refused(tmp_path: Path) -> None:
    other, told = started(tmp_path, 60), []
    try:
        with pytest.raises(PipelineError) as error, locked(tmp_path, wait=0.2, waiting=lambda: told.append(1)):
            pytest.fail("both at once")
    finally:
        other.kill()
        other.communicate()
    assert error.value.message.startswith("Expected to be the only run that writes into a folder, got another one")
    assert str(tmp_path) in error.value.message
    assert "--out" in error.value.hint
    assert told == [1]


def test_who_comes_second_waits(tmp_path: Path) -> None:
    with started(tmp_path, 0.5), locked(tmp_path, wait=30):
        assert names(tmp_path) == [LOCK]
    assert names(tmp_path) == []


def test_a_process_that_is_killed_leaves_no_lock_that_holds(tmp_path: Path) -> None:
    with started(tmp_path, 60) as other:
        other.send_signal(signal.SIGKILL)
        other.wait()
    assert names(tmp_path) == [LOCK]
    start = time.monotonic()
    with locked(tmp_path, wait=0):
        pass
    assert time.monotonic() - start < 1
    assert names(tmp_path) == []


def test_many_at_once_never_overlap_though_the_folder_comes_and_goes(tmp_path: Path) -> None:
    (tmp_path / "count").write_text("0")
    all_of_them = [subprocess.Popen([sys.executable, "-c", ADD, tmp_path]) for _ in range(3)]
    assert [p.wait() for p in all_of_them] == [0, 0, 0]
    assert (tmp_path / "count").read_text() == "75"
    assert LOCK not in names(tmp_path)


def test_a_folder_that_goes_while_it_is_looked_at_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mkdir, calls = Path.mkdir, []

    def gone(self: Path, *args: Any, **options: Any) -> None:
        calls.append(self)
        if len(calls) == 1:  # `mkdir` found a folder, and then found none
            raise FileExistsError(errno.EEXIST, "File exists", str(self))
        mkdir(self, *args, **options)

    monkeypatch.setattr(Path, "mkdir", gone)
    with locked(tmp_path / "out"):
        assert names(tmp_path / "out") == [LOCK]
    assert calls[:2] == [tmp_path / "out"] * 2


def test_a_link_to_nowhere_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").symlink_to(tmp_path / "nowhere")
    with pytest.raises(PipelineError, match="Expected a folder that can be written"):
        locked(tmp_path / "out").__enter__()


@pytest.mark.parametrize("below", ["", "deeper/still"])
def test_a_file_in_the_way_is_refused(tmp_path: Path, below: str) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(PipelineError, match="Expected a folder that can be written, got a file"):
        locked(tmp_path / "out" / below).__enter__()
    assert names(tmp_path) == ["out"]
