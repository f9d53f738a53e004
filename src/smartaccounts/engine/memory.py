"""How much memory to use, and large arrays and tables that lie in a file where it is not enough."""

from __future__ import annotations

import errno
import mmap
import os
import re
import sys
import tempfile
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from math import prod
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from smartaccounts.errors import PipelineError

if TYPE_CHECKING:
    import pandas as pd

_UNITS = {"MB": 10**6, "GB": 10**9, "MIB": 2**20, "GIB": 2**30}
LEAST = 400 * 10**6
"""What Python, its libraries and the smallest tables take anyway."""

Empty = Callable[[tuple[int, int]], npt.NDArray[np.float64]]
"""Makes a table of a shape, whose values are not set."""

EmptyOf = Callable[[Sequence[int], npt.DTypeLike], npt.NDArray[Any]]
"""Makes an array of a shape and type, whose values are not set."""

_OURS: weakref.WeakSet[mmap.mmap] = weakref.WeakSet()
"""The files behind arrays of a Room: what others map may not be what their file says."""

_TABLES: weakref.WeakSet[mmap.mmap] = weakref.WeakSet()
"""The files behind tables of a Room."""

_SMALL = 4
"""A table of up to one part in so many of what a Room has left stays in memory, each for itself, and is not counted."""

_LOCK = RLock()
"""Of what a Room has left, and of its tables; an array may be given back in the middle of anything."""


def memory_bytes(said: str | None) -> int:
    """Return how many bytes a text like 2GB means; None: half of the machine's memory. PipelineError for others.

    >>> memory_bytes("1.5 GB")
    1500000000
    """
    if said is None:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(MB|GB|MiB|GiB)\s*", said, re.IGNORECASE)
    size = int(float(found[1]) * _UNITS[found[2].upper()]) if found else 0
    if size < LEAST:
        raise PipelineError(
            f"Expected at least {LEAST // 10**6}MB of memory, got {said!r} in --memory.",
            hint="Write for example --memory 2GB.",
        )
    return size


class Room:
    """Room for large arrays and tables: in memory up to `most` bytes, beyond that in files of `folder`.

    Such a file has no name, and is gone with the process, however it ends.
    """

    def __init__(self, most: int, folder: Path | None) -> None:
        """Begin with nothing taken; None: the folder of temporary files."""
        self._left = most
        self._folder = folder

    def empty(self, shape: Sequence[int], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
        """Return an array whose values are not set; PipelineError where neither memory nor disk has room for it."""
        size = prod(shape) * np.dtype(dtype).itemsize
        with _LOCK:
            fits = size <= self._left
            self._left -= size if fits else 0
        if not fits:
            return self._filed(tuple(shape), np.dtype(dtype), size)
        array = np.empty(shape, dtype=dtype)
        weakref.finalize(array, self._give_back, size)
        return array

    def table(self, shape: tuple[int, int]) -> npt.NDArray[np.float64]:
        """Return a table of numbers, as `empty` does."""
        return self.empty(shape, np.float64)

    def frame(self, batches: pa.RecordBatchReader) -> pd.DataFrame:
        """Return batches as a frame whose texts lie as those of `arrow` do."""
        kinds = [(f.name, pa.large_string() if pa.types.is_string(f.type) else f.type) for f in batches.schema]
        made: pd.DataFrame = self.arrow(batches.cast(pa.schema(kinds))).to_pandas()  # large texts are not copied
        return made

    def arrow(self, batches: pa.RecordBatchReader) -> pa.Table:
        """Return batches as a table: in memory where it is small against what is left, else in a file.

        PipelineError where the disk has no room for it.
        """
        here, size = [], 0
        for batch in batches:
            here.append(batch)
            size += batch.nbytes
            if size > self._left // _SMALL:
                return self._filed_table(here, batches)
        return pa.Table.from_batches(here, batches.schema)

    def _filed_table(self, first: Sequence[pa.RecordBatch], rest: pa.RecordBatchReader) -> pa.Table:
        try:
            with tempfile.TemporaryFile(dir=self._folder) as file:
                with pa.ipc.new_file(file, rest.schema) as writer:
                    for batch in chain(first, rest):
                        writer.write_batch(batch)
                file.flush()
                mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):  # of those who make the batches, say
                raise
            raise disk_full(f"a table of {', '.join(rest.schema.names)}", self._folder) from error
        with _LOCK:
            _TABLES.add(mapped)
        return pa.ipc.open_file(pa.BufferReader(pa.py_buffer(mapped))).read_all()

    def _filed(self, shape: tuple[int, ...], dtype: np.dtype[Any], size: int) -> npt.NDArray[Any]:
        with tempfile.TemporaryFile(dir=self._folder) as file:
            try:
                os.posix_fallocate(file.fileno(), 0, size)  # a disk that is full later ends the process
            except OSError as error:
                raise disk_full(f"{size / 1e9:.1f} GB more", self._folder) from error
            array = np.memmap(file, dtype=dtype, mode="r+", shape=shape).view(np.ndarray)
        _OURS.add(_mapped(array))
        return array

    def _give_back(self, size: int) -> None:
        with _LOCK:
            self._left += size


IN_MEMORY = Room(sys.maxsize, None)
"""For what is small."""


def release(*arrays: npt.NDArray[Any]) -> None:
    """Let the system take back the memory of arrays that a Room has in a file: their values stay."""
    for array in arrays:
        _advise(array, mmap.MADV_DONTNEED)


def release_tables() -> None:
    """Do as `release` does with all tables that a Room has in a file."""
    with _LOCK:
        files = list(_TABLES)
    for file in files:
        file.madvise(mmap.MADV_DONTNEED)


@contextmanager
def scattered(array: npt.NDArray[Any]) -> Iterator[None]:
    """Have an array written here and there: what lies around, up to megabytes, stays out of memory inside the block.

    For an array that a Room has in a file. To read it all like this would be slow. Not within another such block.
    """
    _advise(array, mmap.MADV_RANDOM)
    try:
        yield
    finally:
        _advise(array, mmap.MADV_NORMAL)


def _advise(array: npt.NDArray[Any], how: int) -> None:
    """Tell the system how an array is used, where it lies in a file of a Room."""
    file = _mapped(array)
    if file in _OURS:
        file.madvise(how)


def _mapped(array: npt.NDArray[Any]) -> Any:
    """Return the mapped file that an array is a view of; None where it is of none."""
    base: Any = array
    while not isinstance(base, mmap.mmap) and base is not None:
        base = getattr(base, "base", None)
    return base


def disk_full(needed: str, folder: Path | None) -> PipelineError:
    """Return the error of a disk without room for what does not fit into memory; folder as in `Room`."""
    return PipelineError(
        f"Expected room on disk for {needed}, got too little in {folder or tempfile.gettempdir()}.",
        hint="Make room there, set TMPDIR to a folder on a larger disk, or allow more --memory.",
    )
