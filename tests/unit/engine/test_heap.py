"""Memory of arrays that are gone."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

from smartaccounts.cli import app

PROGRAM = """
import numpy as np
{call}
def anon():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("RssAnon"))
np.ones(30 << 20, dtype=np.int8)  # from here on the C library keeps what is smaller
between = []
before = anon()
arrays = []
for _ in range(8):
    arrays.append(np.ones(8 << 20, dtype=np.int8))
    between.append(bytearray(70_000))
del arrays
print((anon() - before) // 1024)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc's heap is what is looked at")
def test_arrays_that_are_gone_give_their_memory_back() -> None:
    said = {k: v for k, v in os.environ.items() if not k.startswith(("MALLOC_", "GLIBC_TUNABLES"))}

    def megabytes(call: str) -> int:
        program = [sys.executable, "-c", PROGRAM.format(call=call)]
        run = subprocess.run(program, capture_output=True, check=True, env=said)
        return int(run.stdout)

    kept = megabytes("")
    given_back = megabytes("from smartaccounts.engine.heap import give_back_at_once; give_back_at_once()")
    assert kept > 40
    assert given_back < 10


@pytest.mark.usefixtures("heard")
def test_every_command_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[bool] = []
    monkeypatch.setattr(app, "give_back_at_once", lambda: said.append(True))
    monkeypatch.setattr(sys, "argv", ["smartaccounts", "-h"])
    with pytest.raises(SystemExit):
        app.main()
    assert said == [True]
