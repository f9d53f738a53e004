"""What is compiled: the types that parameters declare, and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from threading import Event

import numpy as np
import pytest
from numba.core import caching
from numba.core.errors import TypingError

from smartaccounts.engine import compiled as module
from smartaccounts.engine.compiled import Column, Longs, Out, Strided, compiled, ready, signatures


@compiled
def doubled(numbers: Strided[Column], into: Out[Column], times: int) -> None:
    for i in range(len(numbers)):
        into[i] = numbers[i] * times


@compiled
def started(numbers: Longs) -> int:
    return numbers[0] if len(numbers) else 0


LISTED = """
import sys
from smartaccounts.engine import compiled
from smartaccounts.features.sweep import run
from smartaccounts.rankers import trees
sys.executable = sys.argv[1]
functions = [(f, list(compiled.signatures(f.py_func))) for fs in compiled._waiting.values() for f in fs]
compiled.ready()
for f, declared in functions:
    assert list(f.overloads) == declared, f
    print(f.py_func.__name__, sum(f.stats.cache_hits.values()), sum(f.stats.cache_misses.values()))
"""


def listed(folder: Path, *, threads: int, executable: str = sys.executable) -> dict[str, tuple[int, int]]:
    """Return by function how often it was loaded and how often compiled, in a process of its own."""
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(folder), "SMARTACCOUNTS_THREADS": str(threads)}
    asked = [sys.executable, "-c", LISTED, executable]
    said = subprocess.run(asked, check=True, capture_output=True, text=True, env=environment)
    rows = [line.split() for line in said.stdout.splitlines()]
    return {name: (int(loaded), int(made)) for name, loaded, made in rows}


def test_a_type_variable_stands_for_each_of_its_types() -> None:
    ready()
    for dtype in (np.int32, np.int64):
        numbers, into = np.arange(6, dtype=dtype), np.zeros(3, dtype)
        doubled(numbers[::2], into, 2)
        assert into.tolist() == [0, 4, 8]
    assert len(list(signatures(doubled))) == 2


def test_what_was_not_declared_is_an_error_and_not_compiled() -> None:
    ready()
    fixed = np.arange(3)
    fixed.flags.writeable = False
    assert started(fixed) == 0
    with pytest.raises(TypeError, match="No matching definition"):
        started(np.arange(6)[::2])
    with pytest.raises(TypeError, match="No matching definition"):
        doubled(fixed, fixed, 2)  # it is written to


def test_an_interruption_ends_it_between_two_functions() -> None:
    stop = Event()
    stop.set()

    @compiled
    def never(numbers: Longs) -> int:
        return len(numbers)

    waiting = {__name__: module._waiting.pop(__name__)}
    module._compile(waiting, stop)
    assert waiting[__name__] == [never]
    assert not never.overloads


def test_what_could_not_be_compiled_waits_for_the_next_call() -> None:
    @compiled
    def first(numbers: Longs) -> int:
        return numbers[0]

    @compiled
    def wrong(numbers: Longs) -> int:
        return numbers.nothing_of_this_name

    for _ in range(2):
        with pytest.raises(TypingError):
            ready(__name__)
        assert module._waiting.pop(__name__) == [wrong]
        module._waiting[__name__] = [wrong]
    assert first(np.arange(3)) == 0
    del module._waiting[__name__]


def test_a_process_that_cannot_be_started_leaves_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    assert module._beside("smartaccounts.features.sweep.customers") is None


def test_where_no_folder_can_be_written_to_it_is_compiled_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(caching._CacheLocator, "ensure_cache_path", refused)

    @compiled
    def last(numbers: Longs) -> int:
        return numbers[-1]

    ready(__name__)
    assert last(np.arange(4)) == 3
    assert last.stats.cache_path is None


@pytest.mark.slow
def test_two_processes_compile_everything_once_and_later_ones_nothing(tmp_path: Path) -> None:
    first = listed(tmp_path, threads=2)
    assert first["_days"] == first["swept"] == (1, 0)  # by the process beside it
    assert first["slotted"] == (0, 1)
    assert first["_added"] == (0, 1)
    assert set(listed(tmp_path, threads=1).values()) == {(1, 0), (2, 0)}


@pytest.mark.slow
def test_a_process_beside_this_one_that_fails_leaves_it_the_work(tmp_path: Path) -> None:
    found = listed(tmp_path, threads=2, executable="/bin/false")
    assert found["swept"] == (0, 1)
    assert not any(loaded for loaded, _ in found.values())
