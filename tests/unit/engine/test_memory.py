"""How much memory is allowed, and arrays that lie in files beyond it."""

from __future__ import annotations

import gc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from smartaccounts.engine.duckdb import Engine
from smartaccounts.engine.memory import Room, memory_bytes, release, release_tables, scattered
from smartaccounts.errors import PipelineError


@pytest.mark.parametrize(
    ("said", "meant"), [("2GB", 2 * 10**9), ("1.5 gb", 1_500_000_000), ("512MiB", 2**29), (" 1GiB ", 2**30)]
)
def test_sizes(said: str, meant: int) -> None:
    assert memory_bytes(said) == meant


@pytest.mark.parametrize("said", ["2", "two GB", "-1GB", "0GB", "100MB", "2 TB", ""])
def test_another_text_is_refused(said: str) -> None:
    with pytest.raises(PipelineError, match=r"Expected at least 400MB of memory, got .* in --memory"):
        memory_bytes(said)


def test_unsaid_it_is_half_of_the_machine() -> None:
    assert memory_bytes(None) > 10**8


def test_room_in_memory_comes_back_when_an_array_is_gone(tmp_path: Path) -> None:
    room = Room(1000, tmp_path)
    first = room.empty((100,), np.int64)
    assert first.base is None  # in memory
    assert room.empty((100,), np.int64).base is not None  # in a file
    del first
    assert room.empty((125,), np.int64).base is None


def test_threads_share_what_is_left(tmp_path: Path) -> None:
    room = Room(1000, tmp_path)
    with ThreadPoolExecutor(4) as pool:
        arrays = list(pool.map(lambda _: room.empty((60,), np.int64), range(400)))
    assert sum(array.base is None for array in arrays) == 2
    del arrays
    assert room._left == 1000


def test_values_in_a_file_stay_when_released_and_the_file_has_no_name(tmp_path: Path) -> None:
    array = Room(0, tmp_path).empty((3, 1000), np.float64)
    array[:] = np.arange(3000).reshape(3, 1000)
    release(array, array[1, 10:20], np.zeros(3))
    assert array.sum() == 3000 * 2999 / 2
    assert list(tmp_path.iterdir()) == []


BATCH = pa.record_batch({"who": ["a", "b", None], "n": [1, 2, 3]})


def batches(number: int) -> pa.RecordBatchReader:
    return pa.RecordBatchReader.from_batches(BATCH.schema, [BATCH] * number)


@pytest.mark.parametrize("number", [0, 1, 1000])
def test_a_table_is_the_same_in_memory_and_in_a_file(number: int, tmp_path: Path) -> None:
    expected = pa.Table.from_batches([BATCH] * number, BATCH.schema)
    gc.collect()
    before = pa.total_allocated_bytes()
    for room in (Room(0, tmp_path), Room(10**6, tmp_path)):
        found = room.arrow(batches(number))
        release_tables()
        assert found.equals(expected)
        assert list(tmp_path.iterdir()) == []
    del found, expected
    assert pa.total_allocated_bytes() == before


def test_a_large_table_is_not_in_memory(tmp_path: Path) -> None:
    large = pa.record_batch({"n": np.arange(1 << 17)})
    gc.collect()
    before = pa.total_allocated_bytes()
    for room, held in ((Room(1 << 20, tmp_path), 0), (Room(1 << 23, tmp_path), large.nbytes)):
        copies = pa.RecordBatchReader.from_batches(large.schema, (large.take(np.arange(len(large))) for _ in range(1)))
        found = room.arrow(copies)
        assert found.nbytes == large.nbytes
        assert held <= pa.total_allocated_bytes() - before <= 1.1 * held
        del found, copies


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_table_on_a_full_disk_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full = Path("/dev/full").open("r+b")  # noqa: SIM115 - what is tested closes it
    monkeypatch.setattr("smartaccounts.engine.memory.tempfile.TemporaryFile", lambda **_: full)
    with pytest.raises(PipelineError, match=r"Expected room on disk for a table of who, n, got too little in"):
        Room(0, tmp_path).arrow(batches(10_000))


def test_what_others_map_is_left_alone(tmp_path: Path) -> None:
    np.zeros(4096).tofile(tmp_path / "zeros")
    theirs = np.memmap(tmp_path / "zeros", dtype=np.float64, mode="c")  # what is written stays in memory
    theirs[:] = 7
    release(theirs, theirs[10:20])
    assert (theirs == 7).all()


def test_a_full_disk_is_said(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match=r"Expected room on disk for 9007199.3 GB more, got too little in"):
        Room(0, tmp_path).empty((1 << 50,), np.float64)


def test_a_database_without_room_says_so() -> None:
    with Engine("400MB") as engine:
        engine.run("SET max_temp_directory_size = '1MB'")
        with pytest.raises(PipelineError, match="Expected room on disk for what does not fit into memory"):
            engine.run("CREATE TABLE t AS SELECT hash(range) AS a, hash(range + 1) AS b FROM range(50000000)")


def test_a_database_without_memory_says_so() -> None:
    with Engine("400MB") as engine, pytest.raises(PipelineError, match="Expected memory for what the database") as said:
        engine.rows("SELECT len(list(range)) FROM range(60000000)")
    assert "--memory" in said.value.hint


def in_files() -> float:
    """Return how many megabytes of files are in memory, those of a disk in memory too."""
    said = Path("/proc/self/status").read_text().splitlines()
    return sum(int(line.split()[1]) for line in said if line.startswith(("RssFile", "RssShmem"))) / 1000


def test_what_is_written_here_and_there_brings_little_of_the_file_into_memory(tmp_path: Path) -> None:
    array = Room(0, tmp_path).empty((1 << 24,), np.float64)
    before = in_files()
    with scattered(array):
        array[::8192] = 1.0  # a page of sixteen: 8 of 134 MB
    assert 4 < in_files() - before < 40
    assert array[::8192].sum() == 2048
    with scattered(np.zeros(3)) as nothing:  # in memory: all the same
        assert nothing is None
